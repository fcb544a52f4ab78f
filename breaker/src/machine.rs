//! The state machine: one word that entering calls read, and a lock for whoever changes it.

use crate::{
    Cause, Settings, Snapshot, State,
    control::{Control, Step},
    run::Run,
    sync::{
        AtomicU64, Mutex,
        Ordering::{Acquire, Relaxed, Release},
        Swap, lock,
    },
    tally::Tally,
    ticket::{Heard, Outcome, Pass, Ticket},
    word::Word,
};
use fastrand::Rng;
use orlop_core::{Again, Now, Verdict};
use std::{task::Waker, time::Duration};
use tokio::time::Instant;

/// A circuit without name, listeners or meters.
///
/// A closed circuit admits with one load of `word` and takes no lock to record. Everything else, that is transitions
/// and half-open, changes under `control`, whose holder publishes what fast paths need: first the times and counts,
/// then the word (Release). Who has read the word (Acquire) sees times and counts at least as new. If they are newer,
/// the reader met a transition under way; then it refuses as after it.
#[derive(Debug)]
pub(crate) struct Machine {
    base: Instant,
    /// A [`Word`]. Written only with `control` held.
    word: AtomicU64,
    /// Open: when the first probe may pass. Written before `word`.
    open_until: AtomicU64,
    /// Half-open and full: when the first slot expires. Written before `word`.
    probe_expiry: AtomicU64,
    run: Run,
    tally: Swap<Tally>,
    control: Mutex<Control>,
}

/// A call may not pass; a next try may at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) wait: Option<Duration>,
}

/// What the caller owes once the lock is gone.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Owed {
    pub(crate) wakers: Vec<Waker>,
    /// There are transitions to tell.
    pub(crate) news: bool,
}

impl Machine {
    pub(crate) fn new(settings: Settings, rng: Rng) -> Self {
        let control = Control::new(settings, rng);
        Self {
            base: Instant::now(),
            word: AtomicU64::new(control.word().0),
            open_until: AtomicU64::new(0),
            probe_expiry: AtomicU64::new(0),
            run: Run::new(control.generation),
            tally: Swap::new(Tally::new(control.generation, &control.settings, 0)),
            control: Mutex::new(control),
        }
    }

    // ===== entering =====

    pub(crate) fn enter(&self, now: &Now) -> (Result<Ticket, Refused>, Owed) {
        let word = self.word();
        let pass = match word.state() {
            State::Closed => Pass::Counted,
            State::ForcedClosed => Pass::Uncounted,
            _ => match self.refused(word, now) {
                Some(refused) => return (Err(refused), Owed::default()),
                None => return self.enter_as_probe(now),
            },
        };
        (Ok(Ticket::new(word.generation(), pass)), Owed::default())
    }

    /// The refusal that needs no lock to be certain.
    fn refused(&self, word: Word, now: &Now) -> Option<Refused> {
        let until = match word.state() {
            State::ForcedOpen => return Some(Refused { wait: None }),
            State::Open => self.open_until.load(Relaxed),
            State::HalfOpen if word.is_full() => {
                // Its probes will have ended long before their slots expire, so that time is no advice.
                let expiry = self.probe_expiry.load(Relaxed);
                return self.wait(expiry, now).map(|_| Refused { wait: None });
            }
            _ => return None,
        };
        self.wait(until, now).map(|wait| Refused { wait: Some(wait) })
    }

    /// The refusal that any call would meet now. A half-open circuit leaves it to `enter`.
    pub(crate) fn refusing(&self, now: &Now) -> Option<Refused> {
        let word = self.word();
        let known = matches!(word.state(), State::Open | State::ForcedOpen);
        known.then(|| self.refused(word, now)).flatten()
    }

    fn enter_as_probe(&self, now: &Now) -> (Result<Ticket, Refused>, Owed) {
        let at = self.nanos(now);
        self.locked(at, |control| {
            if control.state == State::Open && at >= control.until {
                control.half_open(at);
            }
            // Asked anew: since the word was read, others may have changed the state.
            match control.state {
                State::Closed => Ok(Ticket::new(control.generation, Pass::Counted)),
                State::ForcedClosed => Ok(Ticket::new(control.generation, Pass::Uncounted)),
                State::ForcedOpen => Err(Refused { wait: None }),
                State::Open => Err(Refused { wait: self.wait(control.until, now) }),
                State::HalfOpen => match control.take_slot(at) {
                    Some(slot) => Ok(Ticket::new(control.generation, Pass::Probe(slot))),
                    None => Err(Refused { wait: None }),
                },
            }
        })
    }

