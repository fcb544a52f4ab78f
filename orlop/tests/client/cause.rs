//! Which attempt, which endpoint, which layer: on errors and on failing answers, over real sockets.

use crate::support::{get, in_flight, listing, nobody, post, serve, settings, text, until};
use axum::{Router, routing};
use http::StatusCode;
use orlop::{
    Addr, BoxError, Cause, Client, Endpoint, Settings, Update,
    breaker::State,
    cause::Layer,
    connect::{self, Http},
    core::Kind,
    discovery,
};
use std::{num::NonZeroU32, time::Duration};
use tokio::net::TcpListener;

/// Settings of a client that tries a call so often, and whose circuits open at the first failure.
fn tries(attempts: u32, timeout: Option<u64>, attempt_timeout: Option<u64>) -> Settings {
    let mut settings = settings(timeout, attempt_timeout);
    settings.retry.max_attempts = NonZeroU32::new(attempts).unwrap();
    settings
}

fn at_first_failure(mut settings: Settings) -> Settings {
    let text = "[clients.a.circuit]\ntrip = [{ consecutive_failures = 1 }]";
    settings.circuit = orlop::SettingsFile::parse(text).unwrap().client("a").unwrap().circuit;
    settings
}

fn client(settings: Settings, addr: impl Into<Addr>) -> Client {
    orlop::client("playback")
        .settings(settings)
        .discover(discovery::fixed([Endpoint::new("playback-1", addr)]))
        .connect(connect::hyper(Http::One))
        .seeded(1)
        .build()
        .unwrap()
}

fn failing() -> Router {
    Router::new().route("/", routing::any(async || StatusCode::SERVICE_UNAVAILABLE))
}

/// Layer, attempt, attempts there might have been, endpoint, and what refused.
type Said = (Layer, Option<u32>, Option<u32>, Option<String>, Option<Kind>);

fn said(cause: &Cause) -> Said {
    let endpoint = cause.endpoint().map(|endpoint| endpoint.id().to_string());
    let refused = cause.rejected().map(orlop::Rejected::kind);
    (cause.layer(), cause.attempt(), cause.max_attempts(), endpoint, refused)
}

#[track_caller]
fn of(error: &BoxError) -> Cause {
    Cause::of(&**error).unwrap_or_else(|| panic!("an error of ours: {error:?}"))
}

fn at_playback_1() -> Option<String> {
    Some("playback-1".to_owned())
}

#[tokio::test]
async fn refused_by_an_open_circuit() {
    for attempts in [1, 3] {
        let mut settings = at_first_failure(tries(attempts, None, None));
        // Nobody waits for the circuit to let a probe pass.
        settings.retry.max_retry_after = Duration::ZERO;
        let client = client(settings, serve(failing()).await);
        // With retries, the first attempt opens the circuit and the second meets it.
        let result = client.send(get("/")).await;
        let error = match attempts {
            1 => {
                assert_eq!(result.unwrap().status(), 503);
                client.send(get("/")).await.unwrap_err()
            }
            _ => result.unwrap_err(),
        };
        let attempt = attempts.min(2);
        let expected =
            (Layer::Circuit, Some(attempt), Some(attempts), at_playback_1(), Some(Kind::Circuit));
        let cause = of(&error);
        assert_eq!(said(&cause), expected, "{error:?}");
        let wait = cause.rejected().and_then(orlop::Rejected::retry_after);
        assert!(wait.is_some(), "the circuit's own refusal says when to come back");
        let text = cause.to_string();
        let start = format!("attempt {attempt} of {attempts} at playback-1: ");
        assert!(text.starts_with(&start) && text.contains("circuit open"), "{text}");
    }
}

#[tokio::test]
async fn refused_by_a_full_limit() {
    let hangs = Router::new().route("/", routing::get(async || std::future::pending::<()>().await));
    let addr = serve(hangs).await;
    for attempts in [1, 3] {
        let mut settings = tries(attempts, None, None);
        settings.limit = Some(NonZeroU32::MIN);
        let client = client(settings, addr);
        let busy = tokio::spawn({
            let client = client.clone();
            async move { client.send(get("/")).await.map(drop) }
        });
        until("one call in flight", || in_flight(&client.snapshot()) == 1).await;
        let error = client.send(get("/")).await.unwrap_err();
        let expected =
            (Layer::Limit, Some(attempts), Some(attempts), at_playback_1(), Some(Kind::Limit));
        assert_eq!(said(&of(&error)), expected, "{error:?}");
        busy.abort();
    }
}

// The clock stands while anything can happen and jumps to the next timer else; so nothing here waits in earnest.
#[tokio::test(start_paused = true)]
async fn no_answer_within_the_attempts_time() {
    // The kernel completes connections to a listener that nobody serves.
    let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for attempts in [1, 3] {
        let client = client(tries(attempts, None, Some(100)), frozen.local_addr().unwrap());
        let error = client.send(get("/")).await.unwrap_err();
        let expected = (Layer::Deadline, Some(attempts), Some(attempts), at_playback_1(), None);
        assert_eq!(said(&of(&error)), expected, "{error:?}");
    }
    // Not to be repeated: one attempt of three.
    let client = client(tries(3, None, Some(100)), frozen.local_addr().unwrap());
    let error = client.send(post("/", "x")).await.unwrap_err();
    let expected = (Layer::Deadline, Some(1), Some(3), at_playback_1(), None);
    assert_eq!(said(&of(&error)), expected, "{error:?}");
}

