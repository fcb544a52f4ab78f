//! The handle of a circuit.

use crate::{
    Observe, Settings, Snapshot, State, Transition,
    control::{Control, Place, Step},
    machine::{Machine, Owed, Refused},
    observe::{Listeners, quietly},
    refusals::Refusals,
    word::Phase,
};
use fastrand::Rng;
use orlop_core::{CoarseClock, Gate, Handle, Kind, Now, Permit, Rejected, Striped};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::watch;

/// A circuit: state and handle in one. Clones are the same circuit.
///
/// It is a [`Gate`](orlop_core::Gate) for every request; put it in front of a service with
/// [`BreakerLayer`](crate::BreakerLayer), or use it without tower by [`try_enter`](Circuit::try_enter).
///
/// # Examples
///
/// ```
/// use orlop_breaker::{Circuit, Settings, State, core::{Rejected, Verdict}};
///
/// let circuit = Circuit::new(Settings::default()).named("playback");
/// for _ in 0..5 {
///     let permit = circuit.try_enter()?;
///     permit.settle(Verdict::FAILURE);
/// }
/// assert_eq!(circuit.state(), State::Open);
/// let rejected = circuit.try_enter().unwrap_err();
/// assert!(rejected.retry_after().is_some());
/// # Ok::<(), Rejected>(())
/// ```
#[derive(Clone)]
pub struct Circuit {
    shared: Striped<Shared>,
}

struct Shared {
    machine: Machine,
    plan: Arc<Plan>,
    listeners: Listeners,
    refused: Refusals,
    would_have_refused: AtomicU64,
}

/// What a circuit is made from.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    name: Option<Arc<str>>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    seed: Option<u64>,
    /// One of many: small, rather than good with many threads at once.
    many: bool,
    coarse: Option<CoarseClock>,
    #[cfg(feature = "metrics")]
    pub(crate) meters: Option<Arc<crate::metrics::Meters>>,
}

impl Circuit {
    /// A circuit without a name, as the settings say of its [start](Settings::initial): closed by default.
    pub fn new(settings: Settings) -> Self {
        Self::planned(settings, Plan::default())
    }

    /// A circuit of its own with the same settings and this name, for refusals, logs and metrics.
    #[must_use]
    pub fn named(&self, name: impl Into<Arc<str>>) -> Self {
        Self::planned(self.settings(), self.plan().named(name.into(), false))
    }

    /// As [`named`](Circuit::named), where many circuits go by this name, such as those of one client's endpoints: they share
    /// the counters, and none of them shows its state there.
    #[must_use]
    pub fn one_of(&self, name: impl Into<Arc<str>>) -> Self {
        Self::planned(self.settings(), self.plan().named(name.into(), true))
    }

    /// A circuit of its own with the same settings that tells this observer, and no other, of its transitions.
    #[must_use]
    pub fn observed(&self, observer: impl Observe + 'static) -> Self {
        let plan = Plan { observer: Some(Arc::new(observer)), ..self.plan() };
        Self::planned(self.settings(), plan)
    }

