//! A circuit for each key.

mod gate;
mod shard;

pub use self::gate::{Keyed, KeyedTicket};

use self::shard::{Found, Shard};
use crate::{Circuit, Observe, Settings, Snapshot, circuit::Plan};
use orlop_core::{Handle, Now, Striped};
use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::{BuildHasher, Hash},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Circuits by key, made when a key is first seen: one for each host, tenant, endpoint. Clones are the same circuits.
///
/// Memory is bounded: there are never more circuits than the cap. A key not seen makes room for a new one, the longest
/// unused first, by an approximation that costs a hit one flag (the "second chance" of page replacement). An open
/// circuit is not forgotten before its wait ends, nor one with probes in flight, nor one set by hand. A call whose key
/// finds only such pinned ones among the next 32 goes to one overflow circuit, which all those keys share, and is
/// counted; the key's next call looks at the 32 after them.
///
/// # Cost
///
/// A hit takes a read lock on one of 16 shards, hashes the key, and clones the circuit's `Arc`; no allocation. A miss
/// takes the write lock, looks at 34 circuits at most, and allocates. A circuit with the default settings takes less
/// than 1 KiB.
///
/// # Examples
///
/// ```
/// use orlop_breaker::{BreakerLayer, Circuits, Settings, core::AnyError};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), orlop_breaker::core::BoxError> {
/// let hosts: Circuits<String> = Circuits::new(Settings::default());
/// let service = ServiceBuilder::new()
///     .layer(BreakerLayer::new(hosts.keyed(|req: &(String, u32)| req.0.clone()), AnyError))
///     .service(service_fn(async |req: (String, u32)| Ok::<_, std::io::Error>(req.1)));
/// assert_eq!(service.oneshot(("a.example".to_owned(), 7)).await?, 7);
/// assert_eq!(hosts.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Circuits<K> {
    pool: Striped<Pool<K>>,
}

struct Pool<K> {
    hasher: RandomState,
    /// Each guards the circuits of its keys. No other lock is taken while one is held, but for a circuit's own.
    shards: Box<[RwLock<Shard<K>>]>,
    per_shard: usize,
    cap: usize,
    idle: Duration,
    plan: Arc<Plan>,
    /// Guards the settings of circuits yet to be made, and how often they have changed.
    settings: Mutex<(u64, Arc<Settings>)>,
    overflow: Circuit,
    overflowed: AtomicU64,
    evicted: AtomicU64,
}

/// Circuits by key at about one moment.
#[derive(Clone, Debug)]
pub struct KeyedSnapshot<K> {
    /// Each key and its circuit, in no order.
    pub circuits: Vec<(K, Snapshot)>,
    /// The circuit of the keys that found no room.
    pub overflow: Snapshot,
    /// Calls that went to it.
    pub overflowed: u64,
    /// Circuits forgotten to make room, or because nobody used them.
    pub evicted: u64,
}

impl<K> Circuits<K> {
    /// Up to 10,000 circuits, each forgotten when unused for 10 minutes.
    pub fn new(settings: Settings) -> Self {
        const TEN_THOUSAND: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
        Self::planned(settings, TEN_THOUSAND, Duration::from_secs(600), Plan::default())
    }

    fn planned(settings: Settings, cap: NonZeroUsize, idle: Duration, plan: Plan) -> Self {
        let (settings, plan) = (Arc::new(settings), Arc::new(plan.one_of_many()));
        // With few circuits one shard holds all, so that the cap is used whole.
        let shards = if cap.get() < 256 { 1 } else { 16 };
        let per_shard = cap.get() / shards;
        let pool = Pool {
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| RwLock::new(Shard::default())).collect(),
            per_shard,
            cap: cap.get(),
            idle,
            overflow: Circuit::planned(Arc::clone(&settings), Arc::clone(&plan)),
            plan,
            settings: Mutex::new((0, settings)),
            overflowed: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        };
        Self { pool: Striped::new(pool) }
    }

    /// An empty pool of its own with at most so many circuits (from 256 on rounded down to a multiple of 16).
    #[must_use]
    pub fn capacity(&self, cap: NonZeroUsize) -> Self {
        Self::planned(self.settings(), cap, self.pool.idle, self.plan())
    }

    /// An empty pool of its own that forgets circuits nobody used for so long. Default: 10 minutes.
    ///
    /// There is no background task: each new key looks at two circuits in turn. The time runs from the first look
    /// after the last use.
    #[must_use]
    pub fn idle(&self, idle: Duration) -> Self {
        Self::planned(self.settings(), self.cap(), idle, self.plan())
    }

    /// An empty pool of its own under this name, for refusals, logs and metrics. Keys appear in
    /// [`snapshot`](Self::snapshot) only.
    #[must_use]
    pub fn named(&self, name: impl Into<Arc<str>>) -> Self {
        let plan = self.plan().named(name.into(), true);
        Self::planned(self.settings(), self.cap(), self.pool.idle, plan)
    }

    /// An empty pool of its own that tells this observer of the transitions of all its circuits.
    #[must_use]
    pub fn observed(&self, observer: impl Observe + 'static) -> Self {
        let plan = self.plan().observed(Arc::new(observer));
        Self::planned(self.settings(), self.cap(), self.pool.idle, plan)
    }

    /// The gate that finds each call's circuit by its request.
    pub fn keyed<F>(&self, key: F) -> Keyed<K, F> {
        Keyed::new(self.clone(), key)
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        Settings::clone(&self.versioned().1)
    }

    /// Gives new settings to all circuits, as [`Circuit::update`] does, and to those yet to be made.
    pub fn update(&self, settings: Settings) {
        let mut version = {
            let mut current = self.pool.settings.lock().unwrap_or_else(PoisonError::into_inner);
            *current = (current.0 + 1, Arc::new(settings));
            current.0
        };
        // Not under the lock, for updates wake tasks. If settings have changed again meanwhile, go round again: the
        // other update may have been overtaken by this one in some circuit.
        loop {
            let settings = self.versioned().1;
            self.pool.overflow.take(Arc::clone(&settings));
            for shard in &self.pool.shards {
                let circuits: Vec<_> = read(shard).circuits().cloned().collect();
                circuits.iter().for_each(|circuit| circuit.take(Arc::clone(&settings)));
            }
            let now = self.versioned().0;
            if now == version {
                return;
            }
            version = now;
        }
    }

    fn plan(&self) -> Plan {
        Plan::clone(&self.pool.plan)
    }

    fn versioned(&self) -> (u64, Arc<Settings>) {
        self.pool.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many circuits there are, without the overflow circuit.
    pub fn len(&self) -> usize {
        self.pool.shards.iter().map(|shard| read(shard).len()).sum()
    }

    /// Whether no key has a circuit.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many circuits there may be.
    pub fn cap(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.pool.cap).unwrap_or(NonZeroUsize::MIN)
    }

    /// The circuit of the keys that found no room.
    pub fn overflow(&self) -> &Circuit {
        &self.pool.overflow
    }
}

