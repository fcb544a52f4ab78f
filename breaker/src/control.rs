//! The machine's slow side: every transition, and all of half-open. It runs under the machine's lock.

use crate::{Cause, Settings, State, open_time::nanos, tally::Tally, word::Word};
use fastrand::Rng;
use orlop_core::Verdict;
use std::{collections::VecDeque, task::Waker};

/// Times are nanoseconds since the machine was made.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) settings: Settings,
    pub(crate) state: State,
    pub(crate) generation: u32,
    /// When the state was entered.
    pub(crate) since: u64,
    /// Why the circuit is not closed.
    pub(crate) cause: Option<Cause>,
    /// Open: when the first probe may pass.
    pub(crate) until: u64,
    /// How often the circuit has opened since it was last closed.
    openings: u32,
    /// Half-open: probes that succeeded, one after the other.
    pub(crate) successes: u32,
    /// Half-open: slots taken. Those whose time is over stay until somebody needs the slot.
    probes: Vec<Probe>,
    next_probe: u32,
    rng: Rng,
    /// Set when the counts must start afresh before the word is published.
    pub(crate) recount: bool,
    /// Transitions nobody has been told of yet.
    pub(crate) news: VecDeque<Step>,
    /// Somebody is telling them.
    pub(crate) telling: bool,
    waiting: Vec<Waker>,
    /// To be woken when the lock is gone.
    pub(crate) woken: Vec<Waker>,
}

#[derive(Debug)]
struct Probe {
    id: u32,
    expires: u64,
}

/// A transition, in the machine's own time.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) cause: Option<Cause>,
    pub(crate) generation: u32,
    pub(crate) at: u64,
    pub(crate) until: Option<u64>,
}

impl Control {
    /// More waiting tasks than this are told a time only.
    const MAX_WAITING: usize = 256;

    pub(crate) fn new(settings: Settings, rng: Rng) -> Self {
        Self {
            settings,
            state: State::Closed,
            generation: 0,
            since: 0,
            cause: None,
            until: 0,
            openings: 0,
            successes: 0,
            probes: Vec::new(),
            next_probe: 0,
            rng,
            recount: false,
            news: VecDeque::new(),
            telling: false,
            waiting: Vec::new(),
            woken: Vec::new(),
        }
    }

    pub(crate) fn word(&self) -> Word {
        let full = self.state == State::HalfOpen && self.probes.len() >= self.slots();
        Word::new(self.state, self.generation, full, Tally::has_windows(&self.settings.trip))
    }

    /// When the first slot of a half-open circuit expires.
    pub(crate) fn probe_expiry(&self) -> u64 {
        self.probes.iter().map(|probe| probe.expires).min().unwrap_or(0)
    }

    pub(crate) fn probes_in_flight(&self, now: u64) -> u32 {
        self.probes.iter().filter(|probe| probe.expires > now).count() as u32
    }

    // ===== half-open =====

    /// A slot for one more probe, if there is one.
    pub(crate) fn take_slot(&mut self, now: u64) -> Option<u32> {
        // A hung probe loses its slot only to another: as long as nobody else asks, it may still decide.
        while self.probes.len() >= self.slots() {
            let hung = self.probes.iter().position(|probe| probe.expires <= now)?;
            self.probes.swap_remove(hung);
        }
        let id = self.next_probe;
        self.next_probe = self.next_probe.wrapping_add(1);
        let expires = now.saturating_add(nanos(self.settings.probe_timeout));
        self.probes.push(Probe { id, expires });
        Some(id)
    }

    /// Gives a slot back; `false` if it had been given to another.
    pub(crate) fn return_slot(&mut self, id: u32) -> bool {
        let Some(at) = self.probes.iter().position(|probe| probe.id == id) else {
            return false;
        };
        self.probes.swap_remove(at);
        self.wake_all();
        true
    }

    pub(crate) fn probe_succeeded(&mut self, now: u64) {
        self.successes = self.successes.saturating_add(1);
        if self.successes >= self.settings.successes.get() {
            // HalfOpen => Closed: as many probes as asked for succeeded, and none failed.
            self.close(now);
        }
    }

    pub(crate) fn wait(&mut self, waker: &Waker) {
        let known = self.waiting.iter().any(|other| other.will_wake(waker));
        if !known && self.waiting.len() < Self::MAX_WAITING {
            self.waiting.push(waker.clone());
        }
    }

    // ===== transitions =====

    /// Closed or HalfOpen => Open: the counts said so, or a probe failed.
    pub(crate) fn open(&mut self, cause: Cause, verdict: Option<&Verdict>, now: u64) {
        self.openings = self.openings.saturating_add(1);
        let backoff = self.settings.open.nanos(self.openings, &mut self.rng);
        // The other side's advice comes from a peer: clamped, and it only lengthens.
        let advice = verdict.and_then(Verdict::retry_after).unwrap_or_default();
        let advice = nanos(advice.min(self.settings.max_retry_after));
        self.until = now.saturating_add(backoff.max(advice));
        self.go(State::Open, Some(cause), now);
    }

    /// Open => HalfOpen: the open time is over, and somebody came.
    pub(crate) fn half_open(&mut self, now: u64) {
        self.go(State::HalfOpen, self.cause, now);
    }

    /// Any => Closed: recovered, reset or released. The history is forgotten.
    pub(crate) fn close(&mut self, now: u64) {
        self.openings = 0;
        self.recount = true;
        self.go(State::Closed, None, now);
    }

    /// Any => ForcedOpen or ForcedClosed, by hand.
    pub(crate) fn force(&mut self, to: State, now: u64) {
        self.openings = 0;
        self.go(to, Some(Cause::Forced), now);
    }

    pub(crate) fn update(&mut self, settings: Settings, now: u64) {
        let same = self.settings.trip == settings.trip
            && self.settings.trip_on_success == settings.trip_on_success;
        self.settings = settings;
        if !same && self.state == State::Closed {
            // Closed => Closed: other rules need other windows. A new generation, so that no old rule decides late.
            self.recount = true;
            self.go(State::Closed, None, now);
        }
        // There may be more slots now.
        self.wake_all();
    }

    fn go(&mut self, to: State, cause: Option<Cause>, now: u64) {
        let from = self.state;
        self.generation = self.generation.wrapping_add(1);
        self.state = to;
        self.cause = cause;
        self.since = now;
        self.successes = 0;
        self.probes.clear();
        if from != to {
            let until = (to == State::Open).then_some(self.until);
            self.news.push_back(Step {
                from,
                to,
                cause,
                generation: self.generation,
                at: now,
                until,
            });
        }
        self.wake_all();
    }

    fn wake_all(&mut self) {
        self.woken.append(&mut self.waiting);
    }

    fn slots(&self) -> usize {
        self.settings.probes.get().into()
    }
}
