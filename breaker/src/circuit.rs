//! The handle of a circuit.

use crate::{
    Observe, Settings, Snapshot, State, Transition,
    control::{Control, Step},
    machine::{Machine, Owed, Refused},
    observe::Listeners,
};
use fastrand::Rng;
use orlop_core::{Kind, Now, Permit, Rejected};
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
/// use orlop_breaker::{Circuit, Settings, State, core::{Now, Rejected, Verdict}};
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
    shared: Arc<Shared>,
}

struct Shared {
    machine: Machine,
    plan: Plan,
    listeners: Listeners,
    refused: AtomicU64,
}

/// What a circuit is made from.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    name: Option<Arc<str>>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    seed: Option<u64>,
    #[cfg(feature = "metrics")]
    pub(crate) meters: Option<Arc<crate::metrics::Meters>>,
}

impl Circuit {
    /// A closed circuit without a name.
    pub fn new(settings: Settings) -> Self {
        Self::planned(settings, Plan::default())
    }

    /// A circuit of its own with the same settings and this name, for refusals, logs and metrics.
    #[must_use]
    pub fn named(&self, name: impl Into<Arc<str>>) -> Self {
        Self::planned(self.settings(), self.shared.plan.clone().named(name.into(), false))
    }

    /// As [`named`](Circuit::named), where many circuits go by this name, such as those of one client's endpoints: they share
    /// the counters, and none of them shows its state there.
    #[must_use]
    pub fn one_of(&self, name: impl Into<Arc<str>>) -> Self {
        Self::planned(self.settings(), self.shared.plan.clone().named(name.into(), true))
    }

    /// A circuit of its own with the same settings that tells this observer, and no other, of its transitions.
    #[must_use]
    pub fn observed(&self, observer: impl Observe + 'static) -> Self {
        let plan = Plan { observer: Some(Arc::new(observer)), ..self.shared.plan.clone() };
        Self::planned(self.settings(), plan)
    }

    /// A circuit of its own with the same settings whose jitter is drawn from this seed.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        let plan = Plan { seed: Some(seed), ..self.shared.plan.clone() };
        Self::planned(self.settings(), plan)
    }

    /// A circuit of its own with the same settings, name and observer: closed, with nothing counted.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::planned(self.settings(), self.shared.plan.clone())
    }

    pub(crate) fn planned(settings: Settings, plan: Plan) -> Self {
        let rng = plan.seed.map_or_else(Rng::new, Rng::with_seed);
        let listeners = Listeners::default();
        let machine = Machine::new(settings, rng);
        Self { shared: Arc::new(Shared { machine, plan, listeners, refused: AtomicU64::new(0) }) }
    }

    // ===== calls without tower =====

    /// Lets a call in, or refuses it. Never waits.
    ///
    /// Settle the permit with what came of the call; dropping it counts nowhere and frees a probe's slot.
    ///
    /// # Errors
    ///
    /// [`Kind::Circuit`], with the circuit's name and the time until the next try may be admitted, where known.
    pub fn try_enter(&self) -> Result<Permit<Self>, Rejected> {
        Permit::enter(self.clone(), &(), None, &Now::lazy())
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
            refused: self.shared.refused.load(Relaxed),
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
            let Snapshot { name: _, state, cause, since, until, generation, .. } =
                self.shared.machine.snapshot(&now);
            let name = self.shared.plan.name.clone();
            Transition { name, from: state, to: state, cause, generation, at: since, until }
        })
    }

    // ===== by hand =====

    /// Refuses every call until [`release`](Self::release) or [`reset`](Self::reset). Calls in flight count nowhere.
    pub fn force_open(&self) {
        self.change(|control, at| control.force(State::ForcedOpen, at));
    }

    /// Admits every call, counting none, until [`release`](Self::release) or [`reset`](Self::reset). Calls in flight
    /// count nowhere.
    pub fn force_close(&self) {
        self.change(|control, at| control.force(State::ForcedClosed, at));
    }

    /// Ends forcing: the circuit is closed, with nothing counted. Without forcing nothing changes.
    pub fn release(&self) {
        self.change(|control, at| {
            if control.state.is_forced() {
                control.close(at);
            }
        });
    }

    /// Closes the circuit, from any state, with nothing counted. Calls in flight count nowhere.
    pub fn reset(&self) {
        self.change(Control::close);
    }

    /// Takes new settings at once, in all clones.
    ///
    /// If the reasons to open ([`trip`](Settings::trip), [`trip_on_success`](Settings::trip_on_success)) differ, a
    /// closed circuit counts from nothing again, and calls in flight count nowhere; else counts go on. The state
    /// stays. An open time that has begun stays as it was, and so does the slot of a probe in flight; how many probes
    /// there may be, and how many must succeed, holds from the next call and the next success.
    pub fn update(&self, settings: Settings) {
        self.change(|control, at| control.update(settings, at));
    }

    fn change(&self, change: impl FnOnce(&mut Control, u64)) {
        let owed = self.shared.machine.change(&Now::lazy(), change);
        self.pay(owed);
    }

    // ===== for the gates =====

    pub(crate) fn machine(&self) -> &Machine {
        &self.shared.machine
    }

    pub(crate) fn rejected(&self, refused: Refused) -> Rejected {
        self.shared.refused.fetch_add(1, Relaxed);
        #[cfg(feature = "metrics")]
        if let Some(meters) = &self.shared.plan.meters {
            meters.refused();
        }
        let mut rejected = Rejected::new(Kind::Circuit);
        if let Some(name) = &self.shared.plan.name {
            rejected = rejected.named(Arc::clone(name));
        }
        match refused.wait {
            Some(wait) => rejected.with_retry_after(wait),
            None => rejected,
        }
    }

    /// Wakes and tells whom a change concerns. No lock is held.
    pub(crate) fn pay(&self, owed: Owed) {
        owed.wakers.into_iter().for_each(std::task::Waker::wake);
        if owed.news {
            self.tell();
        }
    }

    fn tell(&self) {
        let mut first = true;
        while let Some(step) = self.shared.machine.next_news(first) {
            first = false;
            let Step { from, to, cause, generation, at, until } = step;
            let machine = &self.shared.machine;
            let transition = Transition {
                name: self.shared.plan.name.clone(),
                from,
                to,
                cause,
                generation,
                at: machine.instant(at),
                until: until.and_then(|until| machine.later(until)),
            };
            self.shared.listeners.tell(&self.shared.plan, &transition);
        }
    }
}

impl Default for Circuit {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit").field("name", &self.name()).field("state", &self.state()).finish()
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
    fn a_circuit_with_default_settings_takes_less_than_a_kibibyte() {
        let shared = size_of::<Shared>() + 2 * size_of::<usize>();
        // The tally with its one window of 10 buckets, and the slots of 3 probes; the rules are shared.
        let tally = size_of::<Tally>() + 2 * size_of::<usize>() + 64 + 10 * 16;
        let probes = 4 * 16;
        let total = shared + tally + probes;
        assert!(total < 1024, "{shared} + {tally} + {probes} = {total} bytes");
    }
}
