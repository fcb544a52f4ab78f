use std::{sync::Arc, time::Duration};

use orlop_core::{Endpoint, Gate, Now, Rejected};

use super::{Shared, counts::Counts};
use crate::client::ClientStats;

/// A cache at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The application.
    pub app: String,
    /// The zone that is read first.
    pub local_zone: Option<Arc<str>>,
    /// The zones, by name.
    pub zones: Vec<ZoneSnapshot>,
    /// What happened in all zones.
    pub counts: Counts,
    /// How old the list of nodes is, when discovery cannot be reached.
    pub stale: Option<Duration>,
}

/// A zone at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ZoneSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Its nodes, by id.
    pub nodes: Vec<NodeSnapshot>,
}

/// A node at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeSnapshot {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its connection.
    pub connection: ClientStats,
    /// What its gate would answer to any call now, if it refuses.
    pub refusing: Option<Rejected>,
    /// What happened at this node.
    pub counts: Counts,
}

pub(super) fn take<G>(shared: &Shared<G>) -> Snapshot
where
    G: Gate<str>,
{
    let topology = shared.topology.load();
    let zones = topology.zones.iter().map(|(name, zone)| ZoneSnapshot {
        name: Arc::clone(name),
        nodes: zone
            .members
            .iter()
            .map(|member| NodeSnapshot {
                endpoint: member.endpoint().clone(),
                connection: member.client.stats(),
                refusing: member.gate.refusing(&Now::lazy()),
                counts: member.counters.get(),
            })
            .collect(),
    });
    Snapshot {
        app: shared.app.as_str().to_owned(),
        local_zone: shared.local.clone(),
        zones: zones.collect(),
        counts: shared.counters.get(),
        stale: topology.stale,
    }
}
