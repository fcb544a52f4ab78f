//! The reference: it keeps every call of a stay, and counts anew whenever it is asked.

use crate::{
    past::{Entry, Kind, Stay},
    rules::{Count, Rules, Wanted},
};
use orlop_breaker::{
    Cause, Counts, Initial, State,
    core::{Class, Verdict},
};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Phase {
    Closed,
    Open,
    HalfOpen,
    Ramping,
    ForcedOpen,
    Disabled,
}

/// What the model remembers of a call in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    stay: u32,
    pass: Pass,
    entered: Instant,
    /// How long the head took, once it has come.
    head: Option<Duration>,
    said: Said,
}

#[derive(Clone, Copy, Debug)]
enum Pass {
    Counted,
    Uncounted,
    Probe(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Nothing,
    Success,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Success,
    Failure,
    Throttled,
    Neutral,
    Dropped,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    probe: usize,
    good: bool,
    slow: bool,
    advice: Option<Duration>,
}

/// A transition as observers see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) in_shadow: bool,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) stay: u32,
    pub(crate) until: Option<Instant>,
}

pub(crate) struct Model {
    pub(crate) rules: Rules,
    pub(crate) phase: Phase,
    pub(crate) shadow: bool,
    pub(crate) stay: u32,
    pub(crate) since: Instant,
    pub(crate) until: Instant,
    pub(crate) cause: Option<Cause>,
    pub(crate) refused: u64,
    pub(crate) would_have_refused: u64,
    pub(crate) told: Vec<Told>,
    counts_since: Instant,
    entries: Vec<Entry>,
    found: Vec<Found>,
    /// The number of each probe and the end of its time, from the oldest.
    slots: Vec<(usize, Instant)>,
    probes: usize,
    arrivals: u64,
}

impl Phase {
    fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open => State::Open,
            Self::HalfOpen | Self::Ramping => State::HalfOpen,
            Self::ForcedOpen => State::ForcedOpen,
            Self::Disabled => State::Disabled,
        }
    }
}

impl Model {
    pub(crate) fn new(rules: Rules, now: Instant) -> Self {
        let (phase, shadow) = match rules.initial {
            Initial::ForcedOpen => (Phase::ForcedOpen, false),
            Initial::Disabled => (Phase::Disabled, false),
            Initial::Shadow => (Phase::Closed, true),
            _ => (Phase::Closed, false),
        };
        Self {
            rules,
            phase,
            shadow,
            stay: 0,
            since: now,
            until: now,
            cause: (phase != Phase::Closed).then_some(Cause::Forced),
            refused: 0,
            would_have_refused: 0,
            told: Vec::new(),
            counts_since: now,
            entries: Vec::new(),
            found: Vec::new(),
            slots: Vec::new(),
            probes: 0,
            arrivals: 0,
        }
    }

    // ===== looking =====

    pub(crate) fn state(&self) -> State {
        if self.shadow { State::Shadow } else { self.phase.state() }
    }

    pub(crate) fn in_shadow(&self) -> Option<State> {
        self.shadow.then_some(self.phase.state())
    }

