//! The same services on turmoil: virtual network, virtual time, everything from one seed.
//!
//! Each instance is a host with an address of its own, so a test can crash, hold or partition any one of them.
//!
//! One seed gives one [trace](crate::trace), in two runs of a process and in two processes. On simulated hosts the trace
//! has a line for every request that is handed to a connection (`send`, those of Eureka's clients too) and for every
//! circuit that changes (`circuit`, looked at every 20 ms), beside what services and tests say themselves. A network draws
//! each message's latency from one generator, so a single message more or less changes everything after it: equal traces
//! mean that everything that was sent was the same.
//!
//! What is deterministic: turmoil's network and clock, [`Ctx::rng`], the wall clock; tokio's current-thread runtime and
//! hyper's pools, which decide by order of arrival. Search's index is made by a thread of tantivy's, but the instance
//! waits for it before it serves, and no thread wakes a task. What is not, and must not decide anything: `tokio::select!`
//! without `biased` (its order is drawn from a generator that cannot be seeded), the order of a `HashMap`, threads. The
//! `date` header is the machine's clock: hyper writes it, nobody here reads it. A balancer draws from what it was cloned
//! from, in the order of cloning, and axum clones a router's state for each route in a `HashMap`'s order: so a state with
//! clients in it is an `Arc`.
//!
//! A partitioned link loses messages, and turmoil's TCP does not send them again: a connection that lost one stays silent
//! for good, also after the repair. Held links deliver late, as a frozen process does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use turmoil::{Builder, Sim};

use crate::circuits::Circuits;
use crate::clock::Wall;
use crate::ctx::{Ctx, World};
use crate::graph::Graph;
use crate::net::Net;
use crate::services;
use crate::settings::PlatformSettings;
use crate::topology::{DEFAULT_PORT_BASE, Instance, Layout, Topology};

/// How often an instance's circuits are looked at. Circuits here stay open for a second.
const LOOK: Duration = Duration::from_millis(20);

/// The contexts that simulated instances run with, to look at their clients from outside. Clones are the same.
#[derive(Clone, Default)]
pub struct Hosts(Arc<Mutex<BTreeMap<String, Ctx>>>);

/// A world whose instances are simulated hosts, with the built-in graph.
///
/// # Panics
///
/// Never: the default ports fit.
pub fn world(settings: PlatformSettings) -> World {
    let topology = Topology::new(Layout::Simulated, DEFAULT_PORT_BASE);
    let topology = topology.expect("the default port base is in range");
    World::new(topology, Graph::embedded(), settings)
        .with_net(Net::Simulated)
        .with_wall(Wall::simulated())
}

/// A builder that draws latencies from the world's seed and begins at [`epoch`](crate::clock::epoch).
pub fn builder(world: &World) -> Builder {
    let mut builder = Builder::new();
    builder.rng_seed(world.settings().seed).epoch(crate::clock::epoch());
    builder
}

/// Adds a host for each instance that `wanted` names. A host that is bounced starts with a new context.
pub fn add_hosts(sim: &mut Sim<'_>, world: &World, wanted: impl Fn(&Instance) -> bool) -> Hosts {
    let hosts = Hosts::default();
    let topology = world.topology();
    for instance in topology.instances().iter().filter(|i| wanted(i)) {
        let (world, me, hosts) = (world.clone(), instance.clone(), hosts.clone());
        sim.host(instance.addr.ip(), move || {
            let ctx = world.ctx(me.clone());
            hosts.put(ctx.clone());
            async move { run(ctx).await.map_err(|e| -> Box<dyn std::error::Error> { e }) }
        });
    }
    hosts
}

async fn run(ctx: Ctx) -> Result<(), crate::BoxError> {
    tokio::select! {
        biased;
        ended = services::run(ctx.clone()) => ended,
        () = record_circuits(&ctx) => Ok(()),
    }
}

/// Puts each change of a circuit into the trace, for as long as it is polled.
pub async fn record_circuits(ctx: &Ctx) {
    let mut known = BTreeMap::new();
    loop {
        for circuit in Circuits::of(ctx).circuits {
            let name = format!("{}/{}", circuit.client, circuit.endpoint);
            if known.get(&name) != Some(&circuit.state) {
                ctx.event("circuit", &[("of", &name), ("is", &circuit.state)]);
                known.insert(name, circuit.state);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

// ===== impl Hosts =====

impl Hosts {
    fn put(&self, ctx: Ctx) {
        let name = ctx.me().name.clone();
        // Dropped with the lock released: the old instance's clients may take their time.
        let _old = self.lock().insert(name, ctx);
    }

    /// The context that the instance of this name was started with last.
    pub fn named(&self, name: &str) -> Option<Ctx> {
        self.lock().get(name).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Ctx> {
        self.lock().values().cloned().collect()
    }

    // Guards the map for a look or an insert.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Ctx>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}
