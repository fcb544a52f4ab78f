//! When a circuit trips, how long it stays open, how it closes again.

use crate::{
    Dropped, Initial, OpenTime, Ramp, Recovery, Trip, Window,
    recovery::CountAs,
    trip::{HOUR, Span},
};
use orlop_core::Ratio;
use std::{
    error::Error,
    fmt,
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
    time::Duration,
};

/// What a circuit does. Valid once made: setters take ranged types, or check and say what is allowed.
///
/// | setting | in files | default | range |
/// |---|---|---|---|
/// | [`trip`](Settings::trip) | `trip = [{ consecutive_failures = 5 }, { failure_rate = 0.5, minimum_calls = 20, within = "10s" }]` | that | each rule has its own, see below; an empty list never trips |
/// | [`trip_on_success`](Settings::trip_on_success) | `trip_on_success = false` | that | |
/// | [`open`](Settings::open) | `open = { first = "1s", max = "30s" }`, or `{ fixed = "5s" }`, or `{ advised = "5s" }` | the first | |
/// | [`max_retry_after`](Settings::max_retry_after) | `max_retry_after = "1m"` | that | |
/// | [`probes`](Settings::probes) | `probes = 3` | that | 1..=65535 |
/// | [`recovery`](Settings::recovery) | `successes = 2`, or `recovery = { successes = 2, of = 3 }`, or `recovery = { failure_rate = 0.5, calls = 10 }` | the first | 1..=4294967295; 0..=1 |
/// | [`ramp`](Settings::ramp) | `ramp = "10s"` | none | 40ms..=1h |
/// | [`probe_timeout`](Settings::probe_timeout) | `probe_timeout = "10s"` | that | 1ms..=1h |
/// | [`dropped`](Settings::dropped) | `dropped = { count_as = "slow", after = "1s" }` | that | `neutral`, `slow`, `failure` |
/// | [`initial`](Settings::initial) | `initial = "closed"` | that | `closed`, `forced_open`, `disabled`, `shadow` |
///
/// The rules of `trip` in files:
///
/// | rule | with | range |
/// |---|---|---|
/// | `consecutive_failures = 5` | | 1..=4294967295 |
/// | `failures = 5` | a window | 1..=4294967295 |
/// | `failure_rate = 0.5` | `minimum_calls = 20` and a window | 0..=1; 1..=4294967295 |
/// | `slow_rate = 0.5` | `slower_than = "2s"`, `minimum_calls = 20` and a window | 0..=1; 1ms..=1h |
/// | `success_rate = 0.8` | `minimum_calls = 5`, and `ewma_last = 100` or `ewma_within = "30s"` | 0..=1; 1..=65535; 100ms..=1h |
///
/// A window is `last = 100` (1..=65535 calls), or `within = "10s"` (100ms..=1h) with `buckets = 10` (1..=255, of at least
/// 10 ms each).
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
    pub(crate) recovery: Recovery,
    pub(crate) ramp: Ramp,
    pub(crate) probe_timeout: Duration,
    pub(crate) dropped: Dropped,
    pub(crate) initial: Initial,
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

    /// Closes a half-open circuit after so many successful probes; any failure opens it again. Default: 2. Short for
    /// [`Recovery::successes`].
    #[must_use]
    pub fn successes(self, needed: NonZeroU32) -> Self {
        self.recovery(Recovery::successes(needed))
    }

    /// What a half-open circuit wants to see before it closes. Default: 2 successes and no failure.
    ///
    /// It may take more results than there are [`probes`](Self::probes) at once: one that has ended makes room for the next.
    #[must_use]
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    /// How the load comes back. Default: all at once.
    #[must_use]
    pub fn ramp(mut self, ramp: Ramp) -> Self {
        self.ramp = ramp;
        self
    }

    /// What dropped calls count as. Default: as slow, when older than 1 s.
    ///
    /// A drop at or after the call's own deadline is a failure in any case. So is, for a closed circuit, a row of drops with
    /// no head between them that says anything: as many as its smallest window holds (a window of calls: its size; of time, or a mean: the
    /// minimum of calls; consecutive failures, or a number of failures in a window of time: as many, and in a window of
    /// calls: its size, but 20 at least). So a time-out outside of the breaker opens it with any settings.
    #[must_use]
    pub fn dropped(mut self, dropped: Dropped) -> Self {
        self.dropped = dropped;
        self
    }

    /// How the circuit starts. Default: closed.
    #[must_use]
    pub fn initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
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

    /// The least that a rule calls slow.
    pub(crate) fn slower_than(&self) -> Option<Duration> {
        self.trip.iter().filter_map(Trip::slower_than).min()
    }

    /// How old a dropped call must be to count.
    pub(crate) fn drop_after(&self) -> Duration {
        self.slower_than().map_or(self.dropped.after, |slow| slow.min(self.dropped.after))
    }

    /// What a call dropped at this age counts as.
    pub(crate) fn drop_counts_as(&self, took: Option<u64>) -> CountAs {
        match took {
            Some(took) if took >= crate::open_time::nanos(self.drop_after()) => {
                self.dropped.count_as
            }
            _ => CountAs::Neutral,
        }
    }

    /// Whether it matters how long calls take.
    pub(crate) fn is_timed(&self) -> bool {
        self.slower_than().is_some() || self.dropped.count_as == CountAs::Failure
    }

    /// Whether both count the same things in the same way.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        self.trip == other.trip
            && self.trip_on_success == other.trip_on_success
            && self.dropped == other.dropped
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
            recovery: Recovery::successes(const { NonZeroU32::new(2).unwrap() }),
            ramp: Ramp::NONE,
            probe_timeout: Duration::from_secs(10),
            dropped: Dropped::slow(),
            initial: Initial::Closed,
        }
    }
}

// ===== impl InvalidSetting =====

impl InvalidSetting {
    pub(crate) fn new(path: impl Into<String>, value: String, allowed: &'static str) -> Self {
        Self { path: path.into(), value, allowed }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn inside(self, outer: &str) -> Self {
        Self { path: format!("{outer}.{}", self.path), ..self }
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
