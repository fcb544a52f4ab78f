//! The machine's slow side: every transition, and all of half-open. It runs under the machine's lock.

use crate::{
    Cause, Counts, Initial, Opening, Ramp, Settings,
    open_time::nanos,
    recovery::Want,
    tally::Tally,
    ticket::SLOTS,
    word::{Parts, Phase, Word},
};
use fastrand::Rng;
use orlop_core::Verdict;
use std::{sync::Arc, task::Waker, time::Duration};

/// Times are nanoseconds since the machine was made.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) settings: Arc<Settings>,
    pub(crate) phase: Phase,
    /// Nothing is refused.
    pub(crate) shadow: bool,
    pub(crate) generation: u32,
    /// When the phase began.
    pub(crate) since: u64,
    /// Why the circuit is not closed.
    pub(crate) cause: Option<Cause>,
    /// Open: when the first probe may pass. Ramping: when the ramp is over.
    pub(crate) until: u64,
    /// How often the circuit has opened since it was last closed.
    openings: u32,
    rng: Rng,
    /// Set when other rules must be in place before the word is published.
    pub(crate) other_rules: bool,
    /// They have been before.
    pub(crate) had_other_rules: bool,
    /// What a circuit that has never opened and that nobody waits for does without: circuits may be many.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default)]
struct Rare {
    /// Half-open: what probes found out.
    results: Counts,
    /// Half-open: the longest wait that probes were asked for.
    advice: Option<Duration>,
    /// Half-open: slots taken, oldest first. Those whose time is over stay until somebody needs the slot.
    probes: Vec<Probe>,
    next_probe: u32,
    /// Ramping: calls that asked to pass.
    arrivals: u32,
    /// Set when a function must be asked how long the circuit stays open.
    opening: Option<Box<Opening>>,
    /// Transitions nobody has been told of yet.
    news: Vec<Step>,
    /// Somebody is telling them.
    telling: bool,
    waiting: Vec<Waker>,
    /// They are to be woken when the lock is gone.
    wake: bool,
}

#[derive(Debug)]
struct Probe {
    id: u32,
    expires: u64,
}

/// A transition, in the machine's own time.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) in_shadow: bool,
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) cause: Option<Cause>,
    pub(crate) generation: u32,
    pub(crate) at: u64,
    pub(crate) until: Option<u64>,
}

/// Where a transition starts or ends: a phase, or the shadow as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Phase(Phase),
    Shadow,
}

impl Control {
    /// More waiting tasks than this are told a time only.
    const MAX_WAITING: usize = 256;
    /// An open time that is not known yet.
    pub(crate) const UNKNOWN: u64 = u64::MAX;

    pub(crate) fn new(settings: Arc<Settings>, rng: Rng) -> Self {
        let (phase, shadow) = match settings.initial {
            Initial::Closed => (Phase::Closed, false),
            Initial::ForcedOpen => (Phase::ForcedOpen, false),
            Initial::Disabled => (Phase::Disabled, false),
            Initial::Shadow => (Phase::Closed, true),
        };
        Self {
            settings,
            phase,
            shadow,
            generation: 0,
            since: 0,
            cause: (phase != Phase::Closed).then_some(Cause::Forced),
            until: 0,
            openings: 0,
            rng,
            other_rules: false,
            had_other_rules: false,
            rare: None,
        }
    }

