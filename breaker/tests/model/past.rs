//! What the model keeps of each call, and what the rules see in it.

use crate::rules::{Mean, Past, Rule, Rules};
use orlop_breaker::{Cause, Counts};
use std::time::Duration;
use tokio::time::Instant;

/// Something that happened while calls pass, or to a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) kind: Kind,
    pub(crate) dropped: bool,
    /// A failure of a body after a good head.
    pub(crate) broke: bool,
    pub(crate) took: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Success,
    Failure,
    Throttled,
    /// A drop that only rules of slow calls count.
    Slow,
    /// A drop that no rate counts.
    Nothing,
    /// The head of a response that decides nothing.
    Head,
    /// A call that went well has ended.
    Whole,
}

/// All of one stay, from the oldest.
pub(crate) struct Stay<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) began: Instant,
    pub(crate) entries: &'a [Entry],
}

impl Entry {
    fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Success | Kind::Failure | Kind::Throttled)
    }

    fn is_bad(&self) -> bool {
        matches!(self.kind, Kind::Failure | Kind::Throttled)
    }

    fn is_slow(&self, slower_than: Duration) -> bool {
        let late = self.took.is_some_and(|took| took > slower_than);
        self.kind == Kind::Slow || self.is_call() && late
    }
}

impl Stay<'_> {
    pub(crate) fn failures_in_a_row(&self) -> u64 {
        let since = self.entries.iter().rev().take_while(|entry| entry.kind != Kind::Success);
        since.filter(|entry| entry.kind == Kind::Failure && !entry.broke).count() as u64
    }

    pub(crate) fn broken_in_a_row(&self) -> u64 {
        let since = self.entries.iter().rev().take_while(|entry| entry.kind != Kind::Whole);
        since.filter(|entry| entry.broke).count() as u64
    }

    pub(crate) fn drops_in_a_row(&self) -> u64 {
        let heard = self.entries.iter().rev().filter(|entry| entry.kind != Kind::Whole);
        heard.take_while(|entry| entry.dropped).count() as u64
    }

    /// What each window holds.
    pub(crate) fn windows(&self, now: Instant) -> Vec<Counts> {
        self.rules.trip.iter().filter_map(|rule| self.window(rule, now)).collect()
    }

    pub(crate) fn success_rates(&self, now: Instant) -> Vec<f64> {
        let rate = |rule: &Rule| match *rule {
            Rule::SuccessRate { mean, .. } => Some(self.mean(mean, now).0),
            _ => None,
        };
        self.rules.trip.iter().filter_map(rate).collect()
    }

    fn window(&self, rule: &Rule, now: Instant) -> Option<Counts> {
        let past = match *rule {
            Rule::Failures { past, .. }
            | Rule::FailureRate { past, .. }
            | Rule::SlowRate { past, .. } => past,
            Rule::Consecutive(_) | Rule::SuccessRate { .. } => return None,
        };
        let slower_than = rule.slower_than();
        let counted =
            |entry: &&Entry| entry.is_call() || slower_than.is_some() && entry.kind == Kind::Slow;
        let all: Vec<&Entry> = self.entries.iter().filter(counted).collect();
        let held: Vec<&Entry> = match past {
            Past::Last(calls) => all[all.len().saturating_sub(calls.into())..].to_vec(),
            Past::Within { length, buckets } => {
                let width = length.as_nanos().div_ceil(buckets.into());
                let live = |entry: &&Entry| {
                    self.tick(entry.at, width) + u128::from(buckets) > self.tick(now, width)
                };
                all.into_iter().filter(live).collect()
            }
        };
        let slow = |entry: &&&Entry| slower_than.is_some_and(|slow| entry.is_slow(slow));
        Some(Counts {
            calls: held.len() as u64,
            failures: held.iter().filter(|entry| entry.is_bad()).count() as u64,
            slow: held.iter().filter(slow).count() as u64,
        })
    }

    fn tick(&self, at: Instant, width: u128) -> u128 {
        (at - self.began).as_nanos() / width
    }

    /// The mean success rate, and of how many calls it is.
    fn mean(&self, mean: Mean, now: Instant) -> (f64, u64) {
        let calls = self.entries.iter().filter(|entry| entry.is_call());
        let share = |entry: &Entry| if entry.is_bad() { 0.0 } else { 1.0 };
        match mean {
            Mean::Calls(last) => {
                let weight = 1.0 - (-1.0 / f64::from(last)).exp();
                let mut mean = None;
                for entry in calls.clone() {
                    let x = share(entry);
                    mean = Some(mean.map_or(x, |mean| x * weight + mean * (1.0 - weight)));
                }
                (mean.unwrap_or(1.0), calls.count() as u64)
            }
            Mean::Time(time) => {
                let width = (time.as_nanos() * 4).div_ceil(32);
                let (mut all, mut good, mut recent) = (0.0, 0.0, 0);
                for entry in calls {
                    let age = self.tick(now, width) - self.tick(entry.at, width);
                    if age < 32 {
                        let weight = (-(age as f64) / 8.0).exp();
                        all += weight;
                        good += weight * share(entry);
                        recent += u64::from(age < 8);
                    }
                }
                (if all > 0.0 { good / all } else { 1.0 }, recent)
            }
        }
    }

    /// The reason to open after the last entry, if there is one.
    pub(crate) fn reason(&self, now: Instant) -> Option<Cause> {
        let last = self.entries.last()?;
        let run = if last.broke { self.broken_in_a_row() } else { self.failures_in_a_row() };
        let consecutive = self.rules.trip.iter().filter_map(|rule| match *rule {
            Rule::Consecutive(failures) => Some(u64::from(failures)),
            _ => None,
        });
        if last.kind == Kind::Failure && consecutive.min().is_some_and(|enough| run >= enough) {
            return Some(Cause::ConsecutiveFailures(run));
        }
        let slow = self.rules.trip.iter().filter_map(Rule::slower_than).any(|s| last.is_slow(s));
        let any = last.is_bad() || self.rules.trip_on_success;
        let may = |rule: &&Rule| any || slow && rule.slower_than().is_some();
        let reached = self.rules.trip.iter().filter(may).find_map(|rule| self.reached(rule, now));
        let drops = self.drops_in_a_row();
        let only_drops = drops >= self.rules.drops_in_a_row();
        reached.or_else(|| only_drops.then_some(Cause::OnlyDrops(drops)))
    }

    fn reached(&self, rule: &Rule, now: Instant) -> Option<Cause> {
        if let Rule::SuccessRate { percent, minimum, mean } = *rule {
            let (rate, calls) = self.mean(mean, now);
            let below = calls >= minimum.into() && rate < f64::from(percent) / 100.0;
            return below.then_some(Cause::SuccessRate(rate));
        }
        let counts = self.window(rule, now)?;
        let full = |minimum: u32, past| match past {
            Past::Last(calls) => counts.calls >= minimum.min(calls.into()).into(),
            Past::Within { .. } => counts.calls >= minimum.into(),
        };
        let share = |of: u64, percent: u8| of > 0 && of * 100 >= u64::from(percent) * counts.calls;
        match *rule {
            Rule::Failures { failures, .. } => {
                (counts.failures >= failures.into()).then_some(Cause::Failures(counts))
            }
            Rule::FailureRate { percent, minimum, past } => (full(minimum, past)
                && share(counts.failures, percent))
            .then_some(Cause::FailureRate(counts)),
            Rule::SlowRate { percent, minimum, past, .. } => (full(minimum, past)
                && share(counts.slow, percent))
            .then_some(Cause::SlowRate(counts)),
            Rule::Consecutive(_) | Rule::SuccessRate { .. } => None,
        }
    }
}