    /// A circuit of its own with the same settings whose jitter is drawn from this seed.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        let plan = Plan { seed: Some(seed), ..self.plan() };
        Self::planned(self.settings(), plan)
    }

    /// A circuit of its own with the same settings that reads this clock instead of the real one, as long as somebody
    /// advances it: cheaper for windows of time and slow calls, and late by the clock's resolution. Whether an open time is
    /// over, the real clock says.
    #[must_use]
    pub fn coarse(&self, clock: &CoarseClock) -> Self {
        let plan = Plan { coarse: Some(clock.clone()), ..self.plan() };
        Self::planned(self.settings(), plan)
    }

    /// A circuit of its own with the same settings, name and observer, as it starts, with nothing counted.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::planned(self.settings(), Arc::clone(&self.shared.plan))
    }

    pub(crate) fn planned(settings: impl Into<Arc<Settings>>, plan: impl Into<Arc<Plan>>) -> Self {
        let (settings, plan) = (settings.into(), plan.into());
        let rng = plan.seed.map_or_else(Rng::new, Rng::with_seed);
        let many = plan.many;
        let shared = Shared {
            machine: Machine::new(settings, rng, !many, plan.coarse.clone()),
            plan,
            listeners: Listeners::default(),
            refused: Refusals::default(),
            would_have_refused: AtomicU64::new(0),
        };
        #[cfg(feature = "metrics")]
        if let Some(meters) = &shared.plan.meters {
            meters.show(shared.machine.word().state());
        }
        Self { shared: if many { Striped::single(shared) } else { Striped::new(shared) } }
    }

    // ===== calls without tower =====

    /// Lets a call in, or refuses it. Never waits.
    ///
    /// Settle the permit with what came of the call. Dropping it frees a probe's slot, and counts as the settings say of
    /// [`dropped`](Settings::dropped) calls.
    ///
    /// # Errors
    ///
    /// [`Kind::Circuit`], with the circuit's name and the time until the next try may be admitted, where known.
    #[inline(always)]
    pub fn try_enter(&self) -> Result<Permit<Self>, Rejected> {
        let ticket = Gate::enter(self, &(), None, &Now::lazy())?;
        Ok(Permit::new(self.lend(), ticket))
    }

    // ===== looking =====

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.shared.plan.name.as_deref()
    }

    /// Where it stands. An open circuit whose time is over stays open until somebody calls. One atomic load.
    pub fn state(&self) -> State {
        self.shared.machine.word().state()
    }

    /// All there is to see, at one moment.
    pub fn snapshot(&self) -> Snapshot {
        let snapshot = self.shared.machine.snapshot(&Now::lazy());
        Snapshot {
            name: self.shared.plan.name.clone(),
            refused: self.shared.refused.count(),
            would_have_refused: self.shared.would_have_refused.load(Relaxed),
            ..snapshot
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.shared.machine.settings()
    }

    /// The latest transition, and a wake-up with each further one; of several at once only the last is seen. Before
    /// the first transition it shows one from the current state to itself.
    pub fn transitions(&self) -> watch::Receiver<Transition> {
        let now = Now::lazy();
        self.shared.listeners.subscribe(|| {
            let Snapshot { state, cause, since, until, generation, .. } =
                self.shared.machine.snapshot(&now);
            let (name, in_shadow) = (self.shared.plan.name.clone(), false);
            let (from, to, at) = (state, state, since);
            Transition { name, in_shadow, from, to, cause, generation, at, until }
        })
    }

    // ===== by hand =====

    /// Refuses every call until [`release`](Self::release), [`force_close`](Self::force_close) or [`reset`](Self::reset).
    /// Calls in flight count nowhere.
    pub fn force_open(&self) {
        self.change(|control, at| control.force(Phase::ForcedOpen, at));
    }

    /// Closes the circuit at once, from any state, with nothing counted; then it goes on by itself. Calls in flight count
    /// nowhere.
    pub fn force_close(&self) {
        self.change(Control::release);
    }

    /// Admits every call, counting none, until released. Calls in flight count nowhere.
    pub fn disable(&self) {
        self.change(|control, at| control.force(Phase::Disabled, at));
    }

    /// Goes on computing, from closed with nothing counted, and refuses nothing, until released: to see what settings would do.
    /// (Hystrix's forced closed.)
    /// [`Snapshot::in_shadow`] says where the circuit would stand, and [`Snapshot::would_have_refused`] counts; transitions
    /// that only the shadow makes say so.
    pub fn shadow(&self) {
        self.change(Control::shadow);
    }

    /// Ends forced open, disabled and shadow: the circuit is closed, with nothing counted. In any other state nothing changes.
    pub fn release(&self) {
        self.change(|control, at| {
            if control.shadow || matches!(control.phase, Phase::ForcedOpen | Phase::Disabled) {
                control.release(at);
            }
        });
    }

    /// As [`force_close`](Self::force_close), and the counts of refusals start at 0.
    pub fn reset(&self) {
        self.change(Control::release);
        self.shared.refused.reset();
        self.shared.would_have_refused.store(0, Relaxed);
    }

    /// Takes new settings at once, in all clones.
    ///
    /// If what is counted ([`trip`](Settings::trip), [`trip_on_success`](Settings::trip_on_success),
    /// [`dropped`](Settings::dropped)) differs, a closed circuit counts from nothing again, and calls in flight count nowhere;
    /// else counts go on. The state stays, whatever [`initial`](Settings::initial) says. An open time or a ramp that has begun
    /// stays as it was, and so does the slot of a probe in flight; how many probes there may be, and what they must find, holds
    /// from the next call and the next result.
    pub fn update(&self, settings: Settings) {
        self.take(Arc::new(settings));
    }

    /// As [`update`](Self::update), with settings that circuits share.
    pub(crate) fn take(&self, settings: Arc<Settings>) {
        self.change(|control, at| control.update(settings, at));
    }

    fn plan(&self) -> Plan {
        Plan::clone(&self.shared.plan)
    }

    fn change(&self, change: impl FnOnce(&mut Control, u64)) {
        let owed = self.shared.machine.change(&Now::lazy(), change);
        self.pay(owed);
    }

    // ===== for the gates =====

    #[inline]
    pub(crate) fn machine(&self) -> &Machine {
        &self.shared.machine
    }

    #[inline]
    pub(crate) fn rejected(&self, refused: Refused) -> Rejected {
        self.shared.refused.add();
        #[cfg(feature = "metrics")]
        if let Some(meters) = &self.shared.plan.meters {
            meters.refused();
        }
        let mut rejected = Rejected::new(Kind::Circuit);
        if let Some(name) = &self.shared.plan.name {
            rejected = rejected.named(Arc::clone(name));
        }
        match refused.wait {
            Some(wait) => rejected.with_retry_after_nanos(wait),
            None => rejected,
        }
    }

    pub(crate) fn would_have_refused(&self) {
        self.shared.would_have_refused.fetch_add(1, Relaxed);
        #[cfg(feature = "metrics")]
        if let Some(meters) = &self.shared.plan.meters {
            meters.would_have_refused();
        }
    }

    /// Wakes and tells whom a change concerns. No lock is held.
    #[inline]
    pub(crate) fn pay(&self, owed: Option<Owed>) {
        if let Some(owed) = owed {
            self.pay_now(owed);
        }
    }

    #[cold]
    #[inline(never)]
    fn pay_now(&self, owed: Owed) {
        if let Some((generation, opening, settings)) = owed.opening {
            let time = settings.open.ask(&opening);
            let further = self.shared.machine.change(&Now::lazy(), |control, _| {
                if control.generation == generation {
                    control.open_for(time);
                }
            });
            wake(further.into_iter().flat_map(|owed| owed.wakers));
        }
        wake(owed.wakers);
        if owed.news {
            if !self.shared.plan.many {
                // A circuit that changes may soon refuse: by then, threads must not meet at one counter.
                self.shared.refused.spread();
            }
            self.tell();
        }
    }

    fn tell(&self) {
        let mut first = true;
        while let Some(step) = self.shared.machine.next_news(first) {
            first = false;
            let Step { in_shadow, from, to, cause, generation, at, until } = step;
            let machine = &self.shared.machine;
            let transition = Transition {
                name: self.shared.plan.name.clone(),
                in_shadow,
                from: from.state(),
                to: to.state(),
                cause,
                generation,
                at: machine.instant(at),
                until: until.and_then(|until| machine.later(until)),
            };
            self.shared.listeners.tell(&self.shared.plan, &transition);
        }
    }
}