    pub(crate) fn word(&self) -> Word {
        Word::new(Parts {
            phase: self.phase,
            generation: self.generation,
            probes: u16::try_from(self.probes().len()).unwrap_or(u16::MAX),
            shadow: self.shadow,
            full: self.is_full(),
            windows: Tally::has_windows(&self.settings.trip),
            timed: self.settings.is_timed(),
            other_rules: self.had_other_rules,
        })
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn probes(&self) -> &[Probe] {
        self.rare.as_ref().map_or(&[], |rare| &rare.probes)
    }

    /// Half-open: what the probes found out so far.
    pub(crate) fn results(&self) -> Counts {
        self.rare.as_ref().map_or_else(Counts::default, |rare| rare.results)
    }

    /// What is left to do when the lock is gone: whom to wake, what function to ask, and whether there is news to tell.
    pub(crate) fn left_to_do(&mut self) -> (Vec<Waker>, Option<Opening>, bool) {
        match self.rare.as_deref_mut() {
            None => (Vec::new(), None, false),
            Some(rare) => {
                let news = !rare.news.is_empty() && !rare.telling;
                let woken = if std::mem::take(&mut rare.wake) {
                    std::mem::take(&mut rare.waiting)
                } else {
                    Vec::new()
                };
                (woken, rare.opening.take().map(|opening| *opening), news)
            }
        }
    }

    /// The next transition to tell; `None`, if there is none or somebody else is at it.
    pub(crate) fn next_news(&mut self, first: bool) -> Option<Step> {
        let rare = self.rare.as_deref_mut()?;
        if first && rare.telling {
            return None;
        }
        let step = (!rare.news.is_empty()).then(|| rare.news.remove(0));
        rare.telling = step.is_some();
        if step.is_none() {
            // It was needed for a moment, and an open circuit may stay one for long.
            rare.news = Vec::new();
        }
        step
    }

    pub(crate) fn is_full(&self) -> bool {
        self.phase == Phase::HalfOpen && self.probes().len() >= self.slots()
    }

    /// When the first slot of a half-open circuit expires.
    pub(crate) fn probe_expiry(&self) -> u64 {
        self.probes().iter().map(|probe| probe.expires).min().unwrap_or(0)
    }

    pub(crate) fn probes_in_flight(&self, now: u64) -> u32 {
        self.probes().iter().filter(|probe| probe.expires > now).count() as u32
    }

    // ===== half-open =====

    /// A slot for one more probe, if there is one.
    pub(crate) fn take_slot(&mut self, now: u64) -> Option<u32> {
        // A hung probe, the oldest first, loses its slot only to another: as long as nobody else asks, it may still decide.
        let slots = self.slots();
        let expires = now.saturating_add(nanos(self.settings.probe_timeout));
        let Rare { probes, next_probe, .. } = self.rare();
        while probes.len() >= slots {
            let hung = probes.iter().position(|probe| probe.expires <= now)?;
            probes.remove(hung);
        }
        let id = *next_probe;
        *next_probe = (id + 1) % SLOTS;
        probes.push(Probe { id, expires });
        Some(id)
    }

    /// Gives a slot back; `false` if it had been given to another.
    pub(crate) fn return_slot(&mut self, id: u32) -> bool {
        let probes = &mut self.rare().probes;
        let Some(at) = probes.iter().position(|probe| probe.id == id) else {
            return false;
        };
        probes.remove(at);
        self.wake_all();
        true
    }

    /// A probe has found out something.
    pub(crate) fn probe_ended(&mut self, good: bool, slow: bool, verdict: &Verdict, now: u64) {
        let Rare { results, advice, .. } = self.rare();
        results.calls += 1;
        results.failures += u64::from(!good);
        results.slow += u64::from(slow);
        if !good {
            *advice = (*advice).max(verdict.retry_after());
        }
        self.decide(now);
    }

    /// A probe that was a success at its head has failed after all.
    pub(crate) fn probe_broke(&mut self, verdict: &Verdict, now: u64) {
        let Rare { results, advice, .. } = self.rare();
        results.failures = (results.failures + 1).min(results.calls);
        *advice = (*advice).max(verdict.retry_after());
        self.decide(now);
    }

    fn decide(&mut self, now: u64) {
        let results = self.results();
        let Counts { calls, failures, .. } = results;
        let (recovered, failed) = match self.settings.recovery.0 {
            Want::Successes { needed, of } => {
                let (needed, of) = (u64::from(needed.get()), u64::from(of.get()));
                (calls - failures >= needed, failures > of - needed)
            }
            Want::Rate { ratio, calls: all } => {
                let decided = calls >= u64::from(all.get());
                let failing = failures > 0 && results.failure_ratio() >= ratio.get();
                (decided && !failing, decided && failing)
            }
        };
        if failed {
            // HalfOpen => Open: too many probes failed, or were asked to come later.
            let advice = self.rare().advice;
            self.open(Cause::ProbesFailed(results), advice, now);
        } else if recovered {
            match self.settings.ramp.0 {
                // HalfOpen => Ramping: what the probes found is tried on a growing share.
                Some(time) => self.ramp(nanos(time), now),
                // HalfOpen => Closed: the probes found what was asked for.
                None => self.close(now),
            }
        }
    }

    /// How many probes there may be: no more than the decision still needs.
    fn slots(&self) -> usize {
        let needed =
            u64::from(self.settings.recovery.results()).saturating_sub(self.results().calls);
        let most = usize::from(self.settings.probes.get());
        usize::try_from(needed).map_or(most, |needed| most.min(needed)).max(1)
    }

    // ===== ramp =====

    /// One call of every so many may pass now.
    pub(crate) fn stride(&self, now: u64) -> u64 {
        let length = self.until.saturating_sub(self.since).max(1);
        let step = u128::from(now.saturating_sub(self.since)) * u128::from(Ramp::STEPS);
        let step = u64::try_from(step / u128::from(length)).unwrap_or(u64::MAX);
        1 << u64::from(Ramp::STEPS).saturating_sub(step)
    }

    /// Whether this call may pass: the first, and then one of every stride.
    pub(crate) fn passes(&mut self, now: u64) -> bool {
        let stride = self.stride(now);
        let arrivals = &mut self.rare().arrivals;
        let turn = u64::from(*arrivals) % stride;
        *arrivals = arrivals.wrapping_add(1);
        turn == 0
    }

    /// When the share grows next.
    pub(crate) fn next_step(&self, now: u64) -> u64 {
        let length = self.until.saturating_sub(self.since).max(1).div_ceil(Ramp::STEPS.into());
        let steps = now.saturating_sub(self.since) / length + 1;
        self.since.saturating_add(steps.saturating_mul(length)).min(self.until)
    }

    // ===== waiting =====

    /// Registers the waker; `false` if too many are waiting.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        let waiting = &mut self.rare().waiting;
        let known = waiting.iter().any(|other| other.will_wake(waker));
        let room = known || waiting.len() < Self::MAX_WAITING;
        if room && !known {
            waiting.push(waker.clone());
        }
        room
    }

