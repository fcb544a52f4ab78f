//! What a throttle shows of itself.

use std::sync::Arc;

/// A throttle at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ThrottleSnapshot {
    pub(super) name: Option<Arc<str>>,
    pub(super) requests: u64,
    pub(super) accepts: u64,
    pub(super) under_way: u64,
    pub(super) rejection: f64,
    pub(super) refused: u64,
}

impl ThrottleSnapshot {
    /// The throttle's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Calls that asked to pass within the window, those refused included.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Those of them that the other side accepted.
    pub fn accepts(&self) -> u64 {
        self.accepts
    }

    /// Those of them that are under way, and not for longer than the grace: until then they count as accepted.
    pub fn under_way(&self) -> u64 {
        self.under_way
    }

    /// The probability, within 0 to 1, with which the next call is refused.
    pub fn rejection(&self) -> f64 {
        self.rejection
    }

    /// Refusals since the throttle was made.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
