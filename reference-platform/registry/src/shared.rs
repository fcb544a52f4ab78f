//! What all handles of a registry and its task share: the store and the peers that hear of its changes.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use orlop_discovery_client::eureka::wire::{
    InstanceInfo, InstanceStatus, ReplicationAction, ReplicationItem,
};
use tokio::time::Instant;

use crate::{
    peers::{self, Peer},
    settings::Settings,
    store::{Beat, Beaten, Full, Key, Now, Origin, Store},
};

/// The wall clock.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) peers: Vec<Peer>,
    /// Held for one change or one document; a peer's queue is taken inside, so that peers hear of changes in their order.
    store: Mutex<Store>,
    clock: Clock,
    ready: AtomicBool,
    pub(crate) preserving: AtomicBool,
    pub(crate) evicted: AtomicU64,
}

// ===== impl Shared =====

impl Shared {
    pub(crate) fn new(settings: Settings, peers: Vec<Peer>, clock: Clock) -> Self {
        Self {
            store: Mutex::new(Store::new(settings.max_instances)),
            ready: AtomicBool::new(settings.empty_wait.is_zero()),
            settings,
            peers,
            clock,
            preserving: AtomicBool::new(false),
            evicted: AtomicU64::new(0),
        }
    }

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
