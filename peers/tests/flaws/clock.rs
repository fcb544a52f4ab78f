//! F15: whose clock counts.

use crate::{
    MENDED,
    call::Breaker,
    runtime::paused,
    subject::{Ours, TowerResilience, n, plain},
};
use orlop_breaker::{OpenTime, Trip};
use std::time::Duration;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

const OPEN: Duration = Duration::from_secs(30);

/// Whether a call is admitted when an hour has passed on tokio's clock.
async fn probes_after_an_hour(breaker: &impl Breaker) -> bool {
    assert_eq!(breaker.failures_to_open(10), 1);
    tokio::time::advance(Duration::from_secs(3600)).await;
    breaker.begin().is_some()
}

#[test]
fn tokios_clock_is_the_only_clock() {
    let (peer, ours) = paused(async {
        let peer =
            CircuitBreakerLayer::standard().consecutive_failures(1).wait_duration_in_open(OPEN);
        let ours = plain([Trip::consecutive_failures(n(1))]).open(OpenTime::fixed(OPEN));
        let peer = probes_after_an_hour(&TowerResilience::new(peer)).await;
        (peer, probes_after_an_hour(&Ours::new(ours)).await)
    });
    assert!(!peer, "{MENDED}");
    assert!(ours, "its open time of 30 s is over");
}
