//! From one set of endpoints to another.

use std::collections::BTreeMap;

use orlop_core::{Endpoint, EndpointId, Update};

/// Endpoints by name, in a fixed order.
pub(crate) type Set = BTreeMap<EndpointId, Endpoint>;

/// The updates that make `old` into `new`: what is gone first, then what is new or has changed.
pub(crate) fn diff<'a>(old: &'a Set, new: &'a Set) -> impl Iterator<Item = Update> + 'a {
    let gone = old.keys().filter(|id| !new.contains_key(*id)).cloned().map(Update::Remove);
    let changed = new.iter().filter(|(id, endpoint)| old.get(*id) != Some(*endpoint));
    gone.chain(changed.map(|(_, endpoint)| Update::Upsert(endpoint.clone())))
}
