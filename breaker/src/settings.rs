//! When a circuit trips, how long it stays open, how it closes again.

use crate::OpenTime;
use orlop_core::Ratio;
use std::{
    error::Error,
    fmt,
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    sync::Arc,
    time::Duration,
};

/// What a circuit does. Valid once made: setters take ranged types, or check and say what is allowed.
///
/// | setting | in files | default | range |
/// |---|---|---|---|
/// | [`trip`](Settings::trip) | `trip = [{ consecutive_failures = 5 }, { failure_rate = 0.5, minimum_calls = 20, within = "10s" }]` | that | each rule has its own; an empty list never trips |
/// | [`trip_on_success`](Settings::trip_on_success) | `trip_on_success = false` | that | |
/// | [`open`](Settings::open) | `open = { first = "1s", max = "30s" }` or `open = { fixed = "5s" }` | the former | |
/// | [`max_retry_after`](Settings::max_retry_after) | `max_retry_after = "1m"` | that | |
/// | [`probes`](Settings::probes) | `probes = 3` | that | 1..=65535 |
/// | [`successes`](Settings::successes) | `successes = 2` | that | 1..=4294967295 |
/// | [`probe_timeout`](Settings::probe_timeout) | `probe_timeout = "10s"` | that | 1ms..=1h |
///
/// # Examples
///
/// ```
/// use orlop_breaker::{OpenTime, Settings, Trip, Window};
/// use orlop_breaker::core::Ratio;
/// use std::{num::NonZeroU32, time::Duration};
///
/// const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// let settings = Settings::default()
///     .trip([Trip::failure_rate(Ratio::percent(50), TEN, Window::within(Duration::from_secs(5))?)])
///     .open(OpenTime::fixed(Duration::from_secs(2)));
/// # let _ = settings;
/// # Ok::<(), orlop_breaker::InvalidSetting>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::file::File", into = "crate::file::File"))]
pub struct Settings {
    pub(crate) trip: Arc<[Trip]>,
    pub(crate) trip_on_success: bool,
    pub(crate) open: OpenTime,
    pub(crate) max_retry_after: Duration,
    pub(crate) probes: NonZeroU16,
    pub(crate) successes: NonZeroU32,
    pub(crate) probe_timeout: Duration,
}

/// One reason to open. A circuit opens when any of its rules says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip(pub(crate) Rule);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    Consecutive(NonZeroU32),
    Rate { ratio: Ratio, minimum_calls: NonZeroU32, window: Window },
}

/// The recent past that a failure rate is taken over. It slides: old calls leave as new ones come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(pub(crate) Span);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Calls(NonZeroU16),
    Time { length: Duration, buckets: NonZeroU8 },
}

/// A setting outside of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSetting {
    path: String,
    value: String,
    allowed: &'static str,
}

// ===== impl Settings =====

impl Settings {
    /// Replaces the reasons to open; any one is enough. None: the circuit opens only by hand.
    #[must_use]
    pub fn trip(mut self, rules: impl IntoIterator<Item = Trip>) -> Self {
        self.trip = rules.into_iter().collect();
        self
    }

    /// Whether a success may open the circuit: by bringing a window up to its minimum of calls. Default: no, it opens
    /// with the next failure. (Polly does the one, resilience4j the other.)
    #[must_use]
    pub fn trip_on_success(mut self, yes: bool) -> Self {
        self.trip_on_success = yes;
        self
    }

    /// How long the circuit stays open. Default: 1 s, doubling up to 30 s.
    #[must_use]
    pub fn open(mut self, time: OpenTime) -> Self {
        self.open = time;
        self
    }

    /// How far the other side's `Retry-After` may lengthen an open time. Default: 1 minute; zero ignores it.
    #[must_use]
    pub fn max_retry_after(mut self, at_most: Duration) -> Self {
        self.max_retry_after = at_most;
        self
    }

    /// How many probes a half-open circuit has in flight at most. Default: 3.
    #[must_use]
    pub fn probes(mut self, at_once: NonZeroU16) -> Self {
        self.probes = at_once;
        self
    }

