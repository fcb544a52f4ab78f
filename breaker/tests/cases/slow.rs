//! Slow calls: longer than 4 s to the head.

use crate::support::{SLOW, half_open, last, n, pass, plain, play, secs, seen, slow, within};
use orlop_breaker::{
    Cause, Circuit, Counts, Recovery, State, Trip,
    core::{Note, Now, Ratio, Verdict},
};
use std::time::Duration;

async fn taking(circuit: &Circuit, time: Duration) {
    let call = circuit.try_enter().unwrap();
    pass(time).await;
    call.settle(Verdict::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn the_time_itself_is_not_slow() {
    // resilience4j: duration > threshold.
    let circuit = Circuit::new(plain(slow(50, 2, last(10))));
    taking(&circuit, secs(4)).await;
    taking(&circuit, secs(4)).await;
    assert_eq!((seen(&circuit), circuit.state()), ((2, 0, 0), State::Closed));
    taking(&circuit, secs(4) + Duration::from_nanos(1)).await;
    assert_eq!((seen(&circuit), circuit.state()), ((3, 0, 1), State::Closed));
    taking(&circuit, SLOW).await;
    assert_eq!(circuit.state(), State::Open, "2 of 4");
}

#[tokio::test(start_paused = true)]
async fn slow_successes_open_and_quick_failures_do_not() {
    let circuit = Circuit::new(plain(slow(50, 4, within(secs(60)))));
    play(&circuit, "FFFFFFFF closed").await;
    assert_eq!(seen(&circuit), (8, 8, 0));
    let circuit = Circuit::new(plain(slow(50, 4, within(secs(60)))));
    play(&circuit, "Ss Ss open").await;
    // A quick success never does: it is a slow call that opens.
    let circuit = Circuit::new(plain(slow(50, 4, within(secs(60)))));
    play(&circuit, "sss S closed S closed s open").await;
    let circuit = Circuit::new(plain(slow(50, 4, within(secs(60)))).trip_on_success(true));
    play(&circuit, "sss S open").await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_success_ends_a_run_of_failures() {
    let circuit = Circuit::new(plain([Trip::consecutive_failures(n(3)), slow(100, 9, last(9))]));
    play(&circuit, "FF s FF closed F open").await;
    assert_eq!(circuit.snapshot().cause(), Some(Cause::ConsecutiveFailures(3)));
}

#[tokio::test(start_paused = true)]
async fn each_rule_has_its_own_time() {
    let quick = Trip::slow_rate(Ratio::percent(100), secs(1), n(3), last(3)).unwrap();
    let circuit = Circuit::new(plain([quick, slow(50, 4, last(4))]));
    for seconds in [2, 2, 5] {
        assert_eq!(circuit.state(), State::Closed);
        taking(&circuit, secs(seconds)).await;
    }
    let cause = Cause::SlowRate(Counts { calls: 3, failures: 0, slow: 3 });
    assert_eq!(circuit.snapshot().cause(), Some(cause));
}

#[tokio::test(start_paused = true)]
async fn the_time_ends_with_the_head() {
    let circuit = Circuit::new(plain(slow(50, 1, last(10))));
    for head in [Some(&Verdict::SUCCESS), None] {
        let mut call = circuit.try_enter().unwrap();
        pass(secs(1)).await;
        call.note(Note::Head(head), &Now::lazy());
        pass(secs(3600)).await;
        call.settle(Verdict::SUCCESS);
    }
    assert_eq!((seen(&circuit), circuit.state()), ((2, 0, 0), State::Closed));
    // And a late head is slow at once, before the body has ended.
    let mut call = circuit.try_enter().unwrap();
    pass(SLOW).await;
    call.note(Note::Head(Some(&Verdict::SUCCESS)), &Now::lazy());
    assert_eq!(seen(&circuit), (3, 0, 1));
    drop(call);
    assert_eq!(seen(&circuit), (3, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_is_a_failed_one_where_a_rule_watches() {
    let watching = || plain([Trip::consecutive_failures(n(1)), slow(50, 100, last(100))]);
    let circuit = half_open(watching()).await;
    play(&circuit, "s open x").await;
    let cause = Cause::ProbesFailed(Counts { calls: 1, failures: 1, slow: 1 });
    assert_eq!(circuit.snapshot().cause(), Some(cause));
    play(&half_open(plain(Trip::consecutive_failures(n(1)))).await, "s closed").await;
    let rate = Recovery::failure_rate(Ratio::HALF, n(4));
    play(&half_open(watching().recovery(rate)).await, "sSSS closed").await;
    play(&half_open(watching().recovery(rate)).await, "sfSS open").await;
}