/// One that panics keeps none of the others from being woken.
fn wake(wakers: impl IntoIterator<Item = std::task::Waker>) {
    wakers.into_iter().for_each(|waker| quietly(|| waker.wake()));
}

impl Place {
    fn state(self) -> State {
        match self {
            Self::Phase(phase) => phase.state(),
            Self::Shadow => State::Shadow,
        }
    }
}

impl Handle for Circuit {
    #[inline(always)]
    fn lend(&self) -> Self {
        Self { shared: self.shared.lend() }
    }
}

impl Default for Circuit {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.machine().word();
        f.debug_struct("Circuit")
            .field("name", &self.name())
            .field("state", &word.state())
            .field("probes", &word.probes())
            .finish()
    }
}

// ===== impl Plan =====

impl Plan {
    /// `shared`: many circuits go by this name.
    pub(crate) fn named(mut self, name: Arc<str>, shared: bool) -> Self {
        #[cfg(feature = "metrics")]
        {
            self.meters = Some(Arc::new(crate::metrics::Meters::new(&name, shared)));
        }
        #[cfg(not(feature = "metrics"))]
        let _ = shared;
        self.name = Some(name);
        self.many |= shared;
        self
    }

    /// For circuits of which there are many.
    pub(crate) fn one_of_many(mut self) -> Self {
        self.many = true;
        self
    }

    pub(crate) fn observed(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use crate::tally::Tally;

    #[test]
    fn one_of_many_circuits_with_default_settings_takes_less_than_a_kibibyte() {
        let shared = size_of::<Shared>() + 4 * size_of::<usize>();
        // The tally with its one window of 10 buckets, the reference counts, and the slots of 3 probes; the settings are shared.
        let tally = size_of::<Tally>() + 2 * size_of::<usize>() + 112 + 10 * 24;
        let (stripe, probes) = (128, 4 * 16);
        let total = shared + tally + stripe + probes;
        assert!(total < 1024, "{shared} + {tally} + {stripe} + {probes} = {total} bytes");
    }
}
