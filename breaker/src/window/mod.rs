//! Failures and slow calls of the recent past: the last calls, the last stretch of time, or a mean that forgets.

mod count;
mod ewma;
#[cfg(all(test, not(orlop_loom)))]
mod model;
mod tagged;
mod time;

pub(crate) use self::{count::CountWindow, ewma::Ewma, time::TimeWindow};

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that said something: successes, failures and throttled ones.
    pub calls: u64,
    /// Failures and throttled ones among them.
    pub failures: u64,
    /// Those among them that took too long, whatever came of them. A call may be a failure and slow.
    pub slow: u64,
}

/// What a window is told of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

impl Counts {
    /// The share of failures, 0 if there are no calls.
    pub fn failure_ratio(self) -> f64 {
        share(self.failures, self.calls)
    }

    /// The share of slow calls, 0 if there are no calls.
    pub fn slow_ratio(self) -> f64 {
        share(self.slow, self.calls)
    }
}

/// Divided, not multiplied with the reciprocal: 14 of 25 is the same number as the literal 0.56.
fn share(of: u64, calls: u64) -> f64 {
    if calls == 0 { 0.0 } else { of as f64 / calls as f64 }
}