#[tokio::test]
async fn no_connection() {
    let nobody = nobody();
    for attempts in [1, 3] {
        let client = client(tries(attempts, None, None), nobody.addr);
        let error = client.send(post("/", "x")).await.unwrap_err();
        let expected = (Layer::Connect, Some(attempts), Some(attempts), at_playback_1(), None);
        assert_eq!(said(&of(&error)), expected, "{error:?}");
    }
}

#[tokio::test]
async fn a_503_of_the_endpoint() {
    let addr = serve(failing()).await;
    for attempts in [1, 3] {
        let client = client(tries(attempts, None, None), addr);
        let res = client.send(get("/")).await.unwrap();
        assert_eq!(res.status(), 503);
        let cause = Cause::in_response(&res).expect("a failing answer says where it came from");
        let expected = (Layer::Service, Some(attempts), Some(attempts), at_playback_1(), None);
        assert_eq!(said(cause), expected);
        assert_eq!(
            cause.to_string(),
            format!("attempt {attempts} of {attempts} at playback-1: service")
        );
    }
}

#[tokio::test]
async fn a_good_answer_carries_no_cause() {
    let app = Router::new().route("/", routing::get(async || "good"));
    let client = client(tries(3, None, None), serve(app).await);
    let res = client.send(get("/")).await.unwrap();
    assert_eq!(Cause::in_response(&res), None);
    assert_eq!(text(res).await, "good");
    let res = client.send(get("/nowhere")).await.unwrap();
    assert_eq!((res.status(), Cause::in_response(&res)), (StatusCode::NOT_FOUND, None));
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_the_services_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    // Takes what comes and hangs up.
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 64]).await;
        }
    });
    let client = client(tries(3, None, None), addr);
    let error = client.send(post("/", "x")).await.unwrap_err();
    let expected = (Layer::Service, Some(1), Some(3), at_playback_1(), None);
    assert_eq!(said(&of(&error)), expected, "{error:?}");
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn nobody_to_call_and_no_time_to_try() {
    let (updates, list) = listing();
    updates.send(Update::Reset(vec![])).unwrap();
    let client = orlop::client("playback")
        .settings(tries(1, None, None))
        .discover(list)
        .connect(connect::hyper(Http::One))
        .build()
        .unwrap();
    tokio::task::yield_now().await;
    let error = client.send(get("/")).await.unwrap_err();
    let expected = (Layer::Balance, Some(1), Some(1), None, Some(Kind::NoEndpoints));
    assert_eq!(said(&of(&error)), expected, "{error:?}");

    let mut late = get("/");
    let passed = orlop::CallContext::new().deadline_at(tokio::time::Instant::now());
    late.extensions_mut().insert(passed);
    let error = client.send(late).await.unwrap_err();
    let expected = (Layer::Deadline, None, None, None, Some(Kind::Deadline));
    assert_eq!(said(&of(&error)), expected, "{error:?}");
    assert_eq!(of(&error).to_string(), "no attempt: deadline exceeded");
}

#[tokio::test]
async fn a_retry_that_the_budget_withheld_is_told() {
    let nobody = nobody();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    for (addr, withheld) in [(addr, true), (nobody.addr, false)] {
        let broke = crate::support::penniless(tries(3, None, None));
        let error = client(broke, addr).send(get("/")).await.unwrap_err();
        assert_eq!(of(&error).is_withheld(), withheld, "{error:?}");
    }
    server.abort();
}

/// A service that itself calls others: what failed there is that service's failure to us, and told by its own error.
#[tokio::test]
async fn the_cause_of_a_second_call_is_not_the_first_ones() {
    let nobody = nobody();
    let inner = client(tries(1, None, None), nobody.addr);
    let outer = orlop::client("home")
        .settings(tries(1, None, None))
        .discover(discovery::fixed([Endpoint::new("home-1", ([127, 0, 0, 1], 9))]))
        .connect(move |_: &Endpoint| Ok::<_, BoxError>(inner.clone()))
        .build()
        .unwrap();
    let error = outer.send(get("/")).await.unwrap_err();
    let cause = of(&error);
    assert_eq!(cause.endpoint().map(|endpoint| endpoint.id().as_str()), Some("home-1"));
    assert_eq!(cause.layer(), Layer::Service, "{error:?}");
    assert_eq!(outer.snapshot().endpoints[0].circuit, Some(State::Closed));
}

#[test]
fn an_error_of_somebody_else_has_no_cause() {
    assert_eq!(Cause::of(&std::io::Error::other("theirs")), None);
}
