//! What a service instance is given: everything it may touch of the world.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use orlop::Catalogue;
use tokio::time::Instant;

use crate::BoxError;
use crate::clock::{Wall, epoch};
use crate::discovery::Discovery;
use crate::drain::Drain;
use crate::graph::{Edge, Graph};
use crate::net::{Listener, Net, Stream};
use crate::settings::PlatformSettings;
use crate::topology::{Instance, Service, Topology};
use crate::trace::Trace;

/// One instance's view of the world. Cheap to clone; clones are the same instance.
#[derive(Clone, Debug)]
pub struct Ctx(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    me: Instance,
    topology: Arc<Topology>,
    graph: Arc<Graph>,
    settings: Arc<PlatformSettings>,
    net: Net,
    wall: Wall,
    trace: Trace,
    /// Said first: get out of the registries.
    leave: Drain,
    drain: Drain,
    /// Its clients and circuits, to be looked at.
    catalogue: Catalogue,
    /// Started by the first who asks, on that runtime.
    discovery: Mutex<Option<Arc<Discovery>>>,
}

/// What all instances of one platform share; makes a [`Ctx`] for each.
#[derive(Clone, Debug)]
pub struct World {
    topology: Arc<Topology>,
    graph: Arc<Graph>,
    settings: Arc<PlatformSettings>,
    net: Net,
    wall: Wall,
    trace: Trace,
}

/// A call that `graph.toml` does not declare.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndeclaredEdge {
    /// Who would call.
    pub from: Service,
    /// Who would be called.
    pub to: Service,
}

// ===== impl World =====

impl World {
    /// A world on the machine's own network and clock.
    pub fn new(topology: Topology, graph: Graph, settings: PlatformSettings) -> Self {
        Self {
            topology: Arc::new(topology),
            graph: Arc::new(graph),
            settings: Arc::new(settings),
            net: Net::Tcp,
            wall: Wall::machine(),
            trace: Trace::new(),
        }
    }

    /// The same on another network.
    #[must_use]
    pub const fn with_net(mut self, net: Net) -> Self {
        self.net = net;
        self
    }

    /// The same under another wall clock.
    #[must_use]
    pub fn with_wall(mut self, wall: Wall) -> Self {
        self.wall = wall;
        self
    }

    /// A context for one instance. A restarted instance gets a new one.
    pub fn ctx(&self, me: Instance) -> Ctx {
        Ctx(Arc::new(Inner {
            me,
            topology: Arc::clone(&self.topology),
            graph: Arc::clone(&self.graph),
            settings: Arc::clone(&self.settings),
            net: self.net,
            wall: self.wall.clone(),
            trace: self.trace.clone(),
            leave: Drain::new(),
            drain: Drain::new(),
            catalogue: Catalogue::new(),
            discovery: Mutex::new(None),
        }))
    }

    /// Which instances there are.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Who may call whom.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What all instances have in common.
    pub fn settings(&self) -> &PlatformSettings {
        &self.settings
    }

    /// The network all instances are on.
    pub const fn net(&self) -> Net {
        self.net
    }

    /// The log that all contexts of this world write to.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }
}

// ===== impl Ctx =====

impl Ctx {
    /// This instance.
    pub fn me(&self) -> &Instance {
        &self.0.me
    }

    /// Which instances there are. Addresses of services come from the registries; only the registries' own are taken from
    /// here.
    pub fn topology(&self) -> &Topology {
        &self.0.topology
    }

    /// Who may call whom.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// What all instances have in common.
    pub fn settings(&self) -> &PlatformSettings {
        &self.0.settings
    }

    /// The network this instance is on.
    pub fn net(&self) -> Net {
        self.0.net
    }

    /// The time of day.
    pub fn wall(&self) -> &Wall {
        &self.0.wall
    }

    /// The declared edge from this service to `to`, with its settings.
    ///
    /// # Errors
    ///
    /// When `graph.toml` does not declare it.
    pub fn edge(&self, to: Service) -> Result<&Edge, UndeclaredEdge> {
        let from = self.0.me.service;
        self.0.graph.edge(from, to).ok_or(UndeclaredEdge { from, to })
    }

    /// Its clients and circuits.
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// Who is where. The first call starts to fetch.
    ///
    /// # Errors
    ///
    /// When the graph does not let this service ask the registries.
    ///
    /// # Panics
    ///
    /// The first call, outside of a tokio runtime.
    pub fn discovery(&self) -> Result<Arc<Discovery>, BoxError> {
        // Held while it starts, which waits for nothing: two must not start.
        let mut discovery = self.0.discovery.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(started) = &*discovery {
            return Ok(Arc::clone(started));
        }
        let started = Arc::new(Discovery::start(self)?);
        *discovery = Some(Arc::clone(&started));
        Ok(started)
    }

    /// Listens on `addr`, usually `ctx.me().addr`.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours.
    pub async fn listen(&self, addr: SocketAddr) -> io::Result<Listener> {
        self.0.net.listen(addr).await
    }

