//! The state machine: one word that entering calls read, and a lock for whoever changes it.

use crate::{
    Cause, Initial, Opening, Settings, Snapshot, State,
    control::{Control, Step},
    run::Run,
    sync::{
        AtomicU64, Mutex,
        Ordering::{Acquire, Relaxed, Release},
        Swap, lock,
    },
    tally::{Runs, Tally},
    ticket::{Pass, Ticket},
    word::{Phase, Word},
};
use fastrand::Rng;
use orlop_core::{Again, CoarseClock, Now, STRIPES};
use std::{
    sync::{Arc, OnceLock},
    task::Waker,
    time::Duration,
};
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
    /// A clock to read instead of the real one, and how long before `base` it was made.
    coarse: Option<(CoarseClock, u64)>,
    /// A [`Word`]. Written only with `control` held.
    word: AtomicU64,
    pub(crate) failures: Run,
    pub(crate) drops: Run,
    /// Bodies that broke off after a good head.
    pub(crate) broken: Run,
    /// Open: when the first probe may pass. Written before `word`.
    open_until: AtomicU64,
    /// Half-open and full: when the first slot expires. Written before `word`.
    probe_expiry: AtomicU64,
    /// What counts, unless the word says that other rules do.
    tally: Tally,
    /// What counts since there are other rules. Set before `word` says so.
    other: OnceLock<Swap<Tally>>,
    settings: Swap<Settings>,
    stripes: usize,
    control: Mutex<Control>,
}

/// When those ask again for whom there is no room among the waiting.
const LATER: Duration = Duration::from_millis(100);

/// A call may not pass; a next try may at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// In nanoseconds.
    pub(crate) wait: Option<u64>,
}

/// What became of a call that asked to enter.
#[derive(Debug)]
pub(crate) enum Entered {
    Admitted(Ticket),
    /// The circuit is in shadow, and would have refused.
    LetThrough(Ticket),
    Refused(Refused),
}

/// What the caller owes once the lock is gone.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Owed {
    pub(crate) wakers: Vec<Waker>,
    /// A function is to be asked how long the circuit stays open, in this generation.
    pub(crate) opening: Option<(u32, Opening, Arc<Settings>)>,
    /// There are transitions to tell.
    pub(crate) news: bool,
}

impl Machine {
    /// If `striped`, windows of time have a part for each of a few threads: for a circuit that many share.
    pub(crate) fn new(
        settings: Arc<Settings>,
        rng: Rng,
        striped: bool,
        coarse: Option<CoarseClock>,
    ) -> Self {
        let base = Instant::now();
        let coarse = coarse.map(|clock| {
            let ahead = base.saturating_duration_since(clock.base());
            (clock, crate::open_time::nanos(ahead))
        });
        let control = Control::new(settings, rng);
        let stripes = if striped { STRIPES } else { 1 };
        Self {
            base,
            coarse,
            word: AtomicU64::new(control.word().0),
            failures: Run::new(control.generation),
            drops: Run::new(control.generation),
            broken: Run::new(control.generation),
            open_until: AtomicU64::new(0),
            probe_expiry: AtomicU64::new(0),
            tally: Tally::new(&control.settings, 0, stripes),
            other: OnceLock::new(),
            settings: Swap::from(Arc::clone(&control.settings)),
            stripes,
            control: Mutex::new(control),
        }
    }

    // ===== entering =====

    /// Lets the call in, if that takes no more than a look at the word and the clock.
    #[inline]
    pub(crate) fn enter_closed(&self, now: &Now) -> Option<Ticket> {
        let word = self.word();
        if !word.is_closed() {
            return None;
        }
        let ticket = Ticket::counted(word);
        Some(if word.is_timed() { ticket.entered_at(self.nanos(now)) } else { ticket })
    }