    /// How many probes must succeed, one after the other, to close a half-open circuit. Default: 2.
    ///
    /// It may exceed [`probes`](Self::probes): a probe that has succeeded makes room for the next.
    #[must_use]
    pub fn successes(mut self, in_a_row: NonZeroU32) -> Self {
        self.successes = in_a_row;
        self
    }

    /// How long a probe may keep its slot to itself; after that, another call may take it. Default: 10 s.
    ///
    /// # Errors
    ///
    /// If it is not within 1 ms to 1 h.
    pub fn probe_timeout(mut self, timeout: Duration) -> Result<Self, InvalidSetting> {
        if timeout < Duration::from_millis(1) || timeout > HOUR {
            return Err(InvalidSetting::new(
                "probe_timeout",
                format!("{timeout:?}"),
                "within 1ms..=1h",
            ));
        }
        self.probe_timeout = timeout;
        Ok(self)
    }
}

impl Default for Settings {
    fn default() -> Self {
        const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
        const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();
        const LAST_10_S: Window =
            Window(Span::Time { length: Duration::from_secs(10), buckets: Window::BUCKETS });
        Self {
            // Five in a row catches what is down, half of the calls what is half down.
            trip: Arc::new([
                Trip::consecutive_failures(FIVE),
                Trip::failure_rate(Ratio::HALF, TWENTY, LAST_10_S),
            ]),
            trip_on_success: false,
            open: OpenTime::exponential(Duration::from_secs(1), Duration::from_secs(30)),
            max_retry_after: Duration::from_secs(60),
            probes: const { NonZeroU16::new(3).unwrap() },
            successes: const { NonZeroU32::new(2).unwrap() },
            probe_timeout: Duration::from_secs(10),
        }
    }
}

// ===== impl Trip =====

impl Trip {
    /// So many failures with no success between them. Throttled calls neither add to the run nor end it.
    pub const fn consecutive_failures(failures: NonZeroU32) -> Self {
        Self(Rule::Consecutive(failures))
    }

    /// This share of the calls in the window, or more, once it holds at least `minimum_calls`. Throttled calls count
    /// as failures. There must be at least one failure, also where `ratio` is 0.
    ///
    /// A minimum above the size of a window of calls counts as that size.
    pub const fn failure_rate(ratio: Ratio, minimum_calls: NonZeroU32, window: Window) -> Self {
        Self(Rule::Rate { ratio, minimum_calls, window })
    }
}

// ===== impl Window =====

impl Window {
    /// 10 buckets: 1 s resolution on a window of 10 s.
    pub(crate) const BUCKETS: NonZeroU8 = NonZeroU8::new(10).unwrap();

    /// The last so many calls. One byte a call.
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

    /// The last stretch of time, in so many buckets of at least 10 ms. 16 bytes a bucket.
    ///
    /// # Errors
    ///
    /// If `length` is not within 100 ms to 1 h, or a bucket were shorter than 10 ms.
    pub fn within_buckets(length: Duration, buckets: NonZeroU8) -> Result<Self, InvalidSetting> {
        if length < Duration::from_millis(100) || length > HOUR {
            return Err(InvalidSetting::new("within", format!("{length:?}"), "within 100ms..=1h"));
        }
        if length / u32::from(buckets.get()) < Duration::from_millis(10) {
            let allowed = "within 1..=255, for buckets of at least 10ms";
            return Err(InvalidSetting::new("buckets", buckets.to_string(), allowed));
        }
        Ok(Self(Span::Time { length, buckets }))
    }
}

const HOUR: Duration = Duration::from_secs(3600);

// ===== impl InvalidSetting =====

impl InvalidSetting {
    pub(crate) fn new(path: impl Into<String>, value: String, allowed: &'static str) -> Self {
        Self { path: path.into(), value, allowed }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn inside(self, outer: &str) -> Self {
        Self { path: format!("{outer}.{}", self.path), ..self }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// Which setting: `trip[1].within`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}, got {}", self.path, self.allowed, self.value)
    }
}

impl Error for InvalidSetting {}
