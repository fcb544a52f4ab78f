//! The handle of a registry.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use orlop_discovery_client::eureka::{Client, wire::InstanceStatus};
use tokio::{sync::watch, time::Instant};

use crate::{
    background,
    peers::{Peer, PeerSnapshot},
    settings::Settings,
    shared::Shared,
};

/// A registry. It is a tower service of HTTP requests; clones are the same registry.
///
/// It takes part in a cluster by the clients of its peers, each of one address. It works only while its task runs:
/// without it nothing is evicted, replicated or copied, and reads are refused unless the wait for a copy is zero.
#[derive(Clone)]
pub struct Registry {
    pub(crate) shared: Arc<Shared>,
    /// The task ends when the last clone of this is dropped.
    _alive: Arc<watch::Sender<()>>,
}

/// What a registry holds at some moment, for reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whether it may be read: it has copied from a peer, or has waited long enough.
    pub ready: bool,
    /// Changes whenever what it lists does.
    pub revision: u64,
    /// What it lists, by application.
    pub apps: BTreeMap<String, Vec<InstanceSnapshot>>,
    /// Its peers, in the order they were given in.
    pub peers: Vec<PeerSnapshot>,
    /// Leases that ran out.
    pub evicted: u64,
    /// Whether it evicts nothing because too many leases are over.
    pub preserving: bool,
}

/// One instance in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InstanceSnapshot {
    /// Its name.
    pub id: String,
    /// What the registry says of it.
    pub status: InstanceStatus,
    /// How long ago the last heartbeat came.
    pub renewed: Duration,
}

// ===== impl Registry =====

impl Registry {
    /// A registry whose background work runs on a task of the current runtime.
    ///
    /// `clock` gives the wall-clock time, for the times in documents. `peers` are clients of one other registry each.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime; use [`pair`](Self::pair) there.
    pub fn new(
        settings: Settings,
        peers: impl IntoIterator<Item = Client>,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let (registry, task) = Self::pair(settings, peers, clock);
        tokio::spawn(task);
        registry
    }

    /// A registry, and the task that does its background work.
    pub fn pair(
        settings: Settings,
        peers: impl IntoIterator<Item = Client>,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let peers = peers.into_iter().map(|client| Peer::new(client, settings.max_queue)).collect();
        let shared = Arc::new(Shared::new(settings, peers, Box::new(clock)));
        let (alive, gone) = watch::channel(());
        // Taken here and not by the task: leases may be granted before it runs.
        let task = background::run(shared.clone(), gone, Instant::now());
        (Self { shared, _alive: Arc::new(alive) }, task)
    }

    /// What it holds now.
    pub fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let store = self.shared.store();
        let mut apps: BTreeMap<String, Vec<InstanceSnapshot>> = BTreeMap::new();
        for lease in store.leases() {
            apps.entry(lease.info.app.clone()).or_default().push(InstanceSnapshot {
                id: lease.info.instance_id.clone(),
                status: lease.info.status,
                renewed: now.saturating_duration_since(lease.renewed),
            });
        }
        Snapshot {
            ready: self.shared.is_open(),
            revision: store.revision(),
            apps,
            peers: self.shared.peers.iter().map(Peer::snapshot).collect(),
            evicted: self.shared.evicted.load(Relaxed),
            preserving: self.shared.preserving.load(Relaxed),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("settings", &self.shared.settings)
            .field("peers", &self.shared.peers)
            .field("ready", &self.shared.is_open())
            .finish_non_exhaustive()
    }
}
