//! A server that does not answer, a connection that does not come about, a call whose time is over.

use crate::support::{get, has, in_flight, kind, mocks, settings, text};
use orlop::{
    CallContext, Endpoint,
    breaker::State,
    connect::{self, Http},
    core::{Kind, http::Deadline},
    discovery,
    retry::TimedOut,
};
use orlop_testkit::{Behaviour, MockPool};
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, time::Instant};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// The clock stands while anything can happen and jumps to the next timer else; so nothing here waits in earnest.
#[tokio::test(start_paused = true)]
async fn a_frozen_server_costs_one_attempt_deadline_and_trips_its_circuit() {
    // The kernel completes connections to a listener that nobody serves, as it does for a stopped process.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let frozen = Endpoint::new("frozen", listener.local_addr().unwrap());
    let mut settings = settings(None, Some(100));
    settings.retry.max_attempts = NonZeroU32::MIN;
    let client = orlop::client("playback")
        .settings(settings)
        .discover(discovery::fixed([frozen]))
        .connect(connect::hyper(Http::One))
        .build()
        .unwrap();
    for call in 1..=5 {
        let begun = Instant::now();
        let error = client.send(get("/")).await.unwrap_err();
        assert!(has::<TimedOut>(&error), "call {call}: {error:?}");
        assert_eq!(begun.elapsed().as_millis(), 100, "call {call}");
    }
    let [endpoint] = &client.snapshot().endpoints[..] else { panic!("one endpoint") };
    assert_eq!(endpoint.circuit, Some(State::Open), "time-outs are failures");
    assert_eq!(endpoint.in_flight, 0);

    let begun = Instant::now();
    let error = client.send(get("/")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::AllRefused));
    assert_eq!(begun.elapsed(), Duration::ZERO, "refused without trying");
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn after_an_attempt_deadline_another_endpoint_answers() {
    let pool = MockPool::new(["frozen", "good"]);
    pool.set("frozen", Behaviour::Hangs);
    let client = orlop::client("playback")
        .settings(settings(Some(1000), Some(100)))
        .discover(discovery::fixed(pool.endpoints()))
        .connect(mocks(&pool))
        .seeded(3)
        .build()
        .unwrap();
    for call in 0..50 {
        let begun = Instant::now();
        assert_eq!(text(client.send(get("/")).await.unwrap()).await, "good");
        assert!(begun.elapsed() <= millis(101), "call {call} took {:?}", begun.elapsed());
    }
    assert!(pool.calls("frozen") > 0, "it was never tried");
    assert_eq!(pool.in_flight("frozen"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_total_deadline_ends_a_call_whatever_its_attempts_do() {
    let pool = MockPool::new(["a", "b", "c"]);
    for endpoint in pool.endpoints() {
        pool.set(endpoint.id().as_str(), Behaviour::Hangs);
    }
    let client = orlop::client("playback")
        .settings(settings(Some(250), Some(100)))
        .discover(discovery::fixed(pool.endpoints()))
        .connect(mocks(&pool))
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.send(get("/")).await.unwrap_err();
    assert!(has::<TimedOut>(&error), "{error:?}");
    assert_eq!(begun.elapsed().as_millis(), 250, "two attempts of 100 ms and what was left");
    assert_eq!(in_flight(&client.snapshot()), 0);

    // The caller's own deadline counts if it is earlier, and one that has passed sends nothing.
    let mut hasty = get("/");
    hasty.extensions_mut().insert(CallContext::new().timeout(millis(30)));
    let begun = Instant::now();
    client.send(hasty).await.unwrap_err();
    assert_eq!(begun.elapsed().as_millis(), 30);
    let calls =
        |pool: &MockPool| ["a", "b", "c"].iter().map(|name| pool.calls(name)).sum::<usize>();
    let before = calls(&pool);
    let mut late = get("/");
    late.extensions_mut().insert(CallContext::new().deadline_at(Instant::now()));
    let error = client.send(late).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::Deadline));
    assert_eq!(calls(&pool), before);
}

#[tokio::test(start_paused = true)]
async fn the_attempt_deadline_covers_connecting() {
    let never = connect::hyper_over(Http::One, |_: &Endpoint| {
        std::future::pending::<std::io::Result<tokio::net::TcpStream>>()
    });
    let mut settings = settings(None, Some(100));
    settings.retry.max_attempts = NonZeroU32::MIN;
    let client = orlop::client("playback")
        .settings(settings)
        .discover(discovery::fixed([Endpoint::new("a", ([127, 0, 0, 1], 9))]))
        .connect(never)
        .build()
        .unwrap();
    for _ in 0..5 {
        assert!(has::<TimedOut>(&client.send(get("/")).await.unwrap_err()));
    }
    assert_eq!(client.snapshot().endpoints[0].circuit, Some(State::Open));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_tells_the_server_what_is_left() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let client = orlop::client("playback")
        .settings(settings(Some(250), Some(100)))
        .discover(discovery::fixed([Endpoint::new("a", ([127, 0, 0, 1], 9))]))
        .connect(move |_: &Endpoint| {
            let heard = heard.clone();
            Ok::<_, std::convert::Infallible>(tower::service_fn(
                move |req: http::Request<orlop::Body>| {
                    let left = Deadline::read(req.headers(), millis(10_000), Instant::now());
                    let left = left.unwrap().map(|at| at.saturating_duration_since(Instant::now()));
                    heard.lock().unwrap().push(left.map(|left| left.as_millis()));
                    std::future::pending::<Result<http::Response<orlop::Body>, orlop::BoxError>>()
                },
            ))
        })
        .build()
        .unwrap();
    client.send(get("/")).await.unwrap_err();
    assert_eq!(*told.lock().unwrap(), [Some(100), Some(100), Some(50)]);
}