    /// Lets the call in or refuses it, where the circuit is not closed.
    pub(crate) fn enter(&self, now: &Now) -> (Entered, Option<Owed>) {
        let word = self.word();
        if word.is_closed() || word.phase() == Phase::Disabled {
            let pass = if word.is_closed() { Pass::Counted } else { Pass::Uncounted };
            let ticket = Ticket::new(word.generation(), pass);
            return (Entered::Admitted(ticket.entered_at(self.nanos(now))), None);
        }
        match self.refused(word, now) {
            Some(refused) => (Entered::or(refused, word), None),
            None => self.enter_as_probe(now),
        }
    }

    /// The refusal that needs no lock to be certain.
    #[inline(always)]
    fn refused(&self, word: Word, now: &Now) -> Option<Refused> {
        let until = match word.phase() {
            Phase::ForcedOpen => return Some(Refused { wait: None }),
            Phase::Open => self.open_until.load(Relaxed),
            Phase::HalfOpen if word.is_full() => {
                // Its probes will have ended long before their slots expire, so that time is no advice.
                let expiry = self.probe_expiry.load(Relaxed);
                return self.wait(expiry, now).map(|_| Refused { wait: None });
            }
            _ => return None,
        };
        if until == Control::UNKNOWN {
            return Some(Refused { wait: None });
        }
        self.wait(until, now).map(|wait| Refused { wait: Some(wait) })
    }

    /// The refusal that any call would meet now. A half-open circuit leaves it to `enter`.
    #[inline(always)]
    pub(crate) fn refusing(&self, now: &Now) -> Option<Refused> {
        let word = self.word();
        if word.is_closed() || word.is_shadow() {
            return None;
        }
        let known = matches!(word.phase(), Phase::Open | Phase::ForcedOpen);
        known.then(|| self.refused(word, now)).flatten()
    }

    fn enter_as_probe(&self, now: &Now) -> (Entered, Option<Owed>) {
        let at = self.real_nanos(now);
        self.locked(at, |control| {
            if control.phase == Phase::Open && at >= control.until {
                control.half_open(at);
            }
            if control.phase == Phase::Ramping && at >= control.until {
                // Ramping => Closed: the last and largest share did no harm.
                control.close(at);
            }
            // Asked anew: since the word was read, others may have changed the phase.
            let generation = control.generation;
            let entered = match control.phase {
                Phase::Closed => Ok(Ticket::new(generation, Pass::Counted)),
                Phase::Disabled => Ok(Ticket::new(generation, Pass::Uncounted)),
                Phase::ForcedOpen => Err(Refused { wait: None }),
                Phase::Open => Err(Refused { wait: self.known_wait(control.until, now) }),
                Phase::HalfOpen => match control.take_slot(at) {
                    Some(slot) => Ok(Ticket::new(generation, Pass::Probe(slot))),
                    None => Err(Refused { wait: None }),
                },
                Phase::Ramping => match control.passes(at) {
                    true => Ok(Ticket::new(generation, Pass::Counted)),
                    false => Err(Refused { wait: None }),
                },
            };
            match entered {
                Ok(ticket) => Entered::Admitted(ticket.entered_at(at)),
                Err(refused) => Entered::or(refused, control.word()),
            }
        })
    }

    pub(crate) fn wake(&self, waker: &Waker, now: &Now) -> (Again, Option<Owed>) {
        let at = self.nanos(now);
        self.locked(at, |control| match control.phase {
            _ if control.shadow => Again::Never,
            // Released by hand, or once a function has been asked for the time: nobody foresees when, but it wakes.
            Phase::ForcedOpen | Phase::Open
                if control.phase == Phase::ForcedOpen || control.until == Control::UNKNOWN =>
            {
                if control.wait(waker) {
                    Again::Registered
                } else {
                    Again::At(now.get() + LATER)
                }
            }
            Phase::Open if at < control.until => {
                self.again(control.wait(waker), control.until, now)
            }
            // A slot may come back sooner than it expires.
            Phase::HalfOpen if control.is_full() && at < control.probe_expiry() => {
                self.again(control.wait(waker), control.probe_expiry(), now)
            }
            Phase::Ramping if at < control.until => {
                self.again(control.wait(waker), control.next_step(at), now)
            }
            // It would not refuse: the caller asks again, and the gate that does refuse says when.
            _ => Again::Never,
        })
    }

