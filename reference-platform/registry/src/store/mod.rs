//! What a registry holds: leases, overrides, and what changed lately. Pure: time comes in, nothing goes out.

mod change;
mod lease;
mod read;
mod rules;
mod write;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use orlop_discovery_client::eureka::wire::{InstanceInfo, InstanceStatus};
use tokio::time::Instant;

use self::change::Changes;
pub(crate) use self::{
    lease::Lease,
    write::{Beat, Beaten, Full},
};

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// What leases go by.
    pub(crate) instant: Instant,
    /// What is written into documents: milliseconds since 1970.
    pub(crate) millis: u64,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The instance itself, or an operator.
    Client,
    /// Another registry.
    Peer,
}

/// An instance's place: the application in capitals, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) app: String,
    pub(crate) id: String,
}

/// Everything a registry holds.
#[derive(Debug)]
pub(crate) struct Store {
    apps: BTreeMap<String, BTreeMap<String, Lease>>,
    /// By application and name: Netflix's server keys by name alone, so that an override leaks to another application.
    overrides: HashMap<Key, Override>,
    changes: Changes,
    instances: usize,
    max_instances: usize,
}

#[derive(Debug)]
struct Override {
    status: InstanceStatus,
    used: Instant,
}

/// An override that nothing asked about for this long is forgotten, as in `PeerAwareInstanceRegistryImpl`.
const OVERRIDE_TTL: Duration = Duration::from_secs(3600);

impl Key {
    pub(crate) fn new(app: &str, id: &str) -> Self {
        Self { app: app.to_uppercase(), id: id.to_owned() }
    }
}

impl Store {
    pub(crate) fn new(max_instances: usize) -> Self {
        Self {
            apps: BTreeMap::new(),
            overrides: HashMap::new(),
            changes: Changes::default(),
            instances: 0,
            max_instances,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.instances
    }

    /// Changes whenever what a delta says does.
    pub(crate) fn revision(&self) -> u64 {
        self.changes.revision()
    }

    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.apps.values().flat_map(|app| app.values())
    }

    fn lease(&self, key: &Key) -> Option<&Lease> {
        self.apps.get(&key.app)?.get(&key.id)
    }

    fn lease_mut(&mut self, key: &Key) -> Option<&mut Lease> {
        self.apps.get_mut(&key.app)?.get_mut(&key.id)
    }

    fn insert(&mut self, key: &Key, lease: Lease) {
        let app = self.apps.entry(key.app.clone()).or_default();
        if app.insert(key.id.clone(), lease).is_none() {
            self.instances += 1;
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Lease> {
        let app = self.apps.get_mut(&key.app)?;
        let lease = app.remove(&key.id)?;
        if app.is_empty() {
            self.apps.remove(&key.app);
        }
        self.instances -= 1;
        self.overrides.remove(key);
        Some(lease)
    }

    /// What an operator says of an instance; asking keeps it in memory.
    fn overridden(&mut self, key: &Key, now: Instant) -> Option<InstanceStatus> {
        let entry = self.overrides.get_mut(key)?;
        entry.used = now;
        Some(entry.status)
    }

    fn override_with(&mut self, key: &Key, status: InstanceStatus, now: Instant) {
        self.overrides.insert(key.clone(), Override { status, used: now });
    }

    /// The instance as it is now, also if its lease is over and it has not been evicted.
    pub(crate) fn info(&self, key: &Key) -> Option<&InstanceInfo> {
        self.lease(key).map(|lease| &lease.info)
    }
}
