//! How a circuit finds out that it may close, what a dropped call counts as, and where a circuit starts.

use crate::{InvalidSetting, trip::HOUR};
use orlop_core::Ratio;
use std::{num::NonZeroU32, time::Duration};

/// What a half-open circuit wants to see before it closes.
///
/// Neutral results and dropped probes return their slot and decide nothing. There are never more probes in flight than the
/// decision still needs. Where a rule watches slow calls, a slow probe counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery(pub(crate) Want);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Want {
    Successes { needed: NonZeroU32, of: NonZeroU32 },
    Rate { ratio: Ratio, calls: NonZeroU32 },
}

/// How a circuit takes its load back after its probes succeeded: all at once, or in growing shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ramp(pub(crate) Option<Duration>);

/// What a call counts as that was dropped before the head of its response, and before its deadline.
///
/// Young drops say nothing: callers leave for reasons of their own. An old one is a call that took at least so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub(crate) count_as: CountAs,
    pub(crate) after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountAs {
    Neutral,
    Slow,
    Failure,
}

/// How a circuit starts, and what [`fresh`](crate::Circuit::fresh) ones start as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initial {
    /// Closed: calls pass and are counted.
    #[default]
    Closed,
    /// Calls are refused until somebody releases the circuit.
    ForcedOpen,
    /// Calls pass and are not counted until somebody releases the circuit.
    Disabled,
    /// Everything is computed and no call is refused, until somebody releases the circuit.
    Shadow,
}

// ===== impl Recovery =====

impl Recovery {
    /// So many successes, and no failure among them: the first failure opens the circuit again.
    pub const fn successes(needed: NonZeroU32) -> Self {
        Self(Want::Successes { needed, of: needed })
    }

    /// So many successes of so many probes, decided as soon as it is certain. A `needed` above `of` counts as `of`.
    pub const fn successes_of(needed: NonZeroU32, of: NonZeroU32) -> Self {
        let needed = if needed.get() > of.get() { of } else { needed };
        Self(Want::Successes { needed, of })
    }

    /// So many probes, of which less than this share fail. It is decided when all results are there. (resilience4j's way.)
    pub const fn failure_rate(ratio: Ratio, calls: NonZeroU32) -> Self {
        Self(Want::Rate { ratio, calls })
    }

    /// How many results a decision takes at most.
    pub(crate) fn results(&self) -> u32 {
        match self.0 {
            Want::Successes { of, .. } => of.get(),
            Want::Rate { calls, .. } => calls.get(),
        }
    }
}

// ===== impl Ramp =====

impl Ramp {
    /// All calls at once when the circuit closes: the default.
    pub const NONE: Self = Self(None);
    /// How often the share doubles: from a sixteenth.
    pub(crate) const STEPS: u32 = 4;

    /// A sixteenth of the calls at first, then an eighth, a quarter, a half, each for a quarter of `time`; then the circuit
    /// closes. Meanwhile it counts as half-open, and its trip rules hold.
    ///
    /// # Errors
    ///
    /// If `time` is not within 40 ms to 1 h.
    pub fn over(time: Duration) -> Result<Self, InvalidSetting> {
        if time < Duration::from_millis(40) || time > HOUR {
            return Err(InvalidSetting::new("ramp", format!("{time:?}"), "within 40ms..=1h"));
        }
        Ok(Self(Some(time)))
    }
}

// ===== impl Dropped =====

impl Dropped {
    /// Counts in no rate and no run. A row of nothing but drops opens a circuit all the same; see
    /// [`Settings::dropped`](crate::Settings::dropped).
    pub const fn neutral() -> Self {
        Self { count_as: CountAs::Neutral, after: Self::AFTER }
    }

    /// Counts as a slow call once it is old enough: the default. It matters to rules of slow calls.
    pub const fn slow() -> Self {
        Self { count_as: CountAs::Slow, after: Self::AFTER }
    }

    /// Counts as a failure once it is old enough. The clock is read once more for each call.
    pub const fn failure() -> Self {
        Self { count_as: CountAs::Failure, after: Self::AFTER }
    }

    /// Sets how old a dropped call must be to count. Default: 1 s; never above the time of a slow call, where a rule has one.
    #[must_use]
    pub const fn after(mut self, age: Duration) -> Self {
        self.after = age;
        self
    }

    const AFTER: Duration = Duration::from_secs(1);
}

impl Default for Dropped {
    fn default() -> Self {
        Self::slow()
    }
}
