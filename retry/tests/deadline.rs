//! The laws of `DeadlineLayer` on plain values.

mod support;

use orlop_retry::{
    DeadlineLayer, TimedOut,
    core::{Attempt, CallContext, Kind, Rejected, Verdict},
};
use orlop_testkit::Probe;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Waker},
    time::Duration,
};
use support::{Answer, LENS, call, lens, server};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt};

const LIMIT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn it_is_always_ready_and_covers_readiness() {
    let (probe, handle) = Probe::new();
    handle.block();
    let mut service = DeadlineLayer::new(LIMIT).layer(probe);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::<&str>::poll_ready(&mut service, &mut cx).is_ready());
    let (mut served, mut late) =
        (task::spawn(service.clone().call("served")), task::spawn(service.call("late")));
    assert_pending!(served.poll());
    assert_pending!(late.poll());
    handle.unblock();
    assert_eq!(assert_ready_ok!(served.poll()), "served");
    advance(LIMIT + Duration::from_millis(1)).await;
    // It asks the service first: what is there in time is not thrown away.
    assert_eq!(assert_ready_ok!(late.poll()), "late");
}

#[tokio::test(start_paused = true)]
async fn the_inner_call_is_dropped_at_its_deadline_and_gates_see_why() {
    let (server, _) = server(|_| Answer::Hang);
    let ends = support::Ends::default();
    let guarded = orlop_retry::core::GuardLayer::new(ends.clone(), orlop_retry::core::AnyError)
        .context(lens)
        .layer(server);
    let service = DeadlineLayer::new(LIMIT).context(LENS).layer(guarded);
    let started = Instant::now();
    let error = service.oneshot(call(CallContext::new())).await.unwrap_err();
    let timed_out = error.downcast_ref::<TimedOut>().unwrap();
    assert_eq!((timed_out.attempt(), timed_out.after()), (1, started.elapsed()));
    assert_eq!(ends.list(), [Verdict::TIMED_OUT]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_a_refusal() {
    let (server, log) = server(|_| Answer::Ok("done"));
    let service = DeadlineLayer::new(None).context(LENS).layer(server);
    let attempt = Attempt::single();
    let late = CallContext::new().deadline_at(Instant::now()).with_attempt(attempt.clone());
    let error = service.clone().oneshot(call(late)).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).unwrap().kind(), Kind::Deadline);
    assert!(Rejected::unsent(&*error, attempt.id()));
    assert!(log.lock().unwrap().is_empty());
    assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn cancelling_and_panics_drop_the_inner_call() {
    let (probe, handle) = Probe::new();
    handle.hold();
    let service = DeadlineLayer::new(LIMIT).layer(probe);
    drop(service.clone().oneshot("unpolled"));
    assert_eq!(handle.calls(), 0);
    let mut running = task::spawn(service.clone().oneshot("running"));
    assert_pending!(running.poll());
    drop(running);
    assert_eq!((handle.dropped(), handle.in_flight()), (1, 0));
    handle.release();
    handle.panic();
    let mut panics = task::spawn(service.oneshot("panics"));
    catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("the probe panics");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_pass() {
    let (server, _) = server(|_| Answer::fails("no answer"));
    let service = DeadlineLayer::new(LIMIT).context(LENS).layer(server);
    let error = assert_ready_err!(task::spawn(service.oneshot(call(CallContext::new()))).poll());
    assert_eq!(error.to_string(), "no answer");
}
