//! Faults do what they say, and the probe catches who breaks the contract.
#![cfg(feature = "http")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use orlop_core::Ratio;
use orlop_testkit::{Behaviour, Fault, FaultLayer, Injected, MockPool, Mode, Probe};
use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, service_fn};

#[test]
fn the_probe_panics_when_called_unready() {
    let (mut probe, _) = Probe::new();
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut probe, cx))).poll());
    let mut clone = probe.clone();
    catch_unwind(AssertUnwindSafe(|| drop(clone.call(())))).expect_err("ready in another instance");
    drop(probe.call(()));
    catch_unwind(AssertUnwindSafe(|| drop(probe.call(())))).expect_err("ready for one call only");
}

#[test]
fn the_probe_counts_drops_and_holds_answers() {
    let (mut probe, handle) = Probe::new();
    handle.hold();
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut probe, cx))).poll());
    let mut call = task::spawn(probe.call(()));
    assert_pending!(call.poll());
    assert_eq!((handle.in_flight(), handle.dropped()), (1, 0));
    handle.release();
    assert!(call.is_woken());
    assert_ready_ok!(call.poll());
    drop(call);
    assert_eq!((handle.calls(), handle.in_flight(), handle.dropped()), (1, 0, 0));

    handle.block();
    let mut ready = task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut probe, cx)));
    assert_pending!(ready.poll());
    handle.unblock();
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn delays_delay_and_hangs_hang() {
    let fault = Fault::seeded(1);
    let (probe, handle) = Probe::new();
    let service = FaultLayer::new(fault.clone()).layer(probe);
    fault.set(Mode::Delay(Duration::from_secs(3)));
    let start = Instant::now();
    service.clone().oneshot("x").await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3));

    fault.set(Mode::Hang);
    let hung = tokio::time::timeout(Duration::from_secs(3_600), service.oneshot("x")).await;
    assert!(hung.is_err());
    assert_eq!(handle.calls(), 1, "a lost request does not arrive");
    assert_eq!(fault.hits(), 2);
}

#[test]
fn unready_wakes_when_the_fault_ends() {
    let fault = Fault::seeded(1);
    let (probe, _) = Probe::new();
    let mut service = FaultLayer::new(fault.clone()).layer(probe);
    fault.set(Mode::Unready);
    let mut ready = task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx)));
    assert_pending!(ready.poll());
    fault.clear();
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test]
async fn a_share_hits_that_share_from_its_seed() {
    let hits = |seed| async move {
        let fault = Fault::seeded(seed);
        fault.set(Mode::Error);
        fault.share(Ratio::percent(20));
        let (probe, _) = Probe::new();
        let service = FaultLayer::new(fault.clone()).layer(probe);
        let mut hit = Vec::new();
        for _ in 0..1_000 {
            hit.push(service.clone().oneshot(()).await.is_err());
        }
        hit
    };
    let first = hits(5).await;
    let count = first.iter().filter(|hit| **hit).count();
    // Binomial(1000, 0.2): standard deviation 12.6; five of them.
    assert!((137..=263).contains(&count), "{count} of 1000, seed 5");
    assert_eq!(first, hits(5).await, "the same seed hits the same calls");
}

#[tokio::test]
async fn a_truncated_body_fails_after_so_many_bytes() {
    let fault = Fault::seeded(1);
    let page = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"0123456789"))))
    });
    let service = FaultLayer::http(fault.clone()).layer(page);
    let whole = service.clone().oneshot(Request::new(())).await.unwrap();
    assert_eq!(whole.into_body().collect().await.unwrap().to_bytes().len(), 10);
    fault.set(Mode::Truncate(9));
    let cut = service.oneshot(Request::new(())).await.unwrap();
    assert!(cut.into_body().collect().await.map(drop).unwrap_err().is::<Injected>());
}

#[tokio::test(start_paused = true)]
async fn endpoints_of_a_pool_do_as_told() {
    let pool = MockPool::new(["a", "b"]);
    let endpoints = pool.endpoints();
    let a = pool.connect(&endpoints[0]).unwrap();
    pool.set("a", Behaviour::Fails(Duration::from_secs(1)));
    assert!(a.clone().oneshot(()).await.unwrap_err().is::<Injected>());
    pool.set("a", Behaviour::Hangs);
    let hung = tokio::time::timeout(Duration::from_secs(9), a.clone().oneshot(())).await;
    assert!(hung.is_err());
    assert_eq!((pool.calls("a"), pool.in_flight("a"), pool.connects("a")), (2, 0, 1));
    pool.set("a", Behaviour::Refuses);
    a.oneshot(()).await.unwrap_err();
    assert!(pool.connect(&endpoints[0]).is_err());
    assert_eq!(pool.calls("b"), 0);
}
