//! Client-side adaptive throttling: hold back before a server that turns calls away.

mod chance;
#[cfg(feature = "serde")]
mod file;
mod gate;
mod ledger;
mod leeway;
#[cfg(feature = "metrics")]
mod metrics;
mod settings;
mod snapshot;

pub use self::{
    gate::ThrottleTicket,
    settings::{Accepts, ThrottleSettings},
    snapshot::ThrottleSnapshot,
};

use self::{chance::Chance, ledger::Ledger, leeway::Leeway};
use crate::{
    open_time::nanos,
    sync::{Mutex, Swap, lock},
};
use orlop_core::{
    AnyError, AsError, GuardLayer, Kind, NoContext, Now, OnHead, Permit, Rejected, Striped,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::time::Instant;

/// Puts a throttle in front of services. All services that one layer makes share it.
///
/// As [`BreakerLayer`](crate::BreakerLayer): `ThrottleLayer::http(throttle)`, `ThrottleLayer::grpc(throttle)`, and
/// `ThrottleLayer::new(throttle, classify)`. With a circuit: `BreakerLayer::http((circuit, throttle))`.
pub type ThrottleLayer<G = Throttle, C = AnyError, T = OnHead, R = AsError, L = NoContext> =
    GuardLayer<G, C, T, R, L>;

/// Refuses a share of the calls, as large as the other side's trouble is. Clones are the same throttle.
///
/// A circuit knows open and closed; a throttle sends what the other side accepts, `k` times over, and no more. It suits a
/// server that sheds load, where a circuit would turn away also those calls that the server still has room for.
///
/// This is the client-side throttling of *Site Reliability Engineering* (Google, chapter "Handling Overload"). A call is
/// refused with the probability
///
/// ```text
/// max(0, (requests - k * accepts) / (requests + 1)), at most max_rejection
/// ```
///
/// * `requests`: calls that asked to pass within the window, counted when they ask, before they are sent, those refused here
///   included. So calls that hang are seen before they end, and refusing more does not look like recovery.
/// * `accepts`: those of them that the other side accepted. [`Accepts`] says what that is.
///
/// Both are dated by when the call asked. What is different from the book:
///
/// * A call under way counts as accepted for the first while, [`grace`](ThrottleSettings::grace): a burst of calls from a
///   client that has just started is not yet a sign of trouble.
/// * A call that says nothing about the other side counts nowhere, not even as a request: refused by another gate of this
///   process, [neutral](orlop_core::Class::Neutral), or left by its caller within the grace. So callers who cancel, and hedged
///   calls that lose, throttle nobody. To count such a call as accepted, instead, would pay for `k - 1` refused ones. A caller
///   who leaves later leaves a call that was not accepted.
/// * There is a [`minimum`](ThrottleSettings::minimum_calls) of calls, and a highest share to refuse: some calls must find out
///   when the other side recovers.
///
/// The head of a response decides where it has a verdict; a body that breaks off later was accepted all the same. A service
/// that fails to become ready has not accepted a call.
///
/// A refusal is [`Kind::Throttle`], without a time to come back: the next call may pass.
///
/// # Cost
///
/// Healthy: one clock read, and three read-modify-writes on lines of the thread's own stripe; now and then a sum. In trouble:
/// a sum over all stripes for each call, which visits 20 buckets in each of 8 stripes, and a random number from the thread's
/// own generator; refusing adds a shared counter. No lock, no allocation. Two threads may each admit some calls on the same slack,
/// for at most a 1280th of the window. About 13 KiB a throttle.
///
/// # Metrics
///
/// With the `metrics` feature, for named throttles: the counter `orlop_breaker_throttled_total`, label `throttle`.
///
/// # Examples
///
/// ```
/// use orlop_breaker::{Throttle, ThrottleSettings, core::{Kind, Verdict}};
///
/// let throttle = Throttle::new(ThrottleSettings::default()).named("playback").seeded(1);
/// let mut refused = 0;
/// for _ in 0..100 {
///     match throttle.try_enter() {
///         Ok(permit) => permit.settle(Verdict::THROTTLED),
///         Err(rejected) => {
///             assert_eq!(rejected.kind(), Kind::Throttle);
///             refused += 1;
///         }
///     }
/// }
/// assert!(refused > 50, "{refused} of 100");
/// ```
pub struct Throttle {
    shared: Striped<Shared>,
}

struct Shared {
    state: Swap<State>,
    /// Guards replacing the state: two updates must not both start from the older one.
    updates: Mutex<()>,
    plan: Plan,
    chance: Chance,
    start: Instant,
    refused: AtomicU64,
}

/// Replaced as a whole by an update.
struct State {
    settings: ThrottleSettings,
    /// The number of the ledger: a call that asked under another counts nowhere.
    generation: u32,
    ledger: Arc<Ledger>,
    leeway: Leeway,
}

/// What a throttle is made from.
#[derive(Clone, Default)]
struct Plan {
    name: Option<Arc<str>>,
    seed: Option<u64>,
    #[cfg(feature = "metrics")]
    meters: Option<Arc<metrics::Meters>>,
}

// ===== impl Throttle =====

impl Throttle {
    /// A throttle without a name that has seen no calls.
    pub fn new(settings: ThrottleSettings) -> Self {
        Self::planned(settings, Plan::default())
    }

    /// A throttle of its own with the same settings and this name, for refusals and metrics.
    #[must_use]
    pub fn named(&self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        let plan = Plan {
            #[cfg(feature = "metrics")]
            meters: Some(Arc::new(metrics::Meters::new(&name))),
            name: Some(name),
            ..self.shared.plan.clone()
        };
        Self::planned(self.settings(), plan)
    }

    /// A throttle of its own with the same settings that draws from this seed: the same calls meet the same refusals. Its
    /// draws go through a lock; for tests.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        Self::planned(self.settings(), Plan { seed: Some(seed), ..self.shared.plan.clone() })
    }

    /// A throttle of its own with the same settings and name that has seen no calls.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::planned(self.settings(), self.shared.plan.clone())
    }

    fn planned(settings: ThrottleSettings, plan: Plan) -> Self {
        let ledger = Arc::new(Ledger::new(nanos(settings.within)));
        let shared = Shared {
            state: Swap::from(Arc::new(State {
                settings,
                generation: 0,
                ledger,
                leeway: Leeway::new(),
            })),
            updates: Mutex::new(()),
            chance: Chance::new(plan.seed),
            plan,
            start: Instant::now(),
            refused: AtomicU64::new(0),
        };
        Self { shared: Striped::new(shared) }
    }

    /// Lets a call in, or refuses it. Never waits.
    ///
    /// Settle the permit with what came of the call; dropping it says that the caller left.
    ///
    /// # Errors
    ///
    /// [`Kind::Throttle`], with the throttle's name.
    pub fn try_enter(&self) -> Result<Permit<Self>, Rejected> {
        Permit::enter(self.clone(), &(), None, &Now::lazy())
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.shared.plan.name.as_deref()
    }

    /// What it has counted, and what share of calls it refuses now.
    pub fn snapshot(&self) -> ThrottleSnapshot {
        let state = self.shared.state.load();
        let sums = state.ledger.sums(self.shared.at(&Now::lazy()), nanos(state.settings.grace));
        ThrottleSnapshot {
            name: self.shared.plan.name.clone(),
            requests: sums.requests,
            accepts: sums.accepts,
            under_way: sums.under_way,
            rejection: state.settings.rejection(&sums),
            refused: self.shared.refused.load(Relaxed),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> ThrottleSettings {
        self.shared.state.load().settings.clone()
    }

    /// Takes new settings at once, in all clones.
    ///
    /// If the window ([`within`](ThrottleSettings::within)) differs, it counts from nothing again and calls under way count
    /// nowhere; else counts go on.
    pub fn update(&self, settings: ThrottleSettings) {
        let _one_at_a_time = lock(&self.shared.updates);
        let old = Arc::clone(&self.shared.state.load());
        let (generation, ledger) = if old.settings.within == settings.within {
            (old.generation, Arc::clone(&old.ledger))
        } else {
            (old.generation.wrapping_add(1), Arc::new(Ledger::new(nanos(settings.within))))
        };
        self.shared.state.replace(Arc::new(State {
            settings,
            generation,
            ledger,
            leeway: Leeway::new(),
        }));
    }

    fn rejected(&self) -> Rejected {
        self.shared.refused.fetch_add(1, Relaxed);
        #[cfg(feature = "metrics")]
        if let Some(meters) = &self.shared.plan.meters {
            meters.refused();
        }
        let rejected = Rejected::new(Kind::Throttle);
        match &self.shared.plan.name {
            Some(name) => rejected.named(Arc::clone(name)),
            None => rejected,
        }
    }
}

impl Clone for Throttle {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new(ThrottleSettings::default())
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("name", &self.name()).finish_non_exhaustive()
    }
}

// ===== impl Shared =====

impl Shared {
    /// Nanoseconds since the throttle was made.
    #[inline]
    fn at(&self, now: &Now) -> u64 {
        nanos(now.get().saturating_duration_since(self.start))
    }
}
