//! What a circuit counts while calls pass, and when that is enough to open.

use crate::{
    Cause, Counts, Settings,
    open_time::nanos,
    recovery::CountAs,
    ticket::Outcome,
    trip::{Memory, Rule, Span, Trip, Window},
    window::{CountWindow, Ewma, Sample, TimeWindow},
};
use orlop_core::stripe;
use std::sync::Arc;

/// The rules, and the windows that they look at.
///
/// Windows know generations: each stay begins with empty ones, and a call that began in an earlier stay and is recorded late
/// changes nothing that the later stay reads. So a tally lasts for as long as its rules do.
#[derive(Debug)]
pub(crate) struct Tally {
    trip_on_success: bool,
    /// What an old drop counts as, and how old it must be.
    count_as: CountAs,
    drop_after: u64,
    /// The least that a rule calls slow.
    slower_than: u64,
    /// Whether recording needs the time.
    has_clock: bool,
    /// The shortest run of failures that opens.
    consecutive: u64,
    /// The shortest run of drops without a head that opens.
    drops: u64,
    counters: Box<[Counter]>,
}

/// A rule with a memory.
#[derive(Debug)]
struct Counter {
    limit: Limit,
    past: Past,
}

#[derive(Debug)]
enum Limit {
    Failures(u64),
    FailureRate { ratio: f64, minimum: u64 },
    SlowRate { ratio: f64, minimum: u64, slower_than: u64 },
    SuccessRate { required: f64, minimum: u64 },
}

#[derive(Debug)]
enum Past {
    Calls(CountWindow),
    Time(TimeWindow),
    Mean(Ewma),
}

/// The runs of failures and of drops as they are, this call included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) failures: u64,
    pub(crate) drops: u64,
}

/// Few drops in a row happen where callers are hasty, as those that search while one types.
const HASTY: u64 = 20;

impl Tally {
    pub(crate) fn new(settings: &Settings, now: u64, stripes: usize) -> Self {
        let runs = settings.trip.iter().filter_map(|trip| match trip.0 {
            Rule::Consecutive(failures) => Some(failures.get().into()),
            _ => None,
        });
        let counters = settings.trip.iter();
        let counters: Box<[_]> =
            counters.filter_map(|trip| Counter::new(trip, now, stripes)).collect();
        Self {
            trip_on_success: settings.trip_on_success,
            count_as: settings.dropped.count_as,
            drop_after: nanos(settings.drop_after()),
            slower_than: settings.slower_than().map_or(u64::MAX, nanos),
            has_clock: counters.iter().any(|counter| counter.past.has_clock()),
            consecutive: runs.min().unwrap_or(u64::MAX),
            drops: Self::drops(settings),
            counters,
        }
    }

    /// Whether a success must be recorded at all.
    pub(crate) fn has_windows(trip: &Arc<[Trip]>) -> bool {
        trip.iter().any(|trip| !matches!(trip.0, Rule::Consecutive(_)))
    }

    /// What a call dropped at this age counts as.
    pub(crate) fn age(&self, took: Option<u64>) -> CountAs {
        match took {
            Some(took) if took >= self.drop_after => self.count_as,
            _ => CountAs::Neutral,
        }
    }

    /// Records one call in all windows; says whether it was slow for one of them. The clock is read only if a window needs it.
    pub(crate) fn record(
        &self,
        generation: u32,
        outcome: Outcome,
        took: Option<u64>,
        now: impl Fn() -> u64,
    ) -> bool {
        let failed = outcome.is_bad();
        let mut any_slow = false;
        for Counter { limit, past } in &self.counters {
            let slow = match *limit {
                Limit::SlowRate { slower_than, .. } => {
                    // A drop that is recorded here is one that took too long.
                    outcome == Outcome::Dropped || took.is_some_and(|took| took > slower_than)
                }
                // It says nothing of whether the call would have failed.
                _ if outcome == Outcome::Dropped => continue,
                _ => false,
            };
            any_slow |= slow;
            past.record_slowly(Sample { failed, slow }, generation, &now);
        }
        any_slow
    }

