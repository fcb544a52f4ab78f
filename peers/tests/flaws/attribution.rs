//! F3 and fs5: a result that comes late.

use crate::{
    MENDED,
    call::{BAD, Breaker, GOOD, Shown, State, Went, admitted},
    runtime::{paused, real},
    subject::{Failsafe, Ours, PEER_OPEN, TowerResilience, last, n, plain},
};
use failsafe::{backoff, failure_policy};
use orlop_breaker::{Settings, Trip};
use orlop_core::Ratio;
use std::num::NonZeroU16;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// A call from before the outage succeeds while the only probe is out; then the probe fails. How the breaker stands after
/// the one and after the other.
async fn late_success(breaker: &impl Shown) -> (State, State) {
    let late = breaker.begin().expect("closed");
    breaker.fail(2);
    let probe = admitted(breaker).await;
    assert_eq!(late.end(GOOD), Went::Well);
    let while_the_probe_is_out = breaker.state();
    assert_eq!(probe.end(BAD), Went::Badly);
    (while_the_probe_is_out, breaker.state())
}

/// A call from before the outage fails after the first of two probes has succeeded.
async fn late_failure(breaker: &impl Shown) -> State {
    let late = breaker.begin().expect("closed");
    breaker.fail(2);
    assert_eq!(admitted(breaker).await.end(GOOD), Went::Well);
    assert_eq!(late.end(BAD), Went::Badly);
    breaker.state()
}

fn tower_resilience(probes: usize) -> TowerResilience {
    TowerResilience::new(
        CircuitBreakerLayer::standard()
            .sliding_window_size(2)
            .wait_duration_in_open(PEER_OPEN)
            .permitted_calls_in_half_open(probes),
    )
}

fn half_of_two() -> Settings {
    plain([Trip::failure_rate(Ratio::HALF, n(2), last(2))])
}

#[test]
fn a_late_success_closes_nothing() {
    let late = real(late_success(&tower_resilience(1)));
    assert_eq!(late, (State::Closed, State::Closed), "tower-resilience: {MENDED}");
    let policy = failure_policy::consecutive_failures(2, backoff::constant(PEER_OPEN));
    let late = real(late_success(&Failsafe::new(policy)));
    assert_eq!(late, (State::Closed, State::Closed), "failsafe: {MENDED}");
    let late = paused(async { late_success(&Ours::new(half_of_two())).await });
    assert_eq!(late, (State::HalfOpen, State::Open), "the probe decides");
}

#[test]
fn a_late_failure_does_not_open_again_what_recovers() {
    assert_eq!(real(late_failure(&tower_resilience(2))), State::Open, "{MENDED}");
    paused(async {
        let two = NonZeroU16::new(2).unwrap();
        let ours = Ours::new(half_of_two().probes(two).successes(n(2)));
        assert_eq!(late_failure(&ours).await, State::HalfOpen);
        assert_eq!(ours.one(GOOD), Went::Well);
        assert_eq!(ours.state(), State::Closed, "the second probe decides");
    });
}
