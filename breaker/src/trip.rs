//! Reasons to open.

use crate::InvalidSetting;
use orlop_core::Ratio;
use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    time::Duration,
};

/// One reason to open. A circuit opens when any of its rules says so.
///
/// # Examples
///
/// ```
/// use orlop_breaker::{Settings, Trip, Window, core::Ratio};
/// use std::{num::NonZeroU32, time::Duration};
///
/// const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// let last_10_s = Window::within(Duration::from_secs(10))?;
/// let settings = Settings::default().trip(
///     Trip::consecutive_failures(FIVE)
///         .or(Trip::failure_rate(Ratio::percent(50), TWENTY, last_10_s))
///         .or(Trip::slow_rate(Ratio::percent(80), Duration::from_secs(2), TWENTY, last_10_s)?),
/// );
/// # let _ = settings;
/// # Ok::<(), orlop_breaker::InvalidSetting>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip(pub(crate) Rule);

/// Several reasons to open, any of which is enough. Made by [`Trip::or`].
#[derive(Clone, Debug, PartialEq)]
pub struct Trips(Vec<Trip>);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    Consecutive(NonZeroU32),
    Failures { failures: NonZeroU32, window: Window },
    FailureRate { ratio: Ratio, minimum_calls: NonZeroU32, window: Window },
    SlowRate { ratio: Ratio, slower_than: Duration, minimum_calls: NonZeroU32, window: Window },
    SuccessRate { required: Ratio, minimum_calls: NonZeroU32, over: Ewma },
}

/// The recent past that is counted. It slides: old calls leave as new ones come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(pub(crate) Span);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Calls(NonZeroU16),
    Time { length: Duration, buckets: NonZeroU8 },
}

/// How a mean success rate forgets: an exponentially weighted moving average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ewma(pub(crate) Memory);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Calls(NonZeroU16),
    Time(Duration),
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

// ===== impl Trip =====

impl Trip {
    /// So many failures with no success between them. Throttled calls neither add to the run nor end it.
    pub const fn consecutive_failures(failures: NonZeroU32) -> Self {
        Self(Rule::Consecutive(failures))
    }

    /// So many failures in the window, however many calls there are beside them. Throttled calls count as failures.
    pub const fn failures(failures: NonZeroU32, window: Window) -> Self {
        Self(Rule::Failures { failures, window })
    }

    /// This share of the calls in the window, or more, once it holds at least `minimum_calls`. Throttled calls count
    /// as failures. There must be at least one failure, also where `ratio` is 0.
    ///
    /// A minimum above the size of a window of calls counts as that size.
    pub const fn failure_rate(ratio: Ratio, minimum_calls: NonZeroU32, window: Window) -> Self {
        Self(Rule::FailureRate { ratio, minimum_calls, window })
    }

    /// As [`failure_rate`](Trip::failure_rate), for calls that took longer than `slower_than`, well or badly: up to the head
    /// of the response, without the wait in a queue of ours. A call dropped later than that counts, too; see
    /// [`Dropped`](crate::Dropped). The clock is read once more for each call.
    ///
    /// # Errors
    ///
    /// If `slower_than` is not within 1 ms to 1 h.
    pub fn slow_rate(
        ratio: Ratio,
        slower_than: Duration,
        minimum_calls: NonZeroU32,
        window: Window,
    ) -> Result<Self, InvalidSetting> {
        if slower_than < Duration::from_millis(1) || slower_than > HOUR {
            let given = format!("{slower_than:?}");
            return Err(InvalidSetting::new("slower_than", given, "within 1ms..=1h"));
        }
        Ok(Self(Rule::SlowRate { ratio, slower_than, minimum_calls, window }))
    }

    /// A mean success rate below `required`, once there were at least `minimum_calls`. (Finagle's failure accrual.)
    pub const fn success_rate(required: Ratio, minimum_calls: NonZeroU32, over: Ewma) -> Self {
        Self(Rule::SuccessRate { required, minimum_calls, over })
    }

    /// This rule or the other: either is enough.
    #[must_use]
    pub fn or(self, other: Self) -> Trips {
        Trips(vec![self, other])
    }

    /// How slow a call must be for this rule, if that matters to it.
    pub(crate) fn slower_than(&self) -> Option<Duration> {
        match self.0 {
            Rule::SlowRate { slower_than, .. } => Some(slower_than),
            _ => None,
        }
    }
}

impl IntoIterator for Trip {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

// ===== impl Trips =====

impl Trips {
    /// One more rule, which is enough by itself.
    #[must_use]
    pub fn or(mut self, other: Trip) -> Self {
        self.0.push(other);
        self
    }
}

impl IntoIterator for Trips {
    type Item = Trip;
    type IntoIter = std::vec::IntoIter<Trip>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

// ===== impl Window =====

impl Window {
    /// 10 buckets: 1 s resolution on a window of 10 s.
    pub(crate) const BUCKETS: NonZeroU8 = NonZeroU8::new(10).unwrap();

    /// The last so many calls. 4 bytes a call.
    pub const fn last(calls: NonZeroU16) -> Self {
        Self(Span::Calls(calls))
    }

    /// The last stretch of time, in 10 buckets: calls leave the window a tenth of it at a time.
    ///
    /// # Errors
    ///
    /// If `length` is not within 100 ms to 1 h.
    pub fn within(length: Duration) -> Result<Self, InvalidSetting> {
        Self::within_buckets(length, Self::BUCKETS)
    }

    /// The last stretch of time, in so many buckets of at least 10 ms. 24 bytes a bucket, and that 8 times in a circuit
    /// that is not keyed.
    ///
    /// # Errors
    ///
    /// If `length` is not within 100 ms to 1 h, or a bucket were shorter than 10 ms.
    pub fn within_buckets(length: Duration, buckets: NonZeroU8) -> Result<Self, InvalidSetting> {
        in_range("within", length)?;
        if length / u32::from(buckets.get()) < Duration::from_millis(10) {
            let allowed = "within 1..=255, for buckets of at least 10ms";
            return Err(InvalidSetting::new("buckets", buckets.to_string(), allowed));
        }
        Ok(Self(Span::Time { length, buckets }))
    }
}

// ===== impl Ewma =====

impl Ewma {
    /// Each call weighs `e^(-1/calls)` times the next one. The first call sets the mean. (Finagle's `Ema` over requests.)
    pub const fn last(calls: NonZeroU16) -> Self {
        Self(Memory::Calls(calls))
    }

    /// A call of age `t` weighs `e^(-t/time)`, in buckets of an eighth of `time`; calls at one instant weigh alike.
    ///
    /// # Errors
    ///
    /// If `time` is not within 100 ms to 1 h.
    pub fn within(time: Duration) -> Result<Self, InvalidSetting> {
        in_range("ewma_within", time)?;
        Ok(Self(Memory::Time(time)))
    }
}

fn in_range(path: &str, length: Duration) -> Result<(), InvalidSetting> {
    if length < Duration::from_millis(100) || length > HOUR {
        return Err(InvalidSetting::new(path, format!("{length:?}"), "within 100ms..=1h"));
    }
    Ok(())
}
