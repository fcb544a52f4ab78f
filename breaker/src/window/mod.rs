//! Failure counts over the recent past: the last calls, or the last stretch of time.

mod count;
mod time;

pub(crate) use self::{count::CountWindow, time::TimeWindow};

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that said something: successes, failures and throttled ones.
    pub calls: u64,
    /// Failures and throttled ones among them.
    pub failures: u64,
}

impl Counts {
    /// The share of failures, 0 if there are no calls.
    pub fn ratio(self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.failures as f64 / self.calls as f64 }
    }
}
