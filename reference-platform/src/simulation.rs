//! The same services on turmoil: virtual network, virtual time, everything from one seed.
//!
//! Each instance is a host with an address of its own, so a test can crash, hold or partition any one of them.
//!
//! What is deterministic: turmoil's network and clock, [`Ctx::rng`](crate::Ctx::rng), the wall clock. What is not, and
//! must not decide anything: `tokio::select!` without `biased` (its order is drawn from a generator that cannot be
//! seeded), the order of a `HashMap`, threads.

use turmoil::{Builder, Sim};

use crate::clock::Wall;
use crate::ctx::World;
use crate::graph::Graph;
use crate::net::Net;
use crate::services;
use crate::settings::PlatformSettings;
use crate::topology::{DEFAULT_PORT_BASE, Instance, Layout, Topology};

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
pub fn add_hosts(sim: &mut Sim<'_>, world: &World, wanted: impl Fn(&Instance) -> bool) {
    let topology = world.topology();
    for instance in topology.instances().iter().filter(|i| wanted(i)) {
        let (world, me) = (world.clone(), instance.clone());
        sim.host(instance.addr.ip(), move || {
            let ctx = world.ctx(me.clone());
            async move { services::run(ctx).await.map_err(|e| -> Box<dyn std::error::Error> { e }) }
        });
    }
}
