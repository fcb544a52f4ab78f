//! closedstate_test.go, halfopenstate_test.go, openstate_test.go, circuitbreaker_test.go.

use crate::support::{consecutive, half_open, last, ms, n, n16, plain, play, secs, within};
use orlop_breaker::{
    BreakerLayer, Circuit, OpenTime, Recovery, Trip,
    core::{AnyError, Kind, Rejected},
};
use std::{cell::Cell, io, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn a_threshold_of_one_opens_at_the_first_failure() {
    // E1, failsafe-go: its default.
    play(&Circuit::new(consecutive(1)), "S closed F open x").await;
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_run() {
    // E2, failsafe-go: 3 consecutive.
    play(&Circuit::new(consecutive(3)), "FSFF closed F open x").await;
}

#[tokio::test(start_paused = true)]
async fn two_of_the_last_three_open() {
    // E3, failsafe-go: also before there were three.
    let two_of_three = || Circuit::new(plain(Trip::failures(n(2), last(3))));
    play(&two_of_three(), "FS closed F open x").await;
    play(&two_of_three(), "FF open x").await;
    play(&two_of_three(), "FSS closed FSS closed F closed").await;
}

#[tokio::test(start_paused = true)]
async fn every_second_call_failing_never_makes_three_of_four_nor_two_in_a_row() {
    // E4, failsafe-go.
    let three_of_four = Circuit::new(plain(Trip::failures(n(3), last(4))));
    let two_in_a_row = Circuit::new(consecutive(2));
    for circuit in [three_of_four, two_in_a_row] {
        play(&circuit, &"SF ".repeat(20)).await;
        play(&circuit, "closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_probe_decides_by_default() {
    // E5, failsafe-go.
    play(&half_open(consecutive(1)).await, "F open x").await;
    play(&half_open(consecutive(1)).await, "S closed").await;
}

#[tokio::test(start_paused = true)]
async fn two_failed_probes_of_three_open() {
    // E7, failsafe-go. With one success to spare it is E11, too: two successes of three.
    let probing =
        || async { half_open(consecutive(1).recovery(Recovery::successes_of(n(2), n(3)))).await };
    play(&probing().await, "FS half_open F open x").await;
    play(&probing().await, "FS half_open S closed").await;
    play(&probing().await, "FF open x").await;
    play(&probing().await, "SS closed").await;
}

#[tokio::test(start_paused = true)]
async fn three_successes_close_and_one_failure_opens() {
    // E8, failsafe-go: success threshold 3.
    let probing = || async { half_open(consecutive(1).successes(n(3))).await };
    play(&probing().await, "SS half_open F open x").await;
    play(&probing().await, "SS half_open S closed").await;
}

#[tokio::test(start_paused = true)]
async fn as_many_probes_run_as_are_needed() {
    // E13, failsafe-go: success threshold 3; the fourth to the eighth are refused.
    let circuit = half_open(consecutive(1).probes(n16(3)).successes(n(3))).await;
    let probes: Vec<_> = (0..3).map(|_| circuit.try_enter().unwrap()).collect();
    play(&circuit, "xxxxx half_open").await;
    for probe in probes {
        probe.settle(orlop_breaker::core::Verdict::SUCCESS);
    }
    play(&circuit, "closed").await;
}

#[tokio::test(start_paused = true)]
async fn tries_after_the_circuit_opened_are_refused_and_reach_nobody() {
    // E14, failsafe-go: 7 tries, 3 executions, the last error is the circuit's.
    let executed = Cell::new(0);
    let circuit = Circuit::new(consecutive(3));
    let service = BreakerLayer::new(circuit, AnyError).layer(service_fn(|()| {
        executed.set(executed.get() + 1);
        std::future::ready(Err::<(), _>(io::Error::other("down")))
    }));
    let mut last = None;
    for _ in 0..7 {
        last = service.clone().oneshot(()).await.err();
    }
    let last = last.expect("all of them failed");
    assert_eq!(Rejected::find(&*last).map(Rejected::kind), Some(Kind::Circuit));
    assert_eq!(executed.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_failures_within_a_fifth_of_a_second_open() {
    // E15, failsafe-go: open for no time; half-open, one success closes and the second failure opens.
    let circuit = Circuit::new(
        plain(Trip::failures(n(2), within(ms(200))))
            .open(OpenTime::fixed(Duration::ZERO))
            .recovery(Recovery::successes_of(n(1), n(2))),
    );
    play(&circuit, "FS +210ms FS +50ms closed F open").await;
    play(&circuit, "F half_open F open F half_open S closed").await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_is_left_shrinks_and_is_none_where_nothing_waits() {
    // E17, failsafe-go: remaining delay.
    let circuit = Circuit::new(consecutive(1).open(OpenTime::fixed(secs(1))));
    play(&circuit, "F").await;
    assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(secs(1)));
    play(&circuit, "+110ms").await;
    assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(ms(890)));
    play(&circuit, "+890ms").await;
    let probe = circuit.try_enter().unwrap();
    assert_eq!(circuit.try_enter().unwrap_err().retry_after(), None, "half-open");
    assert_eq!(circuit.snapshot().until(), None);
    drop(probe);
    play(&circuit, "S closed").await;
    assert_eq!(circuit.snapshot().until(), None);
}
