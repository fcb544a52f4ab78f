//! A counter through the `metrics` facade.

use metrics::{Counter, counter};

/// Refusals of named throttles. Label: `throttle`.
pub(super) const REFUSED: &str = "orlop_breaker_throttled_total";

/// The handle of one name, registered once.
pub(super) struct Meters {
    refused: Counter,
}

impl Meters {
    pub(super) fn new(name: &str) -> Self {
        Self { refused: counter!(REFUSED, "throttle" => name.to_owned()) }
    }

    pub(super) fn refused(&self) {
        self.refused.increment(1);
    }
}