    pub(crate) fn wake(&self, waker: &Waker, now: &Now) -> (Again, Owed) {
        let at = self.nanos(now);
        self.locked(at, |control| match control.state {
            State::ForcedOpen => Again::Never,
            State::Open if at < control.until => self.again(control.until, now),
            State::HalfOpen if control.word().is_full() && at < control.probe_expiry() => {
                // A slot may come back sooner than it expires.
                control.wait(waker);
                self.again(control.probe_expiry(), now)
            }
            // It would not refuse: the caller asks again, and the gate that does refuse says when.
            _ => Again::Never,
        })
    }

    // ===== outcomes =====

    /// A verdict on an admitted call, at its head or its end.
    pub(crate) fn hear(&self, ticket: &mut Ticket, verdict: &Verdict, now: &Now) -> Owed {
        let outcome = Outcome::of(verdict);
        let first = ticket.heard == Heard::Nothing;
        // A call that was a success at its head and then fails is one failure more.
        if !first && (ticket.heard == Heard::Enough || outcome != Outcome::Failure) {
            return Owed::default();
        }
        ticket.heard = match outcome {
            Outcome::Success => Heard::Success,
            _ => Heard::Enough,
        };
        match ticket.pass {
            Pass::Uncounted => Owed::default(),
            Pass::Counted => self.count(ticket.generation, outcome, verdict, now),
            Pass::Probe(slot) => {
                let at = self.nanos(now);
                self.locked(at, |control| {
                    if control.generation != ticket.generation {
                        return;
                    }
                    // The slot of a success at the head is back already.
                    if first && !control.return_slot(slot) {
                        // Too late: what it found out is older than what the probe in its place will.
                        ticket.heard = Heard::Enough;
                        return;
                    }
                    match outcome {
                        Outcome::Success => control.probe_succeeded(at),
                        Outcome::Neutral => {}
                        // HalfOpen => Open: a probe failed, or was asked to come later.
                        Outcome::Failure | Outcome::Throttled => {
                            control.open(Cause::ProbeFailed, Some(verdict), at);
                        }
                    }
                })
                .1
            }
        }
    }

    /// An admitted call never ran.
    pub(crate) fn refund(&self, ticket: &Ticket, now: &Now) -> Owed {
        let (Pass::Probe(slot), Heard::Nothing) = (ticket.pass, ticket.heard) else {
            return Owed::default();
        };
        self.locked(self.nanos(now), |control| {
            if control.generation == ticket.generation {
                control.return_slot(slot);
            }
        })
        .1
    }

    /// The service failed to become ready, so there is no call.
    pub(crate) fn unready(&self, verdict: &Verdict, now: &Now) -> Owed {
        let outcome = Outcome::of(verdict);
        let word = self.word();
        match word.state() {
            _ if !outcome.is_bad() => Owed::default(),
            State::Closed => self.count(word.generation(), outcome, verdict, now),
            State::Open | State::HalfOpen => {
                let at = self.nanos(now);
                self.locked(at, |control| {
                    if control.generation != word.generation() {
                        return;
                    }
                    // Readiness was asked for because the open time is over: that was a probe, too.
                    if control.state == State::Open && at >= control.until {
                        control.half_open(at);
                    }
                    if control.state == State::HalfOpen {
                        control.open(Cause::Unready, Some(verdict), at);
                    }
                })
                .1
            }
            State::ForcedOpen | State::ForcedClosed => Owed::default(),
        }
    }

    /// An outcome in the closed state.
    fn count(&self, generation: u32, outcome: Outcome, verdict: &Verdict, now: &Now) -> Owed {
        let word = self.word();
        if word.generation() != generation || outcome == Outcome::Neutral {
            return Owed::default();
        }
        let run = match outcome {
            Outcome::Success => {
                self.run.end(generation);
                if !word.has_windows() {
                    return Owed::default();
                }
                Some(0)
            }
            Outcome::Failure => self.run.add(generation),
            Outcome::Throttled | Outcome::Neutral => Some(0),
        };
        let tally = self.tally.load();
        let (Some(run), true) = (run, tally.generation == generation) else {
            return Owed::default();
        };
        let at = || self.nanos(now);
        tally.record(outcome.is_bad(), at);
        if outcome == Outcome::Success && !tally.trip_on_success {
            return Owed::default();
        }
        match tally.verdict(run, at) {
            Some(cause) => self.trip(generation, cause, verdict, now),
            None => Owed::default(),
        }
    }

