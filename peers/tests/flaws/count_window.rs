//! F1 and F11: tower-resilience's window of calls.

use crate::{
    MENDED,
    call::{Breaker, GOOD, Went},
    subject::{Ours, TowerResilience, last, n, plain},
};
use orlop_breaker::{Settings, Trip};
use orlop_core::Ratio;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

fn failures_after(breaker: &impl Breaker, successes: usize) -> usize {
    (0..successes).for_each(|_| assert_eq!(breaker.one(GOOD), Went::Well));
    breaker.failures_to_open(successes + 1_000)
}

fn half_of_100(minimum: u32) -> Settings {
    plain([Trip::failure_rate(Ratio::HALF, n(minimum), last(100))])
}

/// The peer never takes a call out of its counts while it is closed: its rate is one over all calls since.
#[test]
fn a_window_of_calls_forgets_what_came_before_it() {
    for successes in [0, 1_000, 10_000, 100_000] {
        let peer =
            failures_after(&TowerResilience::new(CircuitBreakerLayer::standard()), successes);
        let ours = failures_after(&Ours::new(half_of_100(100)), successes);
        println!("after {successes} successes it opens with {peer} failures, ours with {ours}");
        assert_eq!(peer, successes.max(100), "{MENDED}");
        assert_eq!(ours, if successes == 0 { 100 } else { 50 }, "half of the last 100");
    }
}

/// The peer waits for a full window all the same.
#[test]
fn a_minimum_of_calls_below_the_window_is_enough() {
    let peer = TowerResilience::new(CircuitBreakerLayer::standard().minimum_number_of_calls(5));
    assert_eq!(peer.failures_to_open(1_000), 100, "{MENDED}");
    assert_eq!(Ours::new(half_of_100(5)).failures_to_open(1_000), 5);
}
