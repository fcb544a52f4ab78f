use std::{
    fmt,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use futures_core::Stream;
use orlop_core::{Endpoint, Gate, Update};
use tokio::sync::mpsc;

use super::{
    App, EvCache, Inner, Settings, Shared,
    counts::Counters,
    task::{self, Maker},
    topology::{Known, Topology},
};
use crate::client::Dial;

/// Makes an [`EvCache`].
#[must_use = "call discover() or fixed() to get the cache"]
pub struct Builder<F = fn(&Endpoint)> {
    app: App,
    local: Option<Arc<str>>,
    settings: Settings,
    gates: F,
    rng: Option<fastrand::Rng>,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// No updates: the stream of a fixed list.
type Fixed = std::pin::Pin<Box<dyn Stream<Item = Update> + Send>>;

impl Builder {
    pub(super) fn new(app: App) -> Self {
        // The one place that reads the system's clock, and only if no other was given.
        #[allow(clippy::disallowed_methods)]
        let wall = Box::new(SystemTime::now);
        Self { app, local: None, settings: Settings::default(), gates: |_| (), rng: None, wall }
    }
}

impl<F> Builder<F> {
    /// Sets the zone that is read first. Without one, reads start in a random zone.
    pub fn local_zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.local = Some(zone.into());
        self
    }

    /// Sets how it reads and writes.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the gate in front of each node, made once per node. The request that it sees is `app:key`.
    pub fn gates<G, M>(self, gates: M) -> Builder<M>
    where
        M: Fn(&Endpoint) -> G + Send + 'static,
        G: Gate<str>,
    {
        let Self { app, local, settings, gates: _, rng, wall } = self;
        Builder { app, local, settings, gates, rng, wall }
    }

    /// Sets the source of randomness: back-off, and which other zone is read. Default: seeded by the system.
    pub fn rng(mut self, rng: fastrand::Rng) -> Self {
        self.rng = Some(rng);
        self
    }

    /// Sets the wall clock, which times to live over 30 days need. Default: the system's.
    pub fn wall_clock(mut self, wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.wall = Box::new(wall);
        self
    }

    /// A cache on the nodes that discovery tells of. It runs as tasks on the current runtime.
    ///
    /// Nodes that discovery calls draining or unhealthy are left out. When the stream ends, the last list stays.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn discover<G, D, U>(self, dial: D, updates: U) -> EvCache<G>
    where
        F: Fn(&Endpoint) -> G + Send + 'static,
        G: Gate<str, Ticket: Send> + Send + Sync + 'static,
        D: Dial,
        U: Stream<Item = Update> + Send + 'static,
    {
        self.start(dial, Known::default(), Some(updates))
    }

    /// A cache on these nodes. It runs as tasks on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn fixed<G, D>(self, dial: D, endpoints: impl IntoIterator<Item = Endpoint>) -> EvCache<G>
    where
        F: Fn(&Endpoint) -> G + Send + 'static,
        G: Gate<str, Ticket: Send> + Send + Sync + 'static,
        D: Dial,
    {
        self.start(dial, Known::fixed(endpoints), None::<Fixed>)
    }

    fn start<G, D, U>(self, dial: D, known: Known, updates: Option<U>) -> EvCache<G>
    where
        F: Fn(&Endpoint) -> G + Send + 'static,
        G: Gate<str, Ticket: Send> + Send + Sync + 'static,
        D: Dial,
        U: Stream<Item = Update> + Send + 'static,
    {
        let mut rng = self.rng.unwrap_or_default();
        let (spare, handed) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            app: self.app,
            local: self.local,
            settings: self.settings,
            topology: ArcSwap::from_pointee(Topology::empty()),
            counters: Arc::new(Counters::default()),
            wall: self.wall,
            rng: Mutex::new(rng.fork()),
        });
        let mut maker = Maker { dial: Arc::new(dial), gates: self.gates, rng };
        // At once, so that a cache on a fixed list knows its nodes when the caller gets it.
        maker.publish(&shared, &known);
        tokio::spawn(task::run(Arc::clone(&shared), maker, known, updates, handed));
        EvCache { inner: Arc::new(Inner { shared, spare }) }
    }
}

impl<F> fmt::Debug for Builder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("app", &self.app)
            .field("local_zone", &self.local)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