    /// Records a success that was not slow.
    #[inline(always)]
    pub(crate) fn record_success(&self, generation: u32, now: u64) {
        for Counter { past, .. } in &self.counters {
            match past {
                Past::Calls(window) if window.is_healthy(generation) => {}
                Past::Time(window) => window.record_good(generation, now, stripe()),
                past => past.record_slowly(GOOD, generation, &|| now),
            }
        }
    }

    /// Whether recording needs the time.
    #[inline]
    pub(crate) fn has_clock(&self) -> bool {
        self.has_clock
    }

    /// The least that a rule calls slow.
    #[inline]
    pub(crate) fn slower_than(&self) -> u64 {
        self.slower_than
    }

    /// The reason to open after this outcome, if there is one.
    pub(crate) fn verdict(
        &self,
        generation: u32,
        outcome: Outcome,
        slow: bool,
        runs: Runs,
        now: impl Fn() -> u64,
    ) -> Option<Cause> {
        let failed = outcome.is_bad();
        if outcome == Outcome::Failure && runs.failures >= self.consecutive {
            return Some(Cause::ConsecutiveFailures(runs.failures));
        }
        let any = failed || self.trip_on_success;
        if any || slow {
            let counters = self.counters.iter();
            let may = |counter: &&Counter| any || counter.is_of_slowness();
            if let Some(cause) =
                counters.filter(may).find_map(|counter| counter.verdict(generation, &now))
            {
                return Some(cause);
            }
        }
        (runs.drops >= self.drops).then_some(Cause::OnlyDrops(runs.drops))
    }

    /// Whether a success of a call that was not slow can be left at recording it.
    pub(crate) fn ignores_success(&self) -> bool {
        !self.trip_on_success
    }

    /// Whether a rule calls this slow.
    pub(crate) fn is_slow(settings: &Settings, took: Option<u64>) -> bool {
        matches!((settings.slower_than(), took), (Some(slow), Some(took)) if took > nanos(slow))
    }

    /// How many drops in a row are enough.
    pub(crate) fn drops(settings: &Settings) -> u64 {
        settings.trip.iter().map(Trip::drops).min().unwrap_or(u64::MAX)
    }

    /// What the windows hold, in the order of their rules.
    pub(crate) fn windows(&self, generation: u32, now: u64) -> Vec<Counts> {
        let counts = |counter: &Counter| match &counter.past {
            Past::Mean(_) => None,
            _ => Some(counter.counts(generation, &|| now)),
        };
        self.counters.iter().filter_map(counts).collect()
    }

    /// The mean success rates, in the order of their rules.
    pub(crate) fn success_rates(&self, generation: u32, now: u64) -> Vec<f64> {
        let rate = |counter: &Counter| match &counter.past {
            Past::Mean(mean) => Some(mean.rate(generation, now).0),
            _ => None,
        };
        self.counters.iter().filter_map(rate).collect()
    }
}

const GOOD: Sample = Sample { failed: false, slow: false };

impl Past {
    fn has_clock(&self) -> bool {
        !matches!(self, Self::Calls(_) | Self::Mean(Ewma::Calls(_)))
    }

    #[inline(never)]
    fn record_slowly(&self, sample: Sample, generation: u32, now: &impl Fn() -> u64) {
        match self {
            Self::Calls(window) => window.record(sample, generation),
            Self::Time(window) => window.record(sample, generation, now(), stripe()),
            Self::Mean(mean) => mean.record(!sample.failed, generation, now, stripe()),
        }
    }
}

