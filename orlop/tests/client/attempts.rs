//! What is tried again, where, and at whose cost.

use crate::support::{get, has, kind, mocks, nobody, penniless, post, serve, settings, text};
use axum::{Router, routing::post as on_post};
use orlop::{
    CallContext, Client, Endpoint,
    breaker::State,
    connect::{self, Http},
    core::Kind,
    discovery,
    retry::AttemptError,
};
use orlop_testkit::{Behaviour, Injected, MockPool};
use std::{num::NonZeroU32, time::Duration};

fn over(pool: &MockPool, settings: orlop::Settings) -> Client {
    orlop::client("playback")
        .settings(settings)
        .discover(discovery::fixed(pool.endpoints()))
        .connect(mocks(pool))
        .seeded(1)
        .build()
        .unwrap()
}

fn total(pool: &MockPool) -> usize {
    pool.endpoints().iter().map(|endpoint| pool.calls(endpoint.id().as_str())).sum()
}

#[test]
fn a_client_fits_in_a_struct() {
    fn fits<T: Clone + Send + Sync + Unpin + 'static>() {}
    #[derive(Clone)]
    struct App {
        _playback: Client,
    }
    fits::<App>();
    fits::<Client>();
}

#[tokio::test]
async fn a_refused_connection_is_tried_elsewhere_for_free_even_for_post() {
    let app = Router::new().route("/plays", on_post(async |body: String| body));
    let alive = Endpoint::new("alive", serve(app).await);
    let nobody = nobody();
    let dead = Endpoint::new("dead", nobody.addr);
    let client = orlop::client("playback")
        .settings(penniless(settings(Some(20_000), None)))
        .discover(discovery::fixed([alive, dead]))
        .connect(connect::hyper(Http::One))
        .seeded(1)
        .build()
        .unwrap();
    for play in 0..20 {
        let res = client.send(post("/plays", format!("play {play}"))).await.unwrap();
        assert_eq!(
            text(res).await,
            format!("play {play}"),
            "the body went along to the second try"
        );
    }
    let retries = client.snapshot().retries;
    assert_eq!(retries.calls, 20);
    assert!(retries.unsent > 0, "the dead endpoint was never picked: {retries:?}");
    assert_eq!((retries.paid, retries.withheld), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_post_that_was_sent_is_not_tried_again_and_a_get_is() {
    let pool = MockPool::new(["a", "b", "c"]);
    for endpoint in pool.endpoints() {
        pool.set(endpoint.id().as_str(), Behaviour::Fails(Duration::ZERO));
    }
    let client = over(&pool, settings(None, None));

    let error = client.send(post("/plays", "x")).await.unwrap_err();
    assert!(has::<Injected>(&error), "{error:?}");
    assert_eq!(total(&pool), 1, "sent, and not idempotent");
    assert_eq!(client.snapshot().retries.paid, 0);

    let error = client.send(get("/plays/1")).await.unwrap_err();
    assert_eq!(error.downcast_ref::<AttemptError>().map(AttemptError::attempt), Some(3));
    assert_eq!(total(&pool), 1 + 3);
    assert_eq!(client.snapshot().retries.paid, 2, "the budget paid for two retries");
    // One of three has had both calls' first attempts or not, but each attempt of the GET went elsewhere.
    let calls = ["a", "b", "c"].map(|name| pool.calls(name));
    assert!(calls.iter().all(|&calls| calls > 0), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn the_call_says_what_its_method_does_not() {
    let pool = MockPool::new(["a", "b"]);
    pool.set("a", Behaviour::Fails(Duration::ZERO));
    pool.set("b", Behaviour::Fails(Duration::ZERO));
    let client = over(&pool, settings(None, None));

    let mut harmless = post("/plays", "x");
    harmless.extensions_mut().insert(CallContext::new().idempotent(true));
    client.send(harmless).await.unwrap_err();
    assert_eq!(total(&pool), 3);

    let mut once = get("/plays/1");
    once.extensions_mut().insert(CallContext::new().without_retry());
    client.send(once).await.unwrap_err();
    assert_eq!(total(&pool), 4);
}

#[tokio::test(start_paused = true)]
async fn without_budget_a_failure_is_returned() {
    let pool = MockPool::new(["a", "b"]);
    pool.set("a", Behaviour::Fails(Duration::ZERO));
    pool.set("b", Behaviour::Fails(Duration::ZERO));
    let client = over(&pool, penniless(settings(None, None)));
    client.send(get("/plays/1")).await.unwrap_err();
    assert_eq!(total(&pool), 1);
    assert_eq!(client.snapshot().retries.withheld, 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_passed_over_and_all_open_refuse() {
    let pool = MockPool::new(["bad", "good"]);
    pool.set("bad", Behaviour::Fails(Duration::ZERO));
    // Too short to wait for a circuit to let a probe pass.
    let mut settings = settings(Some(10), None);
    // Without a memory of failures in the estimate, only the circuit keeps calls away.
    settings.balance = settings.balance.policy(orlop::lb::Policy::LeastInFlight);
    settings.balance = settings.balance.penalty(Duration::ZERO);
    let client = over(&pool, settings);
    for _ in 0..60 {
        assert_eq!(text(client.send(get("/")).await.unwrap()).await, "good");
    }
    assert_eq!(pool.calls("bad"), 5, "five failures in a row open its circuit");
    let states: Vec<_> =
        client.snapshot().endpoints.iter().map(|e| (e.id.to_string(), e.circuit)).collect();
    assert!(states.contains(&("bad".into(), Some(State::Open))), "{states:?}");
    assert!(states.contains(&("good".into(), Some(State::Closed))), "{states:?}");

    pool.set("good", Behaviour::Fails(Duration::ZERO));
    for _ in 0..5 {
        client.send(post("/", "x")).await.unwrap_err();
    }
    let before = total(&pool);
    let error = client.send(post("/", "x")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::AllRefused), "{error:?}");
    assert_eq!(total(&pool), before);
    let wait = orlop::Rejected::find(&*error).unwrap().retry_after();
    assert!(wait.is_some_and(|wait| wait <= Duration::from_secs(30)), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_endpoint_is_passed_over() {
    let pool = MockPool::new(["a", "b"]);
    pool.set("a", Behaviour::Hangs);
    pool.set("b", Behaviour::Hangs);
    let mut settings = penniless(settings(None, None));
    settings.limit = Some(NonZeroU32::MIN);
    settings.retry.max_attempts = NonZeroU32::MIN;
    let client = over(&pool, settings);
    let mut calls: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(get("/")).await.map(drop) })
        })
        .collect();
    while pool.in_flight("a") + pool.in_flight("b") < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((pool.in_flight("a"), pool.in_flight("b")), (1, 1));
    let error = client.send(get("/")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::AllRefused));
    let gone = calls.pop().unwrap();
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(pool.in_flight("a") + pool.in_flight("b"), 1, "the dropped call ended at once");
    assert_eq!(crate::support::in_flight(&client.snapshot()), 1);
    calls.pop().unwrap().abort();
}

#[tokio::test(start_paused = true)]
async fn an_error_says_which_attempt_which_endpoint_and_why() {
    let pool = MockPool::new(["a"]);
    pool.set("a", Behaviour::Fails(Duration::ZERO));
    let client = over(&pool, settings(None, None));
    let error = client.send(get("/")).await.unwrap_err();
    let first: &(dyn std::error::Error + 'static) = &*error;
    let levels = std::iter::successors(Some(first), |error| error.source());
    let levels: Vec<_> = levels.map(ToString::to_string).collect();
    assert_eq!(
        levels,
        ["attempt 3 failed at a", "call to a at 127.0.0.1:1 failed", &Injected.to_string()]
    );
}