    /// Closed => Open: the counts are enough. Of several threads that find so, the first opens.
    fn trip(&self, generation: u32, cause: Cause, verdict: &Verdict, now: &Now) -> Owed {
        let at = self.nanos(now);
        self.locked(at, |control| {
            if control.generation == generation {
                control.open(cause, Some(verdict), at);
            }
        })
        .1
    }

    // ===== by hand =====

    pub(crate) fn change(&self, now: &Now, change: impl FnOnce(&mut Control, u64)) -> Owed {
        let at = self.nanos(now);
        self.locked(at, |control| change(control, at)).1
    }

    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Acquire))
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.control).settings.clone()
    }

    /// Whether forgetting the circuit would let calls through that it refuses, or lose what somebody set by hand.
    pub(crate) fn is_pinned(&self, now: &Now) -> bool {
        match self.word().state() {
            State::Closed => false,
            State::ForcedOpen | State::ForcedClosed => true,
            State::Open | State::HalfOpen => {
                let at = self.nanos(now);
                let control = lock(&self.control);
                match control.state {
                    State::Open => at < control.until,
                    State::HalfOpen => control.probes_in_flight(at) > 0,
                    state => state.is_forced(),
                }
            }
        }
    }

    pub(crate) fn snapshot(&self, now: &Now) -> Snapshot {
        let at = self.nanos(now);
        let control = lock(&self.control);
        let tally = self.tally.load();
        let closed = control.state == State::Closed;
        Snapshot {
            name: None,
            state: control.state,
            cause: control.cause,
            since: self.instant(control.since),
            until: match control.state {
                State::Open => self.later(control.until),
                _ => None,
            },
            generation: control.generation,
            consecutive_failures: if closed { self.run.get(control.generation) } else { 0 },
            windows: if closed { tally.windows(at) } else { Vec::new() },
            probes_in_flight: control.probes_in_flight(at),
            probe_successes: control.successes,
            refused: 0,
        }
    }

    /// The next transition to tell. Whoever gets one must ask again until there is none; meanwhile nobody else does,
    /// so transitions are told in order, and a listener that causes one does not recurse.
    pub(crate) fn next_news(&self, first: bool) -> Option<Step> {
        let mut control = lock(&self.control);
        if first && control.telling {
            return None;
        }
        let step = control.news.pop_front();
        control.telling = step.is_some();
        step
    }

    // ===== time =====

    pub(crate) fn nanos(&self, now: &Now) -> u64 {
        crate::open_time::nanos(now.get().saturating_duration_since(self.base))
    }

    pub(crate) fn instant(&self, at: u64) -> Instant {
        self.later(at).unwrap_or(self.base)
    }

    /// `None` if that is further away than a clock can show.
    pub(crate) fn later(&self, at: u64) -> Option<Instant> {
        self.base.checked_add(Duration::from_nanos(at))
    }

    /// How long until then; `None` if it is over.
    fn wait(&self, until: u64, now: &Now) -> Option<Duration> {
        match until.saturating_sub(self.nanos(now)) {
            0 => None,
            wait => Some(Duration::from_nanos(wait)),
        }
    }

    fn again(&self, until: u64, now: &Now) -> Again {
        match self.later(until) {
            Some(at) => Again::At(at.max(now.get())),
            None => Again::Never,
        }
    }

    /// The only place that changes `control` and what is published of it.
    fn locked<T>(&self, at: u64, change: impl FnOnce(&mut Control) -> T) -> (T, Owed) {
        let mut control = lock(&self.control);
        let out = change(&mut control);
        if std::mem::take(&mut control.recount) {
            let generation = control.generation;
            self.tally.store(Tally::new(generation, &control.settings, at));
            self.run.restart(generation);
        }
        self.open_until.store(control.until, Relaxed);
        self.probe_expiry.store(control.probe_expiry(), Relaxed);
        // Release: pairs with the Acquire in `word`.
        self.word.store(control.word().0, Release);
        let owed = Owed {
            wakers: std::mem::take(&mut control.woken),
            news: !control.news.is_empty() && !control.telling,
        };
        (out, owed)
    }
}
