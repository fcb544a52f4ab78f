//! Which zones there are, which nodes each has, and who of them has a key.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use orlop_core::{Addr, Endpoint, EndpointId, Health, Update};

use super::{member::Member, settings::Naming};
use crate::{
    protocol::Key,
    ring::{self, Ring},
};

/// The zone of endpoints that name none.
const UNNAMED: &str = "default";

/// Immutable; replaced whole. Ordered maps, so that a seeded simulation meets zones and nodes in the same order.
pub(super) struct Topology<G> {
    pub(super) zones: BTreeMap<Arc<str>, Zone<G>>,
    /// How old the list is, when discovery has said that it cannot be reached.
    pub(super) stale: Option<Duration>,
}

pub(super) struct Zone<G> {
    ring: Ring,
    /// In the order of the ring's numbers.
    pub(super) members: Vec<Arc<Member<G>>>,
}

/// The endpoints that discovery has told of.
#[derive(Default)]
pub(super) struct Known {
    endpoints: BTreeMap<EndpointId, Endpoint>,
    stale: Option<Duration>,
}

// ===== impl Topology =====

impl<G> Topology<G> {
    pub(super) fn empty() -> Self {
        Self { zones: BTreeMap::new(), stale: None }
    }

    /// Who has the key, zone by zone.
    pub(super) fn owners(&self, key: &Key) -> impl Iterator<Item = (&Arc<str>, &Arc<Member<G>>)> {
        self.zones.iter().filter_map(|(name, zone)| Some((name, zone.owner(key)?)))
    }

    /// Who has the key in one zone.
    pub(super) fn owner(&self, zone: &str, key: &Key) -> Option<&Arc<Member<G>>> {
        self.zones.get(zone)?.owner(key)
    }

    /// The topology that follows: members whose connection is the same are kept, with gate and counters.
    pub(super) fn next(
        &self,
        known: &Known,
        naming: Naming,
        make: impl Fn(&Endpoint) -> Member<G>,
    ) -> Self {
        let kept: BTreeMap<&EndpointId, &Arc<Member<G>>> = self
            .zones
            .values()
            .flat_map(|zone| &zone.members)
            .map(|m| (m.endpoint().id(), m))
            .collect();
        let mut by_zone: BTreeMap<Arc<str>, Vec<&Endpoint>> = BTreeMap::new();
        for endpoint in known.endpoints.values().filter(|e| takes_calls(e)) {
            by_zone.entry(endpoint.zone().unwrap_or(UNNAMED).into()).or_default().push(endpoint);
        }
        let zones = by_zone.into_iter().map(|(name, endpoints)| {
            let members = endpoints.iter().map(|endpoint| {
                kept.get(endpoint.id())
                    .filter(|member| member.endpoint().same_connection(endpoint))
                    .map_or_else(|| Arc::new(make(endpoint)), |member| Arc::clone(member))
            });
            (name, Zone { members: members.collect(), ring: Ring::new(names(&endpoints, naming)) })
        });
        Self { zones: zones.collect(), stale: known.stale }
    }
}

// ===== impl Zone =====

impl<G> Zone<G> {
    fn owner(&self, key: &Key) -> Option<&Arc<Member<G>>> {
        self.members.get(self.ring.node(key.as_bytes())?)
    }
}

// ===== impl Known =====

impl Known {
    pub(super) fn fixed(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let mut known = Self::default();
        known.reset(endpoints);
        known
    }

    /// Applies an update; says whether anything changed.
    pub(super) fn apply(&mut self, update: Update) -> bool {
        let before = (self.stale, self.endpoints.clone());
        match update {
            Update::Reset(endpoints) => self.reset(endpoints),
            Update::Upsert(endpoint) => {
                self.stale = None;
                self.endpoints.insert(endpoint.id().clone(), endpoint);
            }
            Update::Remove(id) => {
                self.stale = None;
                self.endpoints.remove(&id);
            }
            Update::Stale(age) => self.stale = Some(age),
            // What is known stays in force. Later kinds of update are not ours to understand.
            _ => {}
        }
        before != (self.stale, self.endpoints.clone())
    }

    fn reset(&mut self, endpoints: impl IntoIterator<Item = Endpoint>) {
        self.stale = None;
        self.endpoints =
            endpoints.into_iter().map(|endpoint| (endpoint.id().clone(), endpoint)).collect();
    }
}

fn takes_calls(endpoint: &Endpoint) -> bool {
    matches!(endpoint.health(), Health::Healthy | Health::Degraded)
}

/// The names of one zone's nodes in the ring, each once.
fn names(endpoints: &[&Endpoint], naming: Naming) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let named = endpoints.iter().map(|endpoint| {
        let id = endpoint.id().as_str();
        let name = match (endpoint.meta().get("evcache.name"), naming, endpoint.addr()) {
            (Some(name), ..) => name.clone(),
            (None, Naming::Id, _) => ring::name(id, id),
            (None, Naming::Address, Addr::Ip(addr)) => ring::name(addr.ip(), addr.ip()),
            (None, Naming::Address, Addr::Name(host, _)) => ring::name(host, host),
            (None, Naming::Address, _) => ring::name(id, id),
        };
        // Two nodes with one name would be one place in the ring, and one of them idle.
        if taken.insert(name.clone()) { name } else { ring::name(id, id) }
    });
    named.collect()
}
