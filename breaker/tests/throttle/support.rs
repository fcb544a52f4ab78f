//! Scripts of calls.

use orlop_breaker::{
    Throttle, ThrottleSettings,
    core::{Kind, Ratio, Verdict},
};
use std::time::Duration;

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// As the book has it: no minimum, no grace, no highest share.
pub(crate) fn book() -> ThrottleSettings {
    ThrottleSettings::default()
        .minimum_calls(0)
        .grace(Duration::ZERO)
        .expect("in range")
        .max_rejection(Ratio::ONE)
}

/// Asks so many times, and settles what is admitted; how many were refused.
pub(crate) fn calls(throttle: &Throttle, count: u32, verdict: Verdict) -> u32 {
    let refused = |_: &u32| match throttle.try_enter() {
        Ok(permit) => {
            permit.settle(verdict);
            false
        }
        Err(rejected) => {
            assert_eq!(rejected.kind(), Kind::Throttle);
            true
        }
    };
    (0..count).filter(refused).count() as u32
}

/// Requests and accepts.
pub(crate) fn counts(throttle: &Throttle) -> (u64, u64) {
    let snapshot = throttle.snapshot();
    (snapshot.requests(), snapshot.accepts())
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}
