//! Endpoints that come and go, and what becomes of calls where there are none.

use crate::support::{get, kind, listing, mocks, settings, text};
use orlop::{Endpoint, Update, core::Kind, discovery};
use orlop_testkit::{Behaviour, MockPool};
use std::time::Duration;
use tokio::time::Instant;

/// Lets the balancer's task take in what is there. It needs no timer, so no call is under way and no time passes.
async fn idle() {
    let begun = Instant::now();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn without_endpoints_a_call_is_refused_at_once() {
    let pool = MockPool::new(["a"]);
    let client = orlop::client("playback")
        .settings(settings(None, None))
        .discover(discovery::fixed([]))
        .connect(mocks(&pool))
        .build()
        .unwrap();
    idle().await;
    let begun = Instant::now();
    let error = client.send(get("/")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::NoEndpoints), "{error:?}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let rejected = orlop::Rejected::find(&*error).unwrap();
    assert_eq!(rejected.to_string(), "playback: no endpoints");
}

#[tokio::test(start_paused = true)]
async fn while_discovery_says_nothing_a_call_waits_but_not_for_ever() {
    let pool = MockPool::new(["a"]);
    let client = orlop::client("playback")
        .settings(settings(None, None))
        .discover(futures_util::stream::pending())
        .connect(mocks(&pool))
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.send(get("/")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::NoEndpoints), "{error:?}");
    // Each of three attempts waits for a second.
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_the_first_endpoints_gets_one() {
    let pool = MockPool::new(["a"]);
    let (list, updates) = listing();
    let client = orlop::client("playback")
        .settings(settings(None, None))
        .discover(updates)
        .connect(mocks(&pool))
        .build()
        .unwrap();
    let call = tokio::spawn(async move { client.send(get("/")).await });
    idle().await;
    list.send(Update::Reset(pool.endpoints())).unwrap();
    assert_eq!(text(call.await.unwrap().unwrap()).await, "a");
}

#[tokio::test(start_paused = true)]
async fn updates_are_taken_in_while_the_client_is_idle() {
    let pool = MockPool::new(["a", "b"]);
    let [a, b] = pool.endpoints().try_into().unwrap();
    let (list, updates) = listing();
    list.send(Update::Reset(vec![a])).unwrap();
    let client = orlop::client("playback")
        .settings(settings(None, None))
        .discover(updates)
        .connect(mocks(&pool))
        .build()
        .unwrap();
    assert_eq!(text(client.send(get("/")).await.unwrap()).await, "a");

    list.send(Update::Upsert(b.clone())).unwrap();
    list.send(Update::Remove("a".into())).unwrap();
    idle().await;
    assert_eq!(pool.connects("b"), 1, "connected without a call");
    let known: Vec<_> = client.snapshot().endpoints.iter().map(|e| e.id.to_string()).collect();
    assert_eq!(known, ["b"]);
    assert_eq!(text(client.send(get("/")).await.unwrap()).await, "b");
    assert_eq!(pool.calls("a"), 1);

    list.send(Update::Stale(Duration::from_secs(7))).unwrap();
    idle().await;
    assert_eq!(client.snapshot().stale_for, Some(Duration::from_secs(7)));
    assert_eq!(text(client.send(get("/")).await.unwrap()).await, "b", "stale is better than none");

    list.send(Update::Reset(vec![])).unwrap();
    idle().await;
    let error = client.send(get("/")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::NoEndpoints));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_listed_again_keeps_its_circuit() {
    let pool = MockPool::new(["a"]);
    pool.set("a", Behaviour::Fails(Duration::ZERO));
    let (list, updates) = listing();
    list.send(Update::Reset(pool.endpoints())).unwrap();
    let client = orlop::client("playback")
        .settings(settings(None, None))
        .discover(updates)
        .connect(mocks(&pool))
        .build()
        .unwrap();
    for _ in 0..2 {
        client.send(get("/")).await.unwrap_err();
    }
    let open = client.snapshot().endpoints[0].circuit;
    assert_eq!(open, Some(orlop::breaker::State::Open));
    let heavier = std::num::NonZeroU32::new(2).unwrap();
    let addr = pool.endpoints()[0].addr().clone();
    list.send(Update::Reset(vec![Endpoint::builder("a", addr).weight(heavier).build()])).unwrap();
    idle().await;
    let snapshot = client.snapshot();
    assert_eq!(snapshot.endpoints[0].endpoint.weight(), heavier, "the update was taken in");
    assert_eq!(snapshot.endpoints[0].circuit, open);
    assert_eq!(pool.connects("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cannot_be_connected_is_left_out_shown_and_tried_again() {
    let pool = MockPool::new(["a", "b"]);
    pool.set("a", Behaviour::Refuses);
    let catalogue = orlop::Catalogue::new();
    let client = orlop::client("playback")
        .settings(settings(None, None))
        .discover(discovery::fixed(pool.endpoints()))
        .connect(mocks(&pool))
        .catalogue(&catalogue)
        .build()
        .unwrap();
    for _ in 0..10 {
        assert_eq!(text(client.send(get("/")).await.unwrap()).await, "b");
    }
    let snapshot = client.snapshot();
    assert_eq!(snapshot.endpoints.len(), 1);
    let [failing] = &snapshot.failing[..] else { panic!("{snapshot:?}") };
    assert_eq!((failing.endpoint.id().as_str(), failing.failures), ("a", 1));
    assert_eq!(failing.error.to_string(), "connection refused");
    let text = catalogue.prometheus();
    assert!(text.contains("orlop_client_failed_connects_total{client=\"playback\"} 1\n"), "{text}");

    pool.set("a", Behaviour::Answers(Duration::ZERO));
    tokio::time::sleep_until(failing.retry_at).await;
    idle().await;
    let snapshot = client.snapshot();
    assert_eq!((snapshot.endpoints.len(), snapshot.failing.len()), (2, 0));
    assert_eq!(snapshot.failed_connects, 1);
}