impl Counter {
    fn new(trip: &Trip, now: u64, stripes: usize) -> Option<Self> {
        let windowed = |window: Window| match window.0 {
            Span::Calls(calls) => Past::Calls(CountWindow::new(calls.get())),
            Span::Time { length, buckets } => {
                Past::Time(TimeWindow::new(nanos(length), buckets.get().into(), now, stripes))
            }
        };
        let (limit, past) = match trip.0 {
            Rule::Consecutive(_) => return None,
            Rule::Failures { failures, window } => {
                (Limit::Failures(failures.get().into()), windowed(window))
            }
            Rule::FailureRate { ratio, minimum_calls, window } => {
                let minimum = window.at_most(minimum_calls.get());
                (Limit::FailureRate { ratio: ratio.get(), minimum }, windowed(window))
            }
            Rule::SlowRate { ratio, slower_than, minimum_calls, window } => {
                let (minimum, slower_than) =
                    (window.at_most(minimum_calls.get()), nanos(slower_than));
                (Limit::SlowRate { ratio: ratio.get(), minimum, slower_than }, windowed(window))
            }
            Rule::SuccessRate { required, minimum_calls, over } => {
                let mean = match over.0 {
                    Memory::Calls(calls) => Ewma::by_calls(calls.get()),
                    Memory::Time(time) => Ewma::by_time(nanos(time), now, stripes),
                };
                let minimum = minimum_calls.get().into();
                (Limit::SuccessRate { required: required.get(), minimum }, Past::Mean(mean))
            }
        };
        Some(Self { limit, past })
    }

    fn is_of_slowness(&self) -> bool {
        matches!(self.limit, Limit::SlowRate { .. })
    }

    fn verdict(&self, generation: u32, now: &impl Fn() -> u64) -> Option<Cause> {
        if let (Limit::SuccessRate { required, minimum }, Past::Mean(mean)) =
            (&self.limit, &self.past)
        {
            let (rate, calls) = mean.rate(generation, now());
            return (calls >= *minimum && rate < *required).then_some(Cause::SuccessRate(rate));
        }
        let counts = self.counts(generation, now);
        match self.limit {
            Limit::Failures(failures) => {
                (counts.failures >= failures).then_some(Cause::Failures(counts))
            }
            Limit::FailureRate { ratio, minimum } => {
                let enough = counts.calls >= minimum && counts.failures > 0;
                (enough && counts.failure_ratio() >= ratio).then_some(Cause::FailureRate(counts))
            }
            Limit::SlowRate { ratio, minimum, .. } => {
                let enough = counts.calls >= minimum && counts.slow > 0;
                (enough && counts.slow_ratio() >= ratio).then_some(Cause::SlowRate(counts))
            }
            Limit::SuccessRate { .. } => None,
        }
    }

    fn counts(&self, generation: u32, now: &impl Fn() -> u64) -> Counts {
        match &self.past {
            Past::Calls(window) => window.counts(generation),
            Past::Time(window) => window.counts(generation, now()),
            Past::Mean(_) => Counts::default(),
        }
    }
}

impl Window {
    /// A minimum of calls that the window can hold.
    fn at_most(self, minimum: u32) -> u64 {
        match self.0 {
            Span::Calls(calls) => minimum.min(calls.get().into()).into(),
            Span::Time { .. } => minimum.into(),
        }
    }
}

impl Trip {
    /// How many drops in a row fill what this rule looks at.
    fn drops(&self) -> u64 {
        let whole = |window: Window, minimum: u32| match window.0 {
            Span::Calls(calls) => calls.get().into(),
            Span::Time { .. } => u64::from(minimum),
        };
        match self.0 {
            Rule::Consecutive(failures) => HASTY.max(failures.get().into()),
            Rule::Failures { failures, window } => HASTY.max(whole(window, failures.get())),
            Rule::FailureRate { minimum_calls, window, .. }
            | Rule::SlowRate { minimum_calls, window, .. } => whole(window, minimum_calls.get()),
            Rule::SuccessRate { minimum_calls, .. } => minimum_calls.get().into(),
        }
    }
}
