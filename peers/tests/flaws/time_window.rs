//! F2: tower-resilience's window of time.

use crate::{
    MENDED,
    call::{Breaker, GOOD, Went},
    subject::{Ours, TowerResilience, n, plain, within},
};
use orlop_breaker::Trip;
use orlop_core::Ratio;
use std::time::Duration;
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};

const CALLS: i64 = 10_000;
const WINDOW: Duration = Duration::from_secs(60);

/// Bytes that the breaker holds more after so many calls than after one.
fn grows(breaker: &impl Breaker) -> i64 {
    let call = || assert_eq!(breaker.one(GOOD), Went::Well);
    call();
    allocation_counter::measure(|| (0..CALLS).for_each(|_| call())).bytes_current
}

/// The peer keeps a record of each call, and looks at all of them in each call, with its lock held.
#[test]
fn a_window_of_time_takes_the_same_room_at_any_rate_of_calls() {
    let peer = CircuitBreakerLayer::standard()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(WINDOW);
    let peer = grows(&TowerResilience::new(peer));
    let ours = grows(&Ours::new(plain([Trip::failure_rate(Ratio::HALF, n(100), within(WINDOW))])));
    println!("{CALLS} calls within its window leave {peer} bytes, ours {ours}");
    // An instant and two flags.
    assert!(peer >= CALLS * 18, "{MENDED}: {peer} bytes");
    assert_eq!(ours, 0);
}
