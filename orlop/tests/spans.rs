//! The span of a call, as a subscriber sees it.
//!
//! A program of its own, in which every test listens: what is called first where nobody does, `tracing` may take for
//! something that nobody listens to anywhere.

#[path = "support/mod.rs"]
mod support;

use axum::{Router, routing};
use http::StatusCode;
use orlop::{
    Client, Endpoint, Settings, Update,
    connect::{self, Http},
    discovery,
};
use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};
use support::{get, listing, nobody, serve, settings};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

/// Keeps the fields of spans named `orlop.call`, in the order in which they began.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Spans>>);

#[derive(Default)]
struct Spans {
    calls: Vec<BTreeMap<&'static str, Vec<String>>>,
    /// Spans entered and not yet left.
    entered: u32,
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, Vec<String>>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.entry(field.name()).or_default().push(value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.entry(field.name()).or_default().push(format!("{value:?}"));
    }
}

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.name() == "orlop.call"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        let calls = &mut self.0.lock().unwrap().calls;
        calls.push(fields);
        Id::from_u64(calls.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let index = span.into_u64() as usize - 1;
        values.record(&mut Fields(&mut self.0.lock().unwrap().calls[index]));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        self.0.lock().unwrap().entered += 1;
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered -= 1;
    }
}

impl Seen {
    fn listen() -> (Self, DefaultGuard) {
        let seen = Self::default();
        let guard = tracing::subscriber::set_default(seen.clone());
        (seen, guard)
    }

    /// The last span: client, attempts, endpoint, layer, outcome. Each field at most once; "" is none.
    #[track_caller]
    fn last(&self) -> [String; 5] {
        let spans = self.0.lock().unwrap();
        assert_eq!(spans.entered, 0);
        let call = spans.calls.last().expect("a call has a span");
        ["client", "attempts", "endpoint", "layer", "outcome"].map(|field| {
            let values = call.get(field).map_or(&[][..], Vec::as_slice);
            assert!(values.len() < 2, "{field} was set more than once: {values:?}");
            values.first().cloned().unwrap_or_default()
        })
    }
}

fn tries(attempts: u32) -> Settings {
    let mut settings = settings(None, Some(5_000));
    settings.retry.max_attempts = NonZeroU32::new(attempts).unwrap();
    settings
}

fn client(settings: Settings, addr: std::net::SocketAddr) -> Client {
    orlop::client("playback")
        .settings(settings)
        .discover(discovery::fixed([Endpoint::new("playback-1", addr)]))
        .connect(connect::hyper(Http::One))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_span_says_how_the_call_ended_and_where() {
    let (seen, _listening) = Seen::listen();
    let app = Router::new()
        .route("/good", routing::get(async || "good"))
        .route("/bad", routing::get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/slow", routing::get(async || std::future::pending::<()>().await));
    let addr = serve(app).await;

    let healthy = client(tries(3), addr);
    healthy.send(get("/good")).await.unwrap();
    assert_eq!(seen.last(), ["playback", "1", "playback-1", "", "success"]);
    healthy.send(get("/bad")).await.unwrap();
    assert_eq!(seen.last(), ["playback", "3", "playback-1", "service", "failure"]);

    // Given up by its caller.
    let mut slow = Box::pin(healthy.send(get("/slow")));
    let sent = std::future::poll_fn(|cx| {
        let _ = slow.as_mut().poll(cx);
        let sent = healthy.snapshot().endpoints[0].in_flight == 1;
        std::task::Poll::Ready(sent)
    });
    assert!(sent.await);
    drop(slow);
    assert_eq!(seen.last(), ["playback", "1", "playback-1", "", "dropped"]);

    // Refused by a limit that a body holds.
    let mut one = tries(1);
    one.limit = Some(NonZeroU32::MIN);
    let full = client(one, addr);
    let held = full.send(get("/good")).await.unwrap();
    full.send(get("/good")).await.unwrap_err();
    assert_eq!(seen.last(), ["playback", "1", "playback-1", "limit", "refused"]);
    drop(held);

    // The first failure opens the circuit, and the retry meets it.
    let mut hasty = tries(3);
    let text = "[clients.a.circuit]\ntrip = [{ consecutive_failures = 1 }]";
    hasty.circuit = orlop::SettingsFile::parse(text).unwrap().client("a").unwrap().circuit;
    hasty.retry.max_retry_after = std::time::Duration::ZERO;
    client(hasty, addr).send(get("/bad")).await.unwrap_err();
    assert_eq!(seen.last(), ["playback", "2", "playback-1", "circuit", "refused"]);

    let nobody = nobody();
    client(tries(2), nobody.addr).send(get("/")).await.unwrap_err();
    assert_eq!(seen.last(), ["playback", "2", "playback-1", "connect", "failure"]);
}

#[tokio::test(start_paused = true)]
async fn a_span_says_which_endpoint_did_not_answer_in_time() {
    let (seen, _listening) = Seen::listen();
    let frozen = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for attempts in [1, 3] {
        let client = client(tries(attempts), frozen.local_addr().unwrap());
        client.send(get("/")).await.unwrap_err();
        let attempts = &*attempts.to_string();
        assert_eq!(seen.last(), ["playback", attempts, "playback-1", "deadline", "failure"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_grpc_status_in_place_of_an_error_says_the_same() {
    let (seen, _listening) = Seen::listen();
    let (updates, list) = listing();
    updates.send(Update::Reset(vec![])).unwrap();
    let client = orlop::client("health")
        .settings(tries(1))
        .discover(list)
        .connect(connect::hyper(Http::Two))
        .grpc()
        .build()
        .unwrap();
    tokio::task::yield_now().await;
    let res = client.send(get("/")).await.unwrap();
    assert_eq!(res.headers()["grpc-status"], "14");
    assert_eq!(seen.last(), ["health", "1", "", "balance", "refused"]);
}

#[tokio::test]
async fn a_grpc_answer_that_its_trailers_decide_is_only_answered() {
    let (seen, _listening) = Seen::listen();
    let app = Router::new().route("/", routing::get(async || "a message"));
    let client = orlop::client("health")
        .settings(tries(1))
        .discover(discovery::fixed([Endpoint::new("health-1", serve(app).await)]))
        .connect(connect::hyper(Http::Two))
        .grpc()
        .build()
        .unwrap();
    client.send(get("/")).await.unwrap();
    assert_eq!(seen.last(), ["health", "1", "health-1", "", "answered"]);
}

#[tokio::test]
async fn a_client_over_a_service_of_ones_own_says_what_is_known() {
    let (seen, _listening) = Seen::listen();
    let answer = |res: Result<&'static str, &'static str>| {
        tower::service_fn(move |_: http::Request<orlop::Body>| async move {
            Ok::<_, orlop::BoxError>(http::Response::new(orlop::Body::from(res?)))
        })
    };
    Client::over("titles", answer(Ok("a title"))).send(get("/")).await.unwrap();
    assert_eq!(seen.last(), ["titles", "", "", "", "success"]);
    Client::over("titles", answer(Err("down"))).send(get("/")).await.unwrap_err();
    assert_eq!(seen.last(), ["titles", "", "", "", "failure"]);
}