    fn wake_all(&mut self) {
        if let Some(rare) = self.rare.as_deref_mut() {
            rare.wake = true;
        }
    }

    // ===== transitions =====

    /// Closed, HalfOpen or Ramping => Open: the counts said so, or the probes failed.
    pub(crate) fn open(&mut self, cause: Cause, advice: Option<Duration>, now: u64) {
        self.openings = self.openings.saturating_add(1);
        // The other side's advice comes from a peer: clamped.
        let most = self.settings.max_retry_after;
        let advice = advice.map(|wait| wait.min(most)).filter(|_| !most.is_zero());
        let time = self.settings.open.nanos(self.openings, advice, &mut self.rng);
        self.until = time.map_or(Self::UNKNOWN, |time| now.saturating_add(time));
        let opening = match time {
            Some(_) => None,
            None => {
                let reopenings = self.openings - 1;
                Some(Box::new(Opening { reopenings, cause, retry_after: advice }))
            }
        };
        self.rare().opening = opening;
        self.go(Phase::Open, Some(cause), now);
    }

    /// Open, and a function was asked for how long.
    pub(crate) fn open_for(&mut self, time: Duration) {
        self.until = self.since.saturating_add(nanos(time));
        let (until, generation) = (self.until, self.generation);
        let news = &mut self.rare().news;
        if let Some(step) = news.iter_mut().find(|step| step.generation == generation) {
            step.until = Some(until);
        }
        self.wake_all();
    }

    /// Open => HalfOpen: the open time is over, and somebody came.
    pub(crate) fn half_open(&mut self, now: u64) {
        self.go(Phase::HalfOpen, self.cause, now);
    }

    fn ramp(&mut self, time: u64, now: u64) {
        self.rare().arrivals = 0;
        self.until = now.saturating_add(time);
        self.go(Phase::Ramping, self.cause, now);
    }

    /// Any => Closed: recovered. The history is forgotten.
    pub(crate) fn close(&mut self, now: u64) {
        self.openings = 0;
        self.go(Phase::Closed, None, now);
    }

    /// Any => Closed, by hand; the shadow ends, too.
    pub(crate) fn release(&mut self, now: u64) {
        let from = self.place();
        self.shadow = false;
        self.openings = 0;
        self.enter(Phase::Closed, None, now);
        self.tell(from, Place::Phase(Phase::Closed), false, now);
    }

    /// Any => ForcedOpen or Disabled, by hand; the shadow ends.
    pub(crate) fn force(&mut self, to: Phase, now: u64) {
        let from = self.place();
        self.shadow = false;
        self.openings = 0;
        self.enter(to, Some(Cause::Forced), now);
        self.tell(from, Place::Phase(to), false, now);
    }

    /// Any => Closed in shadow, by hand: it goes on computing and refuses nothing.
    pub(crate) fn shadow(&mut self, now: u64) {
        let from = self.place();
        self.shadow = true;
        self.openings = 0;
        self.enter(Phase::Closed, None, now);
        self.tell(from, Place::Shadow, false, now);
    }

    pub(crate) fn update(&mut self, settings: Arc<Settings>, now: u64) {
        let same = self.settings.counts_as(&settings);
        self.settings = settings;
        self.other_rules = !same;
        self.had_other_rules |= !same;
        if !same && matches!(self.phase, Phase::Closed | Phase::Ramping) {
            // Closed => Closed: other rules have other windows. A new generation, so that no old rule decides late.
            let since = self.since;
            self.enter(self.phase, self.cause, now);
            if self.phase == Phase::Ramping {
                self.since = since;
            }
        }
        // There may be more slots now.
        self.wake_all();
    }

    fn place(&self) -> Place {
        if self.shadow { Place::Shadow } else { Place::Phase(self.phase) }
    }

    /// A transition that the machine makes by itself.
    fn go(&mut self, to: Phase, cause: Option<Cause>, now: u64) {
        let from = self.phase;
        self.enter(to, cause, now);
        self.tell(Place::Phase(from), Place::Phase(to), self.shadow, now);
    }

    fn enter(&mut self, to: Phase, cause: Option<Cause>, now: u64) {
        self.generation = self.generation.wrapping_add(1);
        self.phase = to;
        self.cause = cause;
        self.since = now;
        if let Some(Rare { results, advice, probes, .. }) = self.rare.as_deref_mut() {
            *results = Counts::default();
            *advice = None;
            probes.clear();
        }
        self.wake_all();
    }

    fn tell(&mut self, from: Place, to: Place, in_shadow: bool, now: u64) {
        let shown = |place: Place| match place {
            Place::Phase(phase) => Some(phase.state()),
            Place::Shadow => None,
        };
        if from != to && shown(from) != shown(to) {
            let known = self.until != Self::UNKNOWN;
            let until = (to == Place::Phase(Phase::Open) && known).then_some(self.until);
            let (cause, generation) = (self.cause, self.generation);
            let step = Step { in_shadow, from, to, cause, generation, at: now, until };
            self.rare().news.push(step);
        }
    }
}
