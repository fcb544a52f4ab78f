//! The replicated cache as services use it: nodes from discovery, each behind a circuit and a limit of its own.

use std::time::Duration;

use orlop::breaker::Circuit;
use orlop::bulkhead::Limit;
use orlop::core::{Addr, Endpoint};
use orlop_evcache::{App, EvCache, Settings};

use crate::BoxError;
use crate::ctx::Ctx;
use crate::topology::Service;

/// A cache behind gates; none where the layers are off.
pub type Cache = EvCache<Option<(Circuit, Limit)>>;

/// The cache of one application, read in this zone first.
///
/// # Errors
///
/// When the graph does not declare the edge, or the name is none.
pub fn cache(ctx: &Ctx, app: &str) -> Result<Cache, BoxError> {
    let edge = ctx.edge(Service::Evcache)?;
    let settings = edge.client.clone();
    let protected = ctx.settings().resilience;
    let catalogue = ctx.catalogue().clone();
    let seeds = ctx.clone();
    let gates = move |endpoint: &Endpoint| {
        protected.then(|| {
            let seed = seeds.rng(&format!("circuit {}", endpoint.id())).u64(..);
            let circuit = Circuit::new(settings.circuit.clone()).named(endpoint.id().as_str());
            let circuit = circuit.seeded(seed);
            catalogue.add_circuit(format!("evcache/{}", endpoint.id()), &circuit);
            let limit = settings.limit.map_or(Limit::MAX, |limit| limit.get() as usize);
            (circuit, Limit::new(limit).named(endpoint.id().as_str()))
        })
    };
    let dialler = ctx.clone();
    let dial = move |endpoint: &Endpoint| {
        let (ctx, addr) = (dialler.clone(), endpoint.addr().clone());
        async move {
            match addr {
                Addr::Ip(addr) => ctx.dial(addr).await,
                other => Err(std::io::Error::other(format!("{other} is no address"))),
            }
        }
    };
    let wall = ctx.wall().clone();
    let settings = if protected { Settings::default() } else { unprotected() };
    let cache = EvCache::builder(App::new(app)?)
        .settings(settings)
        .local_zone(ctx.me().zone.as_str())
        .gates(gates)
        .rng(ctx.rng("evcache"))
        .wall_clock(move || wall.now())
        .discover(dial, ctx.discovery()?.watch(Service::Evcache));
    Ok(cache)
}

/// One zone, once, however long it takes.
fn unprotected() -> Settings {
    let for_ever = Duration::from_secs(3_600);
    Settings::default()
        .local_timeout(for_ever)
        .read_deadline(for_ever)
        .write_timeout(for_ever)
        .fallback_zones(0)
}
