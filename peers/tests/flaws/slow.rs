//! F12: slow probes.

use crate::{
    MENDED,
    call::{GOOD, Shown, State, Went, admitted},
    runtime::{paused, real},
    subject::{Ours, PEER_OPEN, TowerResilience, last, n, plain},
};
use orlop_breaker::{Cause, Trip};
use orlop_core::Ratio;
use std::time::Duration;
use tokio::time::sleep;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// Two calls are answered, slowly, and so the circuit opens; the probe is as slow. How it stands then.
async fn as_slow_as_ever(breaker: &impl Shown, takes: Duration) -> State {
    for _ in 0..2 {
        let call = breaker.begin().expect("closed");
        sleep(takes).await;
        assert_eq!(call.end(GOOD), Went::Well);
    }
    assert_eq!(breaker.state(), State::Open);
    let probe = admitted(breaker).await;
    sleep(takes).await;
    assert_eq!(probe.end(GOOD), Went::Well);
    breaker.state()
}

/// To the peer a probe is good if it has a good answer, and the circuit flaps.
#[test]
fn a_slow_probe_does_not_close_what_slow_calls_opened() {
    let peer = CircuitBreakerLayer::standard()
        .sliding_window_size(2)
        // A call is slow that takes this long or longer: any.
        .slow_call_duration_threshold(Duration::ZERO)
        .slow_call_rate_threshold(0.5)
        .wait_duration_in_open(PEER_OPEN)
        .permitted_calls_in_half_open(1);
    let peer = real(as_slow_as_ever(&TowerResilience::new(peer), Duration::ZERO));
    assert_eq!(peer, State::Closed, "{MENDED}");
    paused(async {
        let second = Duration::from_secs(1);
        let rule = Trip::slow_rate(Ratio::HALF, second, n(2), last(2)).expect("in range");
        let ours = Ours::new(plain([rule]).trip_on_success(true));
        assert_eq!(as_slow_as_ever(&ours, 2 * second).await, State::Open);
        let cause = ours.circuit.snapshot().cause();
        assert!(matches!(cause, Some(Cause::ProbesFailed(_))), "{cause:?}");
    });
}