impl<K: Hash + Eq + Clone> Circuits<K> {
    /// The key's circuit, made if there is none; the overflow circuit if there is no room.
    pub fn get(&self, key: &K) -> Circuit {
        self.at(key, &Now::lazy())
    }

    /// The key's circuit, if there is one.
    pub fn peek(&self, key: &K) -> Option<Circuit> {
        read(self.shard(key)).peek(key).cloned()
    }

    pub(crate) fn at(&self, key: &K, now: &Now) -> Circuit {
        let shard = self.shard(key);
        if let Some(circuit) = read(shard).get(key) {
            return circuit.clone();
        }
        // Made before the lock is taken; if another thread was faster, ours is dropped.
        let (mut version, settings) = self.versioned();
        let made = Circuit::planned(settings, Arc::clone(&self.pool.plan));
        let mut held = write(shard);
        let (found, evicted) = held.insert(key, made, self.pool.per_shard, self.pool.idle, now);
        drop(held);
        self.pool.evicted.fetch_add(evicted.len() as u64, Relaxed);
        match found {
            Found::Own(circuit) => {
                // If an update went round before this circuit could be seen, it gets those settings now. Again, if there
                // was another meanwhile: it may have been overtaken by ours.
                loop {
                    let (now, settings) = self.versioned();
                    if now == version {
                        return circuit;
                    }
                    circuit.take(settings);
                    version = now;
                }
            }
            Found::NoRoom => {
                self.pool.overflowed.fetch_add(1, Relaxed);
                self.pool.overflow.clone()
            }
        }
    }

    /// Forgets all circuits that are not pinned and were not used for the idle time; returns how many.
    pub fn evict_idle(&self) -> usize {
        let now = Now::lazy();
        let mut evicted = 0;
        for shard in &self.pool.shards {
            let gone = write(shard).evict_idle(self.pool.idle, &now);
            evicted += gone.len();
        }
        self.pool.evicted.fetch_add(evicted as u64, Relaxed);
        evicted
    }

    /// All circuits, shard by shard.
    pub fn snapshot(&self) -> KeyedSnapshot<K> {
        let mut circuits = Vec::new();
        for shard in &self.pool.shards {
            let found = read(shard).entries();
            circuits.extend(found.into_iter().map(|(key, circuit)| (key, circuit.snapshot())));
        }
        KeyedSnapshot {
            circuits,
            overflow: self.pool.overflow.snapshot(),
            overflowed: self.pool.overflowed.load(Relaxed),
            evicted: self.pool.evicted.load(Relaxed),
        }
    }

    fn shard(&self, key: &K) -> &RwLock<Shard<K>> {
        let hash = self.pool.hasher.hash_one(key);
        // The map below uses the low bits for its buckets, and the top seven for its tags.
        &self.pool.shards[(hash >> 32) as usize % self.pool.shards.len()]
    }
}

// A panic while a shard is locked can come only from the key's own `Hash` or `Eq`, before anything is changed.
fn read<K>(shard: &RwLock<Shard<K>>) -> std::sync::RwLockReadGuard<'_, Shard<K>> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<K>(shard: &RwLock<Shard<K>>) -> std::sync::RwLockWriteGuard<'_, Shard<K>> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

impl<K> Handle for Circuits<K> {
    fn lend(&self) -> Self {
        Self { pool: self.pool.lend() }
    }
}

impl<K> Clone for Circuits<K> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<K> fmt::Debug for Circuits<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuits")
            .field("len", &self.len())
            .field("cap", &self.pool.cap)
            .finish_non_exhaustive()
    }
}
