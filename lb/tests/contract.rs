//! Tower's contract: only services that were ready are called, by the instance that was ready.

mod support;

use orlop_lb::{
    Balance,
    core::{AnyError, BoxError},
    fixed,
};
use orlop_testkit::Probe;
use support::{endpoint, settle};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::Service;

#[tokio::test(start_paused = true)]
async fn only_what_is_ready_is_called() {
    // The probe panics if it is called unready.
    let (probe, handle) = Probe::new();
    let connect = move |_: &_| Ok::<_, BoxError>(probe.clone());
    let mut balance = Balance::builder(fixed([endpoint("a")]), connect, AnyError).build();
    settle().await;
    handle.block();
    let ready = task::spawn(()).enter(|cx, _| Service::<&str>::poll_ready(&mut balance, cx));
    assert_ready_ok!(ready, "the balancer is always ready");
    let mut call = task::spawn(balance.call("x"));
    assert_pending!(call.poll(), "and waits for the endpoint in the future");
    assert_eq!(handle.calls(), 0);
    handle.unblock();
    assert!(call.is_woken(), "readiness wakes the call");
    assert!(assert_ready!(call.poll()).is_ok());
    assert_eq!(handle.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_readiness_is_hoarded_by_clones() {
    let (probe, handle) = Probe::new();
    let connect = move |_: &_| Ok::<_, BoxError>(probe.clone());
    let balance = Balance::builder(fixed([endpoint("a")]), connect, AnyError).build();
    settle().await;
    let mut clones: Vec<_> = (0..8).map(|_| balance.clone()).collect();
    for clone in &mut clones {
        let ready = task::spawn(()).enter(|cx, _| Service::<&str>::poll_ready(clone, cx));
        assert_ready_ok!(ready);
    }
    for clone in &mut clones {
        clone.call("x").await.unwrap();
    }
    assert_eq!(handle.calls(), 8);
}