    // ===== by hand =====

    pub(crate) fn change(&self, now: &Now, change: impl FnOnce(&mut Control, u64)) -> Option<Owed> {
        let at = self.nanos(now);
        self.locked(at, |control| change(control, at)).1
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Acquire))
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::clone(&self.settings.load())
    }

    /// Whether forgetting the circuit would let calls through that it refuses, or lose what somebody set by hand.
    ///
    /// What a new circuit would start as is not set by hand.
    pub(crate) fn is_pinned(&self, now: &Now) -> bool {
        let (word, initial) = (self.word(), self.settings.load().initial);
        if word.is_shadow() && initial != Initial::Shadow {
            return true;
        }
        match word.phase() {
            Phase::Closed => !word.is_shadow() && initial != Initial::Closed,
            Phase::ForcedOpen => initial != Initial::ForcedOpen,
            Phase::Disabled => initial != Initial::Disabled,
            Phase::Open | Phase::HalfOpen | Phase::Ramping => {
                let at = self.real_nanos(now);
                let control = lock(&self.control);
                match control.phase {
                    Phase::Open | Phase::Ramping => at < control.until,
                    Phase::HalfOpen => control.probes_in_flight(at) > 0,
                    phase => phase != Phase::Closed,
                }
            }
        }
    }

    pub(crate) fn snapshot(&self, now: &Now) -> Snapshot {
        let at = self.nanos(now);
        let control = lock(&self.control);
        let (word, generation) = (control.word(), control.generation);
        let counting = matches!(control.phase, Phase::Closed | Phase::Ramping);
        let run = |run: &Run| if counting { run.get(control.generation) } else { 0 };
        let phase = control.phase.state();
        Snapshot {
            name: None,
            state: if control.shadow { State::Shadow } else { phase },
            in_shadow: control.shadow.then_some(phase),
            cause: control.cause,
            since: self.instant(control.since),
            until: match control.phase {
                Phase::Open if control.until == Control::UNKNOWN => None,
                Phase::Open | Phase::Ramping => self.later(control.until),
                _ => None,
            },
            generation: control.generation,
            consecutive_failures: run(&self.failures).max(run(&self.broken)),
            drops_in_a_row: run(&self.drops),
            windows: match counting {
                true => self.with_tally(word, |tally| tally.windows(generation, at)),
                false => Vec::new(),
            },
            success_rates: match counting {
                true => self.with_tally(word, |tally| tally.success_rates(generation, at)),
                false => Vec::new(),
            },
            probes_in_flight: control.probes_in_flight(at),
            probe_results: control.results(),
            share: (control.phase == Phase::Ramping).then(|| 1.0 / control.stride(at) as f64),
            refused: 0,
            would_have_refused: 0,
        }
    }

    /// The next transition to tell. Whoever gets one must ask again until there is none; meanwhile nobody else does,
    /// so transitions are told in order, and a listener that causes one does not recurse.
    pub(crate) fn next_news(&self, first: bool) -> Option<Step> {
        lock(&self.control).next_news(first)
    }

    // ===== time =====

    #[inline]
    pub(crate) fn nanos(&self, now: &Now) -> u64 {
        if let Some((clock, ahead)) = &self.coarse
            && let Some(nanos) = clock.nanos()
        {
            return nanos.saturating_sub(*ahead);
        }
        self.real_nanos(now)
    }

    /// Not by the coarse clock: whether an open time is over must not hang on a task's being run.
    #[inline]
    fn real_nanos(&self, now: &Now) -> u64 {
        now.nanos_since(self.base)
    }

    pub(crate) fn instant(&self, at: u64) -> Instant {
        self.later(at).unwrap_or(self.base)
    }

    /// `None` if that is further away than a clock can show.
    pub(crate) fn later(&self, at: u64) -> Option<Instant> {
        self.base.checked_add(Duration::from_nanos(at))
    }

    /// How long until then; `None` if it is over.
    #[inline]
    fn wait(&self, until: u64, now: &Now) -> Option<u64> {
        match until.saturating_sub(self.real_nanos(now)) {
            0 => None,
            wait => Some(wait),
        }
    }

    fn known_wait(&self, until: u64, now: &Now) -> Option<u64> {
        if until == Control::UNKNOWN { None } else { self.wait(until, now) }
    }

    /// At that time; sooner, if the caller's waker found no room and nobody wakes it.
    fn again(&self, registered: bool, until: u64, now: &Now) -> Again {
        match (self.later(until), registered) {
            (Some(at), true) => Again::At(at.max(now.get())),
            (Some(at), false) => Again::At(at.max(now.get()).min(now.get() + LATER)),
            (None, true) => Again::Registered,
            (None, false) => Again::At(now.get() + LATER),
        }
    }

    /// Closed or Ramping => Open: the counts are enough. Of several threads that find so, the first opens.
    pub(crate) fn trip(
        &self,
        generation: u32,
        cause: Cause,
        advice: Option<Duration>,
        now: &Now,
    ) -> Option<Owed> {
        let at = self.nanos(now);
        self.locked(at, |control| {
            if control.generation == generation {
                control.open(cause, advice, at);
            }
        })
        .1
    }

    /// What counts for as long as the word says so.
    #[inline]
    pub(crate) fn first_tally(&self) -> &Tally {
        &self.tally
    }

    /// What counts, as of this word.
    ///
    /// If the rules have changed since, the outcome goes where nobody looks for it, or to windows of a newer generation, which it
    /// does not touch.
    #[inline]
    pub(crate) fn with_tally<T>(&self, word: Word, what: impl FnOnce(&Tally) -> T) -> T {
        if !word.has_other_rules() {
            return what(&self.tally);
        }
        match self.other.get() {
            Some(other) => what(&other.load()),
            // It is set before the word says so.
            None => what(&self.tally),
        }
    }

    /// The runs of this generation.
    pub(crate) fn runs(&self, generation: u32) -> Runs {
        Runs { failures: self.failures.get(generation), drops: self.drops.get(generation) }
    }

    /// The only place that changes `control` and what is published of it.
    pub(crate) fn locked<T>(
        &self,
        at: u64,
        change: impl FnOnce(&mut Control) -> T,
    ) -> (T, Option<Owed>) {
        let mut control = lock(&self.control);
        // Settings may hold a function of the user's, and with it anything. Kept until the lock is gone, since to drop it may
        // call the circuit.
        let before = Arc::clone(&control.settings);
        let generation_before = control.generation;
        let out = change(&mut control);
        let generation = control.generation;
        if std::mem::take(&mut control.other_rules) {
            let tally = Arc::new(Tally::new(&control.settings, at, self.stripes));
            let other = self.other.get_or_init(|| Swap::from(Arc::clone(&tally)));
            other.replace(tally);
        }
        if generation != generation_before {
            self.failures.restart(generation);
            self.drops.restart(generation);
            self.broken.restart(generation);
        }
        if !Arc::ptr_eq(&control.settings, &before) {
            self.settings.replace(Arc::clone(&control.settings));
        }
        self.open_until.store(control.until, Relaxed);
        self.probe_expiry.store(control.probe_expiry(), Relaxed);
        // Release: pairs with the Acquire in `word`.
        self.word.store(control.word().0, Release);
        let (wakers, opening, news) = control.left_to_do();
        let opening = opening.map(|opening| (generation, opening, Arc::clone(&control.settings)));
        let owed = Owed { wakers, opening, news };
        drop(control);
        drop(before);
        let nothing = owed.wakers.is_empty() && owed.opening.is_none() && !owed.news;
        (out, (!nothing).then_some(owed))
    }
}

impl Entered {
    /// Refused, unless the circuit was in shadow as of the very word that said so: one that is released just now is closed, and
    /// must not refuse for the shadow it was.
    fn or(refused: Refused, word: Word) -> Self {
        if word.is_shadow() {
            Self::LetThrough(Ticket::new(word.generation(), Pass::Uncounted))
        } else {
            Self::Refused(refused)
        }
    }
}
