//! What was refused, this attempt or something behind it: only the former was not sent.

use crate::support::{get, kind, nobody, post};
use http::{Request, Response};
use orlop::{
    Body, BoxError, CallContext, Client, Endpoint,
    breaker::{BreakerLayer, Circuit, Settings},
    bulkhead::{BulkheadLayer, Limit},
    connect::{self, Http},
    core::{Kind, http::unavailable},
    discovery, retry,
    retry::{Policy, RetryLayer},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::{Layer, Service, ServiceExt, service_fn};

type Answer = Result<Response<Body>, BoxError>;

/// A service that acts, and then makes a second call and returns what that returned. Tells how often it acted.
fn acting<F, A>(
    second: F,
) -> (
    impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static,
    Arc<AtomicU32>,
)
where
    F: Fn(Request<Body>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let acted = Arc::new(AtomicU32::new(0));
    let count = acted.clone();
    let service = service_fn(move |req: Request<Body>| {
        count.fetch_add(1, Relaxed);
        // As handlers do: the second call inherits the deadline of the first.
        let context = req.extensions().get::<CallContext>().map(CallContext::child);
        let mut outbound = get("/second");
        outbound.extensions_mut().extend(
            context
                .map(|context| {
                    let mut extensions = http::Extensions::new();
                    extensions.insert(context);
                    extensions
                })
                .unwrap_or_default(),
        );
        second(outbound)
    });
    (service, acted)
}

/// Sends a call to `service` through a client that retries as far as it may.
async fn through_a_client<S>(service: S, harmless: bool) -> (Client, Answer)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let endpoints = ["a", "b", "c"].map(|name| Endpoint::new(name, ([127, 0, 0, 1], 9)));
    let client = orlop::client("first")
        .discover(discovery::fixed(endpoints))
        .connect(move |_: &Endpoint| Ok::<_, BoxError>(service.clone()))
        .build()
        .unwrap();
    let mut req = post("/act", "x");
    req.extensions_mut().insert(CallContext::new().idempotent(harmless));
    let answer = client.send(req).await;
    (client, answer)
}

fn open() -> Circuit {
    let circuit = Circuit::new(Settings::default()).named("second");
    circuit.force_open();
    circuit
}

async fn never(_: Request<Body>) -> std::io::Result<Response<Body>> {
    panic!("refused before")
}

#[tokio::test(start_paused = true)]
async fn a_refused_second_call_as_an_error_is_not_tried_again() {
    for harmless in [false, true] {
        let second = BreakerLayer::http(open()).layer(service_fn(never));
        let (service, acted) = acting(move |req| {
            let call = second.clone().oneshot(req);
            async move { Ok(call.await?.map(Body::new)) }
        });
        let (client, answer) = through_a_client(service, harmless).await;
        assert_eq!(kind(&answer.unwrap_err()), Some(Kind::Circuit), "told, though");
        assert_eq!(acted.load(Relaxed), 1, "it acts once, harmless or not: {harmless}");
        let retries = client.snapshot().retries;
        assert_eq!((retries.unsent, retries.paid), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_second_call_as_a_response_is_not_tried_again() {
    let second = BulkheadLayer::http(Limit::new(0)).respond(unavailable).layer(service_fn(never));
    let (service, acted) = acting(move |req| {
        let call = second.clone().oneshot(req);
        async move { Ok(call.await?.map(Body::new)) }
    });
    let (_, answer) = through_a_client(service, false).await;
    assert_eq!(answer.unwrap().status(), 503);
    assert_eq!(acted.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_client_without_endpoints_is_not_tried_again() {
    let second = orlop::client("second")
        .discover(discovery::fixed([]))
        .connect(|_: &Endpoint| Ok::<_, BoxError>(service_fn(never)))
        .build()
        .unwrap();
    let (service, acted) = acting(move |req| {
        let second = second.clone();
        async move { second.send(req).await }
    });
    let (_, answer) = through_a_client(service, false).await;
    assert_eq!(kind(&answer.unwrap_err()), Some(Kind::NoEndpoints));
    assert_eq!(acted.load(Relaxed), 1);
}

#[tokio::test]
async fn a_second_client_that_cannot_connect_is_not_tried_again() {
    let nobody = nobody();
    let dead = Endpoint::new("dead", nobody.addr);
    let second = orlop::client("second")
        .discover(discovery::fixed([dead]))
        .connect(connect::hyper(Http::One))
        .build()
        .unwrap();
    let (service, acted) = acting(move |req| {
        let second = second.clone();
        async move { second.send(req).await }
    });
    let (_, answer) = through_a_client(service, false).await;
    assert!(orlop::core::NotSent::is_in(&*answer.unwrap_err()));
    assert_eq!(acted.load(Relaxed), 1);
}

/// Retries whatever may be, around a guard with this circuit, around a service that counts.
async fn retried(circuit: &Circuit, respond: bool) -> (Policy, u32, Answer) {
    let acted = Arc::new(AtomicU32::new(0));
    let count = acted.clone();
    let service = service_fn(move |_: Request<retry::ReplayBody<Body>>| {
        count.fetch_add(1, Relaxed);
        async { Ok::<_, std::io::Error>(Response::new(Body::from("done"))) }
    });
    let policy = Policy::new(retry::Settings::default().with_budget(
        retry::BudgetSettings::default().with_share(retry::Share::ZERO).with_min_per_second(0),
    ));
    let layer = RetryLayer::http(policy.clone());
    let guard = BreakerLayer::http(circuit.clone());
    let answer = if respond {
        let guarded = guard.respond(unavailable).layer(service);
        layer.layer(guarded).oneshot(post("/act", "x")).await.map(|res| res.map(Body::new))
    } else {
        let guarded = guard.layer(service);
        layer.layer(guarded).oneshot(post("/act", "x")).await.map(|res| res.map(Body::new))
    };
    (policy, acted.load(Relaxed), answer)
}

#[tokio::test(start_paused = true)]
async fn an_open_circuits_refusal_of_this_attempt_is_tried_again_even_for_post() {
    for respond in [false, true] {
        let circuit = Circuit::new(Settings::default());
        for _ in 0..5 {
            circuit.try_enter().unwrap().settle(orlop::core::Verdict::FAILURE);
        }
        let begun = tokio::time::Instant::now();
        let (policy, acted, answer) = retried(&circuit, respond).await;
        // The refusal says when the circuit lets a probe pass; the retry waits for that, and the probe is the call.
        assert_eq!(answer.unwrap().status(), 200, "respond: {respond}");
        assert_eq!(acted, 1);
        assert_eq!(policy.snapshot().unsent, 1);
        assert_eq!(policy.snapshot().paid, 0, "nothing was sent, so nothing was paid");
        assert!(begun.elapsed() <= Duration::from_millis(1001), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_stays_open_ends_the_call_with_its_refusal() {
    let (policy, acted, answer) = retried(&open(), false).await;
    assert_eq!(kind(&answer.unwrap_err()), Some(Kind::Circuit));
    assert_eq!(acted, 0);
    assert_eq!(policy.snapshot().unsent, 2, "three attempts");
}
