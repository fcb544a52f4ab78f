//! The registry itself: the store, the peers, and the work in the background.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use orlop_discovery_client::eureka::{
    Client,
    wire::{InstanceInfo, InstanceStatus, ReplicationAction, ReplicationItem},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    peers::{self, Peer, PeerSnapshot},
    settings::Settings,
    store::{Beat, Beaten, Full, Key, Now, Origin, Store},
};

/// A registry. It is a tower service of HTTP requests; clones are the same registry.
///
/// It takes part in a cluster by the clients of its peers, each of one address. It works only while its task runs:
/// without it nothing is evicted, replicated or copied, and reads are refused.
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

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) peers: Vec<Peer>,
    /// Held for one change or one document; a peer's queue is taken inside, so that peers hear of changes in their order.
    store: Mutex<Store>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    ready: AtomicBool,
    preserving: AtomicBool,
    evicted: AtomicU64,
}

/// More leases over than this share is rather the network: Eureka's `renewalPercentThreshold` of 0.85.
const SUSPICIOUS_PERCENT: usize = 15;

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
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::new(settings.max_instances)),
            ready: AtomicBool::new(settings.empty_wait.is_zero()),
            settings,
            peers,
            clock: Box::new(clock),
            preserving: AtomicBool::new(false),
            evicted: AtomicU64::new(0),
        });
        let (alive, gone) = watch::channel(());
        // Taken here and not by the task: leases may be granted before it runs.
        let task = run(shared.clone(), gone, Instant::now());
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

// ===== impl Shared =====

impl Shared {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Now {
        let since = (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Now { instant: Instant::now(), millis }
    }

    /// Whether it may be read.
    pub(crate) fn is_open(&self) -> bool {
        self.ready.load(Relaxed)
    }

    pub(crate) fn open(&self) {
        self.ready.store(true, Relaxed);
    }

    /// Takes what a peer says an instance is, if a registry may take it at all.
    pub(crate) fn adopt(&self, info: InstanceInfo) {
        if info.refusal(&info.app).is_none() {
            let now = self.now();
            // A registry that is full stays as it is; the peer's next heartbeat asks again.
            let _ = self.store().register(info, Origin::Peer, &now);
        }
    }

    pub(crate) fn register(&self, info: InstanceInfo, origin: Origin) -> Result<(), Full> {
        let now = self.now();
        let key = Key::new(&info.app, &info.instance_id);
        let mut store = self.store();
        store.register(info, origin, &now)?;
        self.tell(origin, store.info(&key).map(peers::registration));
        Ok(())
    }

    pub(crate) fn cancel(&self, key: &Key, origin: Origin) -> bool {
        let now = self.now();
        let mut store = self.store();
        let was_there = store.cancel(key, &now);
        self.tell(origin, was_there.then(|| peers::cancel(&key.app, &key.id)));
        was_there
    }

    pub(crate) fn heartbeat(&self, key: &Key, beat: Beat, origin: Origin) -> Beaten {
        let now = self.now();
        let mut store = self.store();
        let beaten = store.heartbeat(key, beat, origin, &now);
        if let Beaten::Renewed = beaten {
            self.tell(origin, store.info(key).map(peers::heartbeat));
        }
        beaten
    }

    pub(crate) fn set_status(
        &self,
        key: &Key,
        status: InstanceStatus,
        dirty: Option<u64>,
        origin: Origin,
    ) -> bool {
        let now = self.now();
        let mut store = self.store();
        let was_there = store.set_status(key, status, dirty, &now);
        let change = |info| peers::status(ReplicationAction::StatusUpdate, info);
        self.tell(origin, store.info(key).map(change));
        was_there
    }

    pub(crate) fn clear_status(
        &self,
        key: &Key,
        status: InstanceStatus,
        dirty: Option<u64>,
        origin: Origin,
    ) -> bool {
        let now = self.now();
        let mut store = self.store();
        let was_there = store.clear_status(key, status, dirty, &now);
        let change = |info| peers::status(ReplicationAction::DeleteStatusOverride, info);
        self.tell(origin, store.info(key).map(change));
        was_there
    }

    pub(crate) fn add_metadata(
        &self,
        key: &Key,
        entries: BTreeMap<String, String>,
        origin: Origin,
    ) -> bool {
        let now = self.now();
        let mut store = self.store();
        let was_there = store.add_metadata(key, entries, &now);
        self.tell(origin, store.info(key).map(peers::registration));
        was_there
    }

    /// Tells all peers, unless it was a peer that said so: each registry tells every other, so one hop reaches all.
    ///
    /// Called with the store locked, so that two changes of one instance reach every queue in their order.
    fn tell(&self, origin: Origin, change: Option<(ReplicationItem, Duration)>) {
        if let (Origin::Client, Some((item, ttl))) = (origin, change) {
            for peer in &self.peers {
                peer.tell(item.clone(), ttl);
            }
        }
    }
}

// ===== the task =====

async fn run(shared: Arc<Shared>, mut gone: watch::Receiver<()>, started: Instant) {
    let workers = join_all(shared.peers.iter().map(|peer| peers::work(&shared, peer)));
    let work = async { tokio::join!(workers, evict(&shared, started), peers::copy(&shared)) };
    tokio::select! {
        // Nothing is ever sent: this is the drop of the last handle.
        _ = gone.changed() => {}
        _ = work => {}
    }
}

async fn evict(shared: &Shared, started: Instant) {
    let tick = shared.settings.tick;
    let mut last = started;
    let mut suspicious_since = None;
    loop {
        sleep(tick).await;
        let now = shared.now();
        let late = now.instant.saturating_duration_since(last).saturating_sub(tick);
        last = now.instant;
        let mut store = shared.store();
        // This process stood still (stopped, or starved), and could hear no heartbeat.
        if late > tick {
            store.extend(late);
        }
        store.sweep(&now);
        let over = store.over(&now);
        let suspicious = over.len() * 100 > store.len() * SUSPICIOUS_PERCENT;
        let since = *suspicious_since.get_or_insert(now.instant);
        if !suspicious {
            suspicious_since = None;
        }
        let preserve = suspicious && now.instant - since < shared.settings.self_preservation;
        shared.preserving.store(preserve, Relaxed);
        if preserve {
            continue;
        }
        for key in &over {
            store.evict(key, &now);
        }
        shared.evicted.fetch_add(over.len() as u64, Relaxed);
    }
}