    /// What is counted while calls pass.
    pub(crate) fn stay(&self) -> Stay<'_> {
        let passing = matches!(self.phase, Phase::Closed | Phase::Ramping);
        Stay {
            rules: &self.rules,
            began: self.counts_since,
            entries: if passing { &self.entries } else { &[] },
        }
    }

    pub(crate) fn is_counting(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Ramping)
    }

    pub(crate) fn probes_in_flight(&self, now: Instant) -> usize {
        self.slots.iter().filter(|(_, end)| *end > now).count()
    }

    pub(crate) fn results(&self) -> Counts {
        Counts {
            calls: self.found.len() as u64,
            failures: self.found.iter().filter(|found| !found.good).count() as u64,
            slow: self.found.iter().filter(|found| found.slow).count() as u64,
        }
    }

    /// Of so many calls one passes.
    pub(crate) fn one_of(&self, now: Instant) -> u64 {
        let length = self.until - self.since;
        (1..=4).fold(16, |one_of, quarter| {
            if (now - self.since) * 4 >= length * quarter { one_of / 2 } else { one_of }
        })
    }

    /// The refusal that is certain without a call.
    pub(crate) fn refusing(&mut self, now: Instant) -> Option<Option<Duration>> {
        let refused = match self.phase {
            _ if self.shadow => None,
            Phase::ForcedOpen => Some(None),
            Phase::Open if now < self.until => Some(Some(self.until - now)),
            _ => None,
        };
        self.refused += u64::from(refused.is_some());
        refused
    }

    // ===== calls =====

    /// The call, or how long until the next try.
    pub(crate) fn enter(&mut self, now: Instant) -> Result<Call, Option<Duration>> {
        if self.phase == Phase::Open && now >= self.until {
            self.go(Phase::HalfOpen, self.cause, now);
        }
        if self.phase == Phase::Ramping && now >= self.until {
            self.go(Phase::Closed, None, now);
        }
        let pass = match self.phase {
            Phase::Closed => Ok(Pass::Counted),
            Phase::Disabled => Ok(Pass::Uncounted),
            Phase::ForcedOpen => Err(None),
            Phase::Open => Err(Some(self.until - now)),
            Phase::HalfOpen => self.take_slot(now).map(Pass::Probe).ok_or(None),
            Phase::Ramping => {
                let passes = self.arrivals.is_multiple_of(self.one_of(now));
                self.arrivals += 1;
                if passes { Ok(Pass::Counted) } else { Err(None) }
            }
        };
        let pass = match pass {
            Err(_) if self.shadow => {
                self.would_have_refused += 1;
                Pass::Uncounted
            }
            Err(wait) => {
                self.refused += 1;
                return Err(wait);
            }
            Ok(pass) => pass,
        };
        Ok(Call { stay: self.stay, pass, entered: now, head: None, said: Said::Nothing })
    }

    fn take_slot(&mut self, now: Instant) -> Option<usize> {
        let wanted = match self.rules.recovery {
            Wanted::Successes { of, .. } => of,
            Wanted::Rate { calls, .. } => calls,
        };
        let needed = (wanted as usize).saturating_sub(self.found.len());
        let most = needed.min(self.rules.probes.into()).max(1);
        // Those whose time is over go, oldest first, as far as room is needed.
        while self.slots.len() >= most {
            let hung = self.slots.iter().position(|(_, end)| *end <= now)?;
            self.slots.remove(hung);
        }
        self.probes += 1;
        self.slots.push((self.probes, now + self.rules.probe_timeout));
        Some(self.probes)
    }

    fn free(&mut self, slot: usize) -> bool {
        let before = self.slots.len();
        self.slots.retain(|(number, _)| *number != slot);
        self.slots.len() < before
    }

    /// The head has come, and decides nothing.
    pub(crate) fn head(&mut self, call: &mut Call, now: Instant) {
        call.head = call.head.or(Some(now - call.entered));
        if call.stay == self.stay && !matches!(call.pass, Pass::Uncounted) {
            self.entries.push(Entry {
                at: now,
                kind: Kind::Head,
                dropped: false,
                broke: false,
                took: None,
            });
        }
    }

    /// The head has come, with a verdict.
    pub(crate) fn head_says(&mut self, call: &mut Call, verdict: &Verdict, now: Instant) {
        self.hear(call, verdict, now);
        call.head = call.head.or(Some(now - call.entered));
    }

    /// The call has ended, with this verdict.
    pub(crate) fn end_says(&mut self, call: &mut Call, verdict: &Verdict, now: Instant) {
        let counted = matches!(call.pass, Pass::Counted) && call.stay == self.stay;
        if counted && verdict.is_success() {
            let kind = Kind::Whole;
            self.entries.push(Entry { at: now, kind, dropped: false, broke: false, took: None });
        }
        self.hear(call, verdict, now);
    }

    fn hear(&mut self, call: &mut Call, verdict: &Verdict, now: Instant) {
        let dropped = verdict.is_dropped() && call.head.is_none();
        let outcome = match verdict.class() {
            Class::Success => Outcome::Success,
            Class::Failure => Outcome::Failure,
            Class::Throttled => Outcome::Throttled,
            _ if dropped => Outcome::Dropped,
            _ => Outcome::Neutral,
        };
        let again = call.said == Said::Success;
        if call.said == Said::All || again && outcome != Outcome::Failure {
            return;
        }
        call.said = if outcome == Outcome::Success { Said::Success } else { Said::All };
        if call.stay != self.stay {
            return;
        }
        let took = (!again).then(|| call.head.unwrap_or(now - call.entered));
        match call.pass {
            Pass::Uncounted => {}
            Pass::Counted => self.count((outcome, dropped, again), took, verdict, now),
            Pass::Probe(probe) if again => {
                if let Some(found) = self.found.iter_mut().find(|found| found.probe == probe) {
                    found.good = false;
                    found.advice = found.advice.max(verdict.retry_after());
                }
                self.decide(now);
            }
            Pass::Probe(probe) => {
                let in_time = self.free(probe);
                if !in_time || self.rules.is_slow(took) {
                    // Another has its place; or it is a failure already, and what its body does adds nothing.
                    call.said = Said::All;
                }
                if in_time {
                    self.find(probe, outcome, took, verdict, now);
                }
            }
        }
    }

    fn find(
        &mut self,
        probe: usize,
        outcome: Outcome,
        took: Option<Duration>,
        verdict: &Verdict,
        now: Instant,
    ) {
        let slow = self.rules.is_slow(took);
        let (good, slow) = match outcome {
            Outcome::Neutral => return,
            Outcome::Success => (!slow, slow),
            Outcome::Failure | Outcome::Throttled => (false, slow),
            Outcome::Dropped => {
                self.entries.push(Entry {
                    at: now,
                    kind: Kind::Nothing,
                    dropped: true,
                    broke: false,
                    took,
                });
                match self.rules.drop_counts(took.unwrap_or_default()) {
                    Count::Slow => (false, true),
                    Count::Failure => (false, slow),
                    Count::Neutral => {
                        let entries = &self.entries;
                        let drops = entries.iter().rev().take_while(|entry| entry.dropped).count();
                        if drops as u64 >= self.rules.drops_in_a_row() {
                            self.open(Cause::OnlyDrops(drops as u64), None, now);
                        }
                        return;
                    }
                }
            }
        };
        if outcome != Outcome::Dropped {
            self.entries.push(Entry {
                at: now,
                kind: Kind::Head,
                dropped: false,
                broke: false,
                took,
            });
        }
        let advice = verdict.retry_after();
        self.found.push(Found { probe, good, slow, advice });
        self.decide(now);
    }

    fn decide(&mut self, now: Instant) {
        let results = self.results();
        let Counts { calls, failures, .. } = results;
        let (recovered, failed) = match self.rules.recovery {
            Wanted::Successes { needed, of } => {
                (calls - failures >= needed.into(), failures > u64::from(of - needed))
            }
            Wanted::Rate { percent, calls: all } => {
                let failing = failures > 0 && failures * 100 >= u64::from(percent) * calls;
                (calls >= all.into() && !failing, calls >= all.into() && failing)
            }
        };
        if failed {
            let bad = self.found.iter().filter(|found| !found.good);
            let advice = bad.filter_map(|found| found.advice).max();
            self.open(Cause::ProbesFailed(results), advice, now);
        } else if recovered {
            match self.rules.ramp {
                Some(time) => {
                    self.until = now + time;
                    self.arrivals = 0;
                    self.go(Phase::Ramping, self.cause, now);
                }
                None => self.go(Phase::Closed, None, now),
            }
        }
    }

    fn count(
        &mut self,
        (outcome, dropped, broke): (Outcome, bool, bool),
        took: Option<Duration>,
        verdict: &Verdict,
        now: Instant,
    ) {
        let kind = match outcome {
            Outcome::Neutral => return,
            Outcome::Success => Kind::Success,
            Outcome::Failure => Kind::Failure,
            Outcome::Throttled => Kind::Throttled,
            Outcome::Dropped => match self.rules.drop_counts(took.unwrap_or_default()) {
                Count::Neutral => Kind::Nothing,
                Count::Slow => Kind::Slow,
                Count::Failure => Kind::Failure,
            },
        };
        self.entries.push(Entry { at: now, kind, dropped, broke, took });
        if let Some(cause) = self.stay().reason(now) {
            self.open(cause, verdict.retry_after(), now);
        }
    }

    pub(crate) fn unready(&mut self, verdict: &Verdict, now: Instant) {
        let outcome = match verdict.class() {
            Class::Failure => Outcome::Failure,
            Class::Throttled => Outcome::Throttled,
            _ => return,
        };
        match self.phase {
            Phase::Closed | Phase::Ramping => {
                self.count((outcome, false, false), None, verdict, now)
            }
            Phase::Open if now >= self.until => {
                self.go(Phase::HalfOpen, self.cause, now);
                self.open(Cause::Unready, verdict.retry_after(), now);
            }
            Phase::HalfOpen => self.open(Cause::Unready, verdict.retry_after(), now),
            _ => {}
        }
    }

    // ===== transitions =====

    fn open(&mut self, cause: Cause, advice: Option<Duration>, now: Instant) {
        self.until = now + self.rules.open_time(advice);
        self.go(Phase::Open, Some(cause), now);
    }

    fn go(&mut self, phase: Phase, cause: Option<Cause>, now: Instant) {
        let (from, to) = (self.phase.state(), phase.state());
        self.stay_in(phase, cause, now);
        self.tell(from, to, self.shadow);
    }

    fn stay_in(&mut self, phase: Phase, cause: Option<Cause>, now: Instant) {
        self.phase = phase;
        self.cause = cause;
        self.stay += 1;
        self.since = now;
        self.entries.clear();
        self.found.clear();
        self.slots.clear();
    }

    fn tell(&mut self, from: State, to: State, in_shadow: bool) {
        if from != to {
            let until = (to == State::Open).then_some(self.until);
            self.told.push(Told { in_shadow, from, to, stay: self.stay, until });
        }
    }

    /// By hand: to this phase, in shadow or not.
    pub(crate) fn put(&mut self, phase: Phase, shadow: bool, now: Instant) {
        let from = self.state();
        self.shadow = shadow;
        self.stay_in(phase, (phase != Phase::Closed).then_some(Cause::Forced), now);
        self.tell(from, self.state(), false);
    }

    pub(crate) fn release(&mut self, now: Instant) {
        if self.state().is_by_hand() {
            self.put(Phase::Closed, false, now);
        }
    }

    pub(crate) fn reset(&mut self, now: Instant) {
        self.put(Phase::Closed, false, now);
        (self.refused, self.would_have_refused) = (0, 0);
    }

    pub(crate) fn update(&mut self, rules: Rules, now: Instant) {
        let same = self.rules.counts_as(&rules);
        self.rules = rules;
        if !same {
            // Ticks of time windows are those of the rules, not of a stay.
            self.counts_since = now;
        }
        if !same && self.is_counting() {
            let since = self.since;
            self.stay_in(self.phase, self.cause, now);
            if self.phase == Phase::Ramping {
                self.since = since;
            }
        }
    }
}
