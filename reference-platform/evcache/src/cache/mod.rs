//! The cache: one full copy in each zone, each copy spread over the nodes of its zone.

mod builder;
mod counts;
mod error;
mod key;
mod latch;
mod member;
mod read;
mod settings;
mod snapshot;
mod task;
mod topology;
mod write;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use orlop_core::{CallContext, Gate};
use tokio::sync::mpsc;

pub use self::{
    builder::Builder,
    counts::Counts,
    error::{CacheError, CacheErrorKind, NodeError},
    key::App,
    latch::{Latch, WriteOutcome},
    settings::{Fallback, Naming, Settings},
    snapshot::{NodeSnapshot, Snapshot, ZoneSnapshot},
};
use self::{counts::Counters, key::CacheKey, topology::Topology, write::Running};
use crate::Value;

/// A cache with a copy in each zone. Clones are the same cache.
///
/// `G` is the gate in front of each node: a circuit, a limit, a pair of both, or `()` for none.
pub struct EvCache<G = ()> {
    inner: Arc<Inner<G>>,
}

struct Inner<G> {
    shared: Arc<Shared<G>>,
    /// Writes that nobody waits for any more go on in the background task; it ends when this is dropped.
    spare: mpsc::UnboundedSender<Running>,
}

/// What handles and background task share.
struct Shared<G> {
    app: App,
    local: Option<Arc<str>>,
    settings: Settings,
    topology: ArcSwap<Topology<G>>,
    counters: Arc<Counters>,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
    /// Guards the generator, for one number: which other zone is read first.
    rng: Mutex<fastrand::Rng>,
}

impl EvCache {
    /// Starts a cache for this application.
    pub fn builder(app: App) -> Builder {
        Builder::new(app)
    }
}

impl<G> EvCache<G>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    /// The value of a key; `None` if it is not cached.
    ///
    /// Reads the local zone's copy. If that fails (or, by [`Fallback`], misses), reads another zone's, all within
    /// [`Settings::read_deadline`]. A miss is an answer: if one copy misses and another fails, the key is not cached.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when the key is none, when there are no nodes, or when no copy answered. Treat it as a miss;
    /// a cache that fails must never fail its caller.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future; connections stay usable.
    pub async fn get(&self, key: &str) -> Result<Option<Value>, CacheError> {
        self.get_in(key, None).await
    }

    /// As [`get`](EvCache::get), within the deadline of a call's context, which the gates see too.
    ///
    /// # Errors
    ///
    /// As [`get`](EvCache::get).
    ///
    /// # Cancel safety
    ///
    /// As [`get`](EvCache::get).
    pub async fn get_in(
        &self,
        key: &str,
        call: Option<&CallContext>,
    ) -> Result<Option<Value>, CacheError> {
        let key = CacheKey::new(&self.inner.shared.app, key)?;
        read::read(&self.inner.shared, &key, call).await
    }

    /// Stores a value in all zones, to be forgotten after `ttl`, rounded up to whole seconds.
    ///
    /// Returns when `latch` is satisfied or no longer can be, at most after [`Settings::write_timeout`]. Writes still
    /// pending then go on in the background.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when the key is none, the value is too large, the time is zero, or there are no nodes. Failed
    /// copies are no error: look at [`WriteOutcome::is_satisfied`].
    ///
    /// # Cancel safety
    ///
    /// Once polled, the writes go on in the background when the future is dropped: half a replica set would be worse.
    pub async fn set(
        &self,
        key: &str,
        value: impl Into<Value>,
        ttl: Duration,
        latch: Latch,
    ) -> Result<WriteOutcome, CacheError> {
        let key = CacheKey::new(&self.inner.shared.app, key)?;
        let write = write::Write::set(&self.inner.shared, &key, value.into(), ttl)?;
        self.write(key, write, latch).await
    }

    /// Removes a key in all zones. A copy that did not have it counts as success.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when the key is none or there are no nodes.
    ///
    /// # Cancel safety
    ///
    /// As [`set`](EvCache::set).
    pub async fn delete(&self, key: &str, latch: Latch) -> Result<WriteOutcome, CacheError> {
        let key = CacheKey::new(&self.inner.shared.app, key)?;
        self.write(key, write::Write::Delete, latch).await
    }

    /// Gives a key a new time to live in all zones. A copy that does not have it counts as failure.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when the key is none, the time is zero, or there are no nodes.
    ///
    /// # Cancel safety
    ///
    /// As [`set`](EvCache::set).
    pub async fn touch(
        &self,
        key: &str,
        ttl: Duration,
        latch: Latch,
    ) -> Result<WriteOutcome, CacheError> {
        let key = CacheKey::new(&self.inner.shared.app, key)?;
        let write = write::Write::touch(&self.inner.shared, ttl)?;
        self.write(key, write, latch).await
    }

    /// The zones, their nodes and connections, and what happened so far.
    pub fn snapshot(&self) -> Snapshot {
        snapshot::take(&self.inner.shared)
    }

    async fn write(
        &self,
        key: CacheKey,
        write: write::Write,
        latch: Latch,
    ) -> Result<WriteOutcome, CacheError> {
        write::write(&self.inner.shared, &self.inner.spare, key, write, latch).await
    }
}

impl<G> Clone for EvCache<G> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<G> fmt::Debug for EvCache<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.inner.shared;
        f.debug_struct("EvCache")
            .field("app", &shared.app)
            .field("local", &shared.local)
            .finish_non_exhaustive()
    }
}
