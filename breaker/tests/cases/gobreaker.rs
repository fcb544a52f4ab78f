//! gobreaker_test.go: opens after more than 5 consecutive failures.

use crate::support::{
    consecutive, counting, failing, half_open, in_buckets, n, n16, plain, play, secs, seen, within,
};
use orlop_breaker::{
    BreakerLayer, Circuit, Recovery, Settings, State, Trip,
    core::{BoxError, Verdict, by_result},
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
};
use tower::{Layer, ServiceExt, service_fn};

/// The sixth failure in a row opens; a window shows the counts.
fn gobreaker() -> Settings {
    plain(Trip::consecutive_failures(n(6)).or(counting(within(secs(3600)))))
}

/// Calls, failures, failures in a row.
fn counts(circuit: &Circuit) -> (u64, u64, u64) {
    let (calls, failures, _) = seen(circuit);
    (calls, failures, circuit.snapshot().consecutive_failures())
}

#[tokio::test(start_paused = true)]
async fn counts_follow_each_call_and_are_cleared_when_it_opens() {
    // F1, gobreaker: TestDefaultCircuitBreaker.
    let circuit = Circuit::new(gobreaker());
    play(&circuit, "FFFFF closed").await;
    assert_eq!(counts(&circuit), (5, 5, 5));
    play(&circuit, "S").await;
    assert_eq!(counts(&circuit), (6, 5, 0));
    play(&circuit, "F").await;
    assert_eq!(counts(&circuit), (7, 6, 1));
    play(&circuit, "FFFFF open xx").await;
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.windows().len(), snapshot.consecutive_failures()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_runs_out_exactly_and_anew_after_a_failed_probe() {
    // F2, gobreaker.
    let circuit = Circuit::new(consecutive(1));
    play(&circuit, "F +4999ms x open +1s F open +4999999999ns x +1ns S closed").await;
}

#[tokio::test(start_paused = true)]
async fn a_window_that_tumbles_forgets_all_at_its_edge_and_one_that_slides_does_not() {
    // F3, gobreaker: an interval of 30 s, 60 % of at least 3. X is left out. CHOICE: windows slide by default; one bucket
    // tumbles. Sentinel's tumble, too.
    let tumbling = Circuit::new(plain(failing(60, 3, in_buckets(secs(30), 1))));
    play(&tumbling, "SFN SFN SFN SFN SFN closed").await;
    assert_eq!(seen(&tumbling), (10, 5, 0));
    play(&tumbling, "+29999ms S").await;
    assert_eq!(seen(&tumbling), (11, 5, 0));
    play(&tumbling, "+1ms F").await;
    assert_eq!(seen(&tumbling), (1, 1, 0));
    play(&tumbling, "S closed F open").await;
    let sliding = Circuit::new(plain(failing(60, 3, within(secs(30)))));
    play(&sliding, "SFN SFN SFN SFN SFN +29999ms S +1ms F").await;
    assert_eq!(seen(&sliding), (2, 1, 0), "the last success is 1 ms old");
    play(&sliding, "SF closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_across_an_edge_opens_what_slides_and_escapes_what_tumbles() {
    // Sentinel: LeapArray(1, interval). Six failures within 2 ms, three on each side of the edge.
    let sliding = Circuit::new(plain(failing(50, 6, within(secs(30)))));
    play(&sliding, "SSSS +29999ms FFF closed +1ms FFF open").await;
    let tumbling = Circuit::new(plain(failing(50, 6, in_buckets(secs(30), 1))));
    play(&tumbling, "SSSS +29999ms FFF closed +1ms FFF closed").await;
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_where_it_ends() {
    // gobreaker: a result from an earlier interval is ignored. CHOICE: a call that spans the edge of a window counts; one
    // that spans a transition does not.
    let circuit = Circuit::new(plain(counting(in_buckets(secs(30), 1))));
    play(&circuit, "+29s f").await;
    assert_eq!(seen(&circuit), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn two_successes_and_a_third_in_flight_leave_no_room_for_a_fourth() {
    // F5, gobreaker: at most 3 in half-open. No more probes than the decision still needs.
    let circuit = half_open(consecutive(1).probes(n16(3)).successes(n(3))).await;
    play(&circuit, "SS half_open").await;
    let third = circuit.try_enter().unwrap();
    assert_eq!(circuit.snapshot().probe_results().calls, 2);
    play(&circuit, "x half_open").await;
    third.settle(Verdict::SUCCESS);
    play(&circuit, "closed").await;
    // CHOICE: where more results may be needed, there is room for more.
    let circuit =
        half_open(consecutive(1).probes(n16(3)).recovery(Recovery::successes_of(n(3), n(5)))).await;
    play(&circuit, "SS half_open").await;
    let _third = circuit.try_enter().unwrap();
    play(&circuit, "S closed").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_goes_on() {
    // F7, gobreaker: TestPanicInRequest.
    let circuit = Circuit::new(gobreaker());
    let service = BreakerLayer::new(circuit.clone(), orlop_breaker::core::AnyError)
        .layer(service_fn(async |()| -> Result<(), BoxError> { panic!("by test") }));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut call = pin!(service.oneshot(()));
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(panicked.is_err(), "the caller sees it");
    assert_eq!(counts(&circuit), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_classifier_decides_what_is_a_success() {
    // F9, gobreaker: TestCustomIsSuccessful, always true.
    let circuit = Circuit::new(gobreaker());
    let service =
        BreakerLayer::new(circuit.clone(), by_result(|_: Result<&(), _>| Verdict::SUCCESS))
            .layer(service_fn(async |()| Err::<(), BoxError>("down".into())));
    for _ in 0..5 {
        service.clone().oneshot(()).await.unwrap_err();
    }
    assert_eq!((counts(&circuit), circuit.state()), ((5, 0, 0), State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_failures_has_no_age() {
    // gobreaker: interval 0, nothing is cleared by time.
    let circuit = Circuit::new(gobreaker());
    play(&circuit, "FFFFF +100000s F open").await;
}
