//! What all services of one retry layer share.

use crate::{Budget, Settings};
use arc_swap::ArcSwap;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Settings, budget and counts of retries: the value that retrying services share.
///
/// It is a handle; clones share everything.
///
/// # Examples
///
/// ```
/// use orlop_retry::{Budget, Policy, Settings};
///
/// // Two clients of the same service, one budget.
/// let budget = Budget::default();
/// let search = Policy::new(Settings::default()).with_budget(budget.clone());
/// let browse = Policy::new(Settings::default().with_idempotent(true)).with_budget(budget);
/// assert_eq!(search.snapshot().calls, 0);
/// # let _ = browse;
/// ```
#[derive(Clone)]
pub struct Policy {
    shared: Arc<Shared>,
    budget: Budget,
}

/// What a [`Policy`] has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Calls begun.
    pub calls: u64,
    /// Retries sent for what was provably not sent before.
    pub unsent: u64,
    /// Retries sent that the budget paid for.
    pub paid: u64,
    /// Retries not sent because the budget was empty.
    pub withheld: u64,
}

struct Shared {
    settings: ArcSwap<Settings>,
    seed: AtomicU64,
    // Counts: nothing hangs on their order.
    calls: AtomicU64,
    unsent: AtomicU64,
    paid: AtomicU64,
    withheld: AtomicU64,
}

pub(crate) enum Count {
    Call,
    Unsent,
    Paid,
    Withheld,
}

impl Policy {
    /// A policy with a budget and a random seed of its own.
    pub fn new(settings: Settings) -> Self {
        Self::seeded(settings, fastrand::u64(..))
    }

    /// The same with a seed for the back-off, so that a run can be repeated.
    pub fn seeded(settings: Settings, seed: u64) -> Self {
        Self {
            budget: Budget::new(settings.budget),
            shared: Arc::new(Shared {
                settings: ArcSwap::from_pointee(settings),
                seed: AtomicU64::new(seed),
                calls: AtomicU64::new(0),
                unsent: AtomicU64::new(0),
                paid: AtomicU64::new(0),
                withheld: AtomicU64::new(0),
            }),
        }
    }

    /// The same policy, with its retries paid from a budget that others use as well.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// What retries are paid from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        **self.shared.settings.load()
    }

    /// Applies new settings to calls that begin from now on. Budget and counts go on.
    pub fn update(&self, settings: Settings) {
        self.shared.settings.store(Arc::new(settings));
    }

    /// What has been counted so far.
    pub fn snapshot(&self) -> Snapshot {
        let get = |count| self.counter(count).load(Ordering::Relaxed);
        Snapshot {
            calls: get(Count::Call),
            unsent: get(Count::Unsent),
            paid: get(Count::Paid),
            withheld: get(Count::Withheld),
        }
    }

    pub(crate) fn count(&self, count: Count) {
        self.counter(count).fetch_add(1, Ordering::Relaxed);
    }

    /// A generator for one call. Each call gets the next seed.
    pub(crate) fn rng(&self) -> fastrand::Rng {
        // The golden ratio in 64 bits: seeds that are far apart.
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        fastrand::Rng::with_seed(self.shared.seed.fetch_add(STEP, Ordering::Relaxed))
    }

    fn counter(&self, count: Count) -> &AtomicU64 {
        match count {
            Count::Call => &self.shared.calls,
            Count::Unsent => &self.shared.unsent,
            Count::Paid => &self.shared.paid,
            Count::Withheld => &self.shared.withheld,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("settings", &self.settings())
            .field("budget", &self.budget)
            .field("snapshot", &self.snapshot())
            .finish()
    }
}
