//! Calls as OpenTelemetry spans, clients as OpenTelemetry metrics. The exporters keep all in memory; one over OTLP goes in
//! the same two places.

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider as _},
    trace::TracerProvider as _,
};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use orlop::{
    Body, BoxError, Catalogue, Endpoint,
    breaker::State,
    connect::{self, Http},
    discovery,
};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Spans: `orlop.call`, one for each call, at level debug.
    let spans = InMemorySpanExporter::default();
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let subscriber = tracing_subscriber::registry()
        .with(Targets::new().with_target("orlop", tracing::Level::DEBUG))
        .with(tracing_opentelemetry::layer().with_tracer(tracers.tracer("orlop")));
    tracing::subscriber::set_global_default(subscriber)?;

    // Metrics: what the catalogue shows, whenever the reader asks.
    let metrics = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(metrics.clone()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let catalogue = Catalogue::new();
    observe(&meters.meter("orlop"), &catalogue);

    let broken = server(get(async || StatusCode::INTERNAL_SERVER_ERROR)).await?;
    let client = orlop::client("titles")
        .discover(discovery::fixed([Endpoint::new("titles-1", broken)]))
        .connect(connect::hyper(Http::One))
        .catalogue(&catalogue)
        .build()?;
    for _ in 0..2 {
        let _ = client.send(Request::get("/").body(Body::empty())?).await;
    }

    for span in spans.get_finished_spans()? {
        let fields: Vec<_> =
            span.attributes.iter().map(|field| format!("{}={}", field.key, field.value)).collect();
        println!("{}: {}", span.name, fields.join(" "));
        assert_eq!(span.name, "orlop.call");
        assert!(fields.contains(&"endpoint=titles-1".to_owned()), "{fields:?}");
    }
    meters.force_flush()?;
    let open = last(&metrics, "orlop.endpoint.circuit_open")?;
    println!("open circuits of titles-1: {open}");
    assert_eq!(open, 1, "six failures opened it");
    Ok(())
}

/// One gauge for each number that the catalogue has of an endpoint.
fn observe(meter: &Meter, catalogue: &Catalogue) {
    let shown = catalogue.clone();
    let open = meter.u64_observable_gauge("orlop.endpoint.circuit_open").with_callback(move |to| {
        for client in shown.clients() {
            for endpoint in &client.endpoints {
                let open = u64::from(endpoint.circuit == Some(State::Open));
                to.observe(open, &labels(&client.name, endpoint.id.as_str()));
            }
        }
    });
    open.build();
    let shown = catalogue.clone();
    let in_flight =
        meter.u64_observable_gauge("orlop.endpoint.in_flight").with_callback(move |to| {
            for client in shown.clients() {
                for endpoint in &client.endpoints {
                    to.observe(endpoint.in_flight, &labels(&client.name, endpoint.id.as_str()));
                }
            }
        });
    in_flight.build();
}

fn labels(client: &str, endpoint: &str) -> [KeyValue; 2] {
    [KeyValue::new("client", client.to_owned()), KeyValue::new("endpoint", endpoint.to_owned())]
}

/// The last value that was exported of a gauge.
fn last(exported: &InMemoryMetricExporter, name: &str) -> Result<u64, BoxError> {
    let exported = exported.get_finished_metrics()?;
    let scopes = exported.iter().flat_map(|resource| resource.scope_metrics());
    let metrics = scopes.flat_map(|scope| scope.metrics()).filter(|metric| metric.name() == name);
    match metrics.last().map(|metric| metric.data()) {
        Some(AggregatedMetrics::U64(MetricData::Gauge(gauge))) => {
            Ok(gauge.data_points().map(|point| point.value()).sum())
        }
        _ => Err(format!("no gauge {name} was exported").into()),
    }
}

async fn server(answer: axum::routing::MethodRouter) -> std::io::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, Router::new().route("/", answer)).into_future());
    Ok(addr)
}