    /// Connects to an instance that this service may call. Services use `ctx.client(..)`, which comes through here.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::PermissionDenied`] with an [`UndeclaredEdge`] inside when the graph does not declare the call, or
    /// when no instance has this address; otherwise what the network says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the half-open connection.
    pub async fn dial(&self, addr: SocketAddr) -> io::Result<Stream> {
        let denied = io::ErrorKind::PermissionDenied;
        let Some(peer) = self.0.topology.at(addr) else {
            let text = format!("no instance listens on {addr}");
            return Err(io::Error::new(denied, text));
        };
        self.edge(peer.service).map_err(|e| io::Error::new(denied, e))?;
        self.0.net.dial(addr).await
    }

    /// Randomness that depends on the seed, this instance and the purpose, and on nothing else: a new use of randomness
    /// does not change the others.
    pub fn rng(&self, purpose: &str) -> fastrand::Rng {
        let parts = [
            &self.0.settings.seed.to_le_bytes()[..],
            self.0.me.name.as_bytes(),
            purpose.as_bytes(),
        ];
        fastrand::Rng::with_seed(stable_hash(&parts))
    }

    /// Appends to the trace. Fields must follow from the seed alone where two runs are compared: no process ids, no
    /// ephemeral ports.
    pub fn event(&self, kind: &str, fields: &[(&str, &dyn fmt::Display)]) {
        let at = self.0.wall.now().duration_since(epoch()).unwrap_or_default();
        self.0.trace.push(at, &self.0.me.name, kind, fields);
    }

    /// What happened so far.
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }

    /// Ends when this instance is told to leave; [`shutdown`](Self::shutdown) follows once clients had time to hear of it.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and asked for again at any time.
    pub fn leaving(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.leave.wait()
    }

    /// The signal behind [`leaving`](Self::leaving), for whoever runs this instance.
    pub fn leave(&self) -> &Drain {
        &self.0.leave
    }

    /// Ends when this instance is told to finish: refuse new calls, drain, end.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and asked for again at any time.
    pub fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.drain.wait()
    }

    /// The signal behind [`shutdown`](Self::shutdown).
    pub fn drain(&self) -> &Drain {
        &self.0.drain
    }

    /// When a drain that starts now must be over.
    pub fn drain_deadline(&self) -> Instant {
        Instant::now() + self.0.settings.drain
    }
}

// ===== impl UndeclaredEdge =====

impl fmt::Display for UndeclaredEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{from} may not call {to}: graph.toml declares no such edge")
    }
}

impl std::error::Error for UndeclaredEdge {}

/// FNV-1a, 64 bits, over length-prefixed parts, with a final mix: equal on every machine and in every version of Rust,
/// which std's hasher is not.
pub fn stable_hash(parts: &[&[u8]]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = BASIS;
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        let length = (part.len() as u64).to_le_bytes();
        for byte in length.iter().chain(*part) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
    // FNV's high bits mix poorly on short input; this is splitmix64's finaliser.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Layout, Zone};

    fn world() -> World {
        let topology = Topology::new(Layout::Zoned, 18_000).unwrap();
        World::new(topology, Graph::embedded(), PlatformSettings::seeded(7))
    }

    fn ctx(name: &str) -> Ctx {
        let world = world();
        world.ctx(world.topology().named(name).unwrap().clone())
    }

    #[test]
    fn randomness_depends_on_seed_instance_and_purpose_only() {
        let draw = |name: &str, purpose: &str| ctx(name).rng(purpose).u64(..);
        assert_eq!(draw("playback-a", "ids"), draw("playback-a", "ids"));
        assert_ne!(draw("playback-a", "ids"), draw("playback-b", "ids"));
        assert_ne!(draw("playback-a", "ids"), draw("playback-a", "jitter"));
    }

    #[test]
    fn hash_is_the_same_for_ever() {
        // Computed by a second implementation; changing it changes what every recorded seed means.
        assert_eq!(stable_hash(&[b"orlop", b"deck"]), 0x4678_2a21_a3be_a221);
        assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
    }

    #[tokio::test]
    async fn undeclared_edge_is_refused_before_a_socket_is_opened() {
        let ctx = ctx("playback-a");
        let refused = ctx.edge(Service::Search).unwrap_err();
        let said = refused.to_string();
        assert_eq!(said, "playback may not call search: graph.toml declares no such edge");

        let search = ctx.topology().named("search-a").unwrap().addr;
        let err = ctx.dial(search).await.unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::PermissionDenied);
        let inside = err.get_ref().and_then(|e| e.downcast_ref::<UndeclaredEdge>());
        assert_eq!(inside, Some(&refused));

        let err = ctx.dial("127.0.0.1:9".parse().unwrap()).await.unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::PermissionDenied);
    }

    #[tokio::test]
    async fn shutdown_is_heard_before_and_after_it_is_said() {
        let ctx = ctx("playback-a");
        let early = ctx.shutdown();
        assert!(!ctx.drain().started());
        ctx.drain().start();
        early.await;
        ctx.shutdown().await;
    }

    #[test]
    fn member_calls_gateways_and_appliances() {
        let world = world();
        let member = world.ctx(world.topology().member(Zone::B));
        assert!(member.edge(Service::Gateway).is_ok());
        assert!(member.edge(Service::Appliance).is_ok());
        assert!(member.edge(Service::Playback).is_err());
    }
}
