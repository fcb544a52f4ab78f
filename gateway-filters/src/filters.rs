//! The ordered set of filters and its switches.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

use crate::{
    BadSetting, Filter, FilterMeta, UnknownFilter,
    filter::{Category, OnError},
};

/// More would not fit the word that remembers which filters a request has met.
const MAX_FILTERS: usize = 64;

/// An ordered set of filters: state and handle in one. Clones share everything, switches included.
///
/// It is a [`Layer`](tower_layer::Layer) over any http service, and the front of a [`Gateway`](crate::Gateway).
#[derive(Clone)]
pub struct Filters {
    shared: Arc<Shared>,
}

/// Collects filters. The order they are added in does not matter.
#[derive(Default)]
#[must_use = "call build() to get the filters"]
pub struct FiltersBuilder {
    filters: Vec<Box<dyn Filter>>,
}

/// What is known of one filter of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterStatus {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub category: Category,
    /// What its failure means.
    pub on_error: OnError,
    /// Whether requests that come now meet it.
    pub enabled: bool,
    /// Errors and panics so far, on any side.
    pub failures: u64,
}

struct Shared {
    current: ArcSwap<Snapshot>,
}

/// What one request sees from its beginning to its end, whatever is switched meanwhile.
pub(crate) struct Snapshot {
    plan: Arc<Plan>,
    /// One bit for each filter that is on.
    enabled: u64,
}

/// All filters, in their order. Never changes.
struct Plan {
    /// Inbound order.
    slots: Box<[Slot]>,
    /// Indices of the slots with an outbound side, in outbound order.
    outbound: Box<[usize]>,
}

pub(crate) struct Slot {
    pub(crate) name: Arc<str>,
    pub(crate) meta: FilterMeta,
    filter: Box<dyn Filter>,
    failures: AtomicU64,
}

// ===== impl Filters =====

impl Filters {
    /// Starts a set.
    pub fn builder() -> FiltersBuilder {
        FiltersBuilder::default()
    }

    /// Switches a filter off or on, for requests that enter from now on. Returns whether that changed anything.
    ///
    /// A request that is in the chain keeps what it began with, so no filter sees half of a request.
    ///
    /// # Errors
    ///
    /// No filter has this name; nothing changes.
    pub fn set_enabled(&self, name: &str, enabled: bool) -> Result<bool, UnknownFilter> {
        let plan = &self.shared.current.load().plan;
        let Some(at) = plan.slots.iter().position(|slot| &*slot.name == name) else {
            let known = plan.slots.iter().map(|slot| slot.name.to_string()).collect();
            return Err(UnknownFilter::new(name, known));
        };
        let with = |old: u64| if enabled { old | 1 << at } else { old & !(1 << at) };
        let before = self
            .shared
            .current
            .rcu(|old| Snapshot { plan: Arc::clone(&old.plan), enabled: with(old.enabled) });
        Ok(with(before.enabled) != before.enabled)
    }

    /// The filters in inbound order.
    pub fn status(&self) -> Vec<FilterStatus> {
        let now = self.shared.current.load();
        let status = |(at, slot): (usize, &Slot)| FilterStatus {
            name: slot.name.to_string(),
            category: slot.meta.category(),
            on_error: slot.meta.policy(),
            enabled: now.enabled & (1 << at) != 0,
            // Relaxed: a count that orders nothing else.
            failures: slot.failures.load(Ordering::Relaxed),
        };
        now.plan.slots.iter().enumerate().map(status).collect()
    }

    pub(crate) fn pin(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// The endpoints that filters may choose, each with the filter's name.
    pub(crate) fn endpoints(&self) -> Vec<(String, String)> {
        let plan = &self.shared.current.load().plan;
        let of = |slot: &Slot| {
            let name = slot.name.to_string();
            slot.filter.endpoints().into_iter().map(move |endpoint| (name.clone(), endpoint))
        };
        plan.slots.iter().flat_map(of).collect()
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.status()).finish()
    }
}

// ===== impl FiltersBuilder =====

impl FiltersBuilder {
    /// Adds a filter, switched on.
    pub fn filter(mut self, filter: impl Filter) -> Self {
        self.filters.push(Box::new(filter));
        self
    }

    /// Puts them in order.
    ///
    /// # Errors
    ///
    /// Two filters have one name, or there are more than 64.
    pub fn build(self) -> Result<Filters, BadSetting> {
        let count = self.filters.len();
        if count > MAX_FILTERS {
            return Err(BadSetting::new(
                "filters",
                count,
                format!("at most {MAX_FILTERS} filters"),
            ));
        }
        let mut slots: Vec<Slot> = self.filters.into_iter().map(Slot::new).collect();
        slots.sort_by(|a, b| {
            (a.meta.inbound_place(), &a.name).cmp(&(b.meta.inbound_place(), &b.name))
        });
        for (at, slot) in slots.iter().enumerate() {
            if slots[..at].iter().any(|other| other.name == slot.name) {
                return Err(BadSetting::new("filters.name", &slot.name, "unique in a chain"));
            }
        }
        let mut outbound: Vec<usize> =
            (0..slots.len()).filter(|&at| slots[at].meta.runs_outbound()).collect();
        outbound.sort_by_key(|&at| (slots[at].meta.outbound_place(), Arc::clone(&slots[at].name)));
        let enabled = if count == MAX_FILTERS { u64::MAX } else { (1 << count) - 1 };
        let plan = Arc::new(Plan { slots: slots.into(), outbound: outbound.into() });
        let current = ArcSwap::from_pointee(Snapshot { plan, enabled });
        Ok(Filters { shared: Arc::new(Shared { current }) })
    }
}

impl fmt::Debug for FiltersBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.filters.iter().map(|filter| filter.meta());
        f.debug_list().entries(names).finish()
    }
}

// ===== impl Snapshot =====

impl Snapshot {
    /// The filters that are on, in inbound order, each with its bit.
    pub(crate) fn inbound(&self) -> impl Iterator<Item = (u64, &Slot)> {
        let all = self.plan.slots.iter().enumerate().map(|(at, slot)| (1 << at, slot));
        all.filter(|(bit, _)| self.enabled & bit != 0)
    }

    /// The filters that are on and have an outbound side, in outbound order.
    pub(crate) fn outbound(&self) -> impl Iterator<Item = &Slot> {
        let on = self.plan.outbound.iter().filter(|&&at| self.enabled & (1 << at) != 0);
        on.map(|&at| &self.plan.slots[at])
    }

    /// The filters whose bit is set, in inbound order.
    pub(crate) fn slots_in(&self, bits: u64) -> impl Iterator<Item = &Slot> {
        let all = self.plan.slots.iter().enumerate();
        all.filter(move |(at, _)| bits & (1 << at) != 0).map(|(_, slot)| slot)
    }
}

// ===== impl Slot =====

impl Slot {
    fn new(filter: Box<dyn Filter>) -> Self {
        let meta = filter.meta();
        Self { name: meta.name().into(), meta, filter, failures: AtomicU64::new(0) }
    }

    pub(crate) fn filter(&self) -> &dyn Filter {
        &*self.filter
    }

    pub(crate) fn count_failure(&self) {
        // Relaxed: a count that orders nothing else.
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}
