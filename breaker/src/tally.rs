//! What a closed circuit counts, and when that is enough to open.

use crate::{
    Cause, Counts, Settings,
    open_time::nanos,
    settings::{Rule, Span, Trip},
    window::{CountWindow, TimeWindow},
};
use std::sync::Arc;

/// The windows of one stay in the closed state.
///
/// Each stay has its own, made when the circuit closes: a call that began in an earlier stay and is recorded late
/// finds windows of another generation, or still writes into those nobody reads any more. So windows need not defend
/// themselves against late calls.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) generation: u32,
    pub(crate) trip_on_success: bool,
    consecutive: Option<u64>,
    rates: Box<[Rate]>,
}

#[derive(Debug)]
struct Rate {
    ratio: f64,
    minimum: u64,
    window: Sliding,
}

#[derive(Debug)]
enum Sliding {
    Count(CountWindow),
    Time(TimeWindow),
}

impl Tally {
    pub(crate) fn new(generation: u32, settings: &Settings, now: u64) -> Self {
        let runs = settings.trip.iter().filter_map(|trip| match trip.0 {
            Rule::Consecutive(failures) => Some(failures.get().into()),
            Rule::Rate { .. } => None,
        });
        Self {
            generation,
            trip_on_success: settings.trip_on_success,
            consecutive: runs.min(),
            rates: settings.trip.iter().filter_map(|trip| Rate::new(trip, now)).collect(),
        }
    }

    /// Whether a success must be recorded at all.
    pub(crate) fn has_windows(trip: &Arc<[Trip]>) -> bool {
        trip.iter().any(|trip| matches!(trip.0, Rule::Rate { .. }))
    }

    /// Records one call in all windows. The clock is read only if a window is one of time.
    pub(crate) fn record(&self, failed: bool, now: impl Fn() -> u64) {
        for rate in &self.rates {
            match &rate.window {
                Sliding::Count(window) => window.record(failed),
                Sliding::Time(window) => window.record(failed, now()),
            }
        }
    }

    /// The reason to open, if there is one; `run` failures came in a row.
    pub(crate) fn verdict(&self, run: u64, now: impl Fn() -> u64) -> Option<Cause> {
        if self.consecutive.is_some_and(|limit| run >= limit) {
            return Some(Cause::ConsecutiveFailures(run));
        }
        self.rates.iter().find_map(|rate| {
            let counts = rate.counts(&now);
            let enough = counts.calls >= rate.minimum && counts.failures > 0;
            // Divided, not multiplied: 14 of 25 is the same number as the literal 0.56.
            (enough && counts.ratio() >= rate.ratio).then_some(Cause::FailureRate(counts))
        })
    }

    /// What the windows hold, in the order of their rules.
    pub(crate) fn windows(&self, now: u64) -> Vec<Counts> {
        self.rates.iter().map(|rate| rate.counts(&|| now)).collect()
    }
}

impl Rate {
    fn new(trip: &Trip, now: u64) -> Option<Self> {
        let Rule::Rate { ratio, minimum_calls, window } = trip.0 else {
            return None;
        };
        let minimum = u64::from(minimum_calls.get());
        let (window, minimum) = match window.0 {
            Span::Calls(calls) => (
                Sliding::Count(CountWindow::new(calls.get().into())),
                minimum.min(calls.get().into()),
            ),
            Span::Time { length, buckets } => {
                (Sliding::Time(TimeWindow::new(nanos(length), buckets.get().into(), now)), minimum)
            }
        };
        Some(Self { ratio: ratio.get(), minimum, window })
    }

    fn counts(&self, now: &impl Fn() -> u64) -> Counts {
        match &self.window {
            Sliding::Count(window) => window.counts(),
            Sliding::Time(window) => window.counts(now()),
        }
    }
}
