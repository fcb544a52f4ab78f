//! What tests of several services need.

use axum::Router;
use axum::body::Body;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::time::Instant;

use crate::clock::Wall;
use crate::ctx::{Ctx, World};
use crate::graph::Graph;
use crate::settings::PlatformSettings;
use crate::topology::{Layout, Topology};

/// The instance with this name, in a world of seed 1 whose wall clock follows tokio's. Call it with paused time.
pub(crate) fn ctx(name: &str) -> Ctx {
    seeded(name, 1)
}

/// The same in a world of another seed, with another secret.
pub(crate) fn seeded(name: &str, seed: u64) -> Ctx {
    let topology = Topology::new(Layout::Zoned, 18_000).unwrap();
    let me = topology.named(name).unwrap().clone();
    let world = World::new(topology, Graph::embedded(), PlatformSettings::seeded(seed));
    world.with_wall(Wall::following(Instant::now())).ctx(me)
}

/// A connection to a router that serves HTTP/2 as [`crate::http::serve`] does, in memory.
pub(crate) async fn http2(router: Router) -> http2::SendRequest<Body> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let service = TowerToHyperService::new(router);
        let builder = auto::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(far), service).await;
    });
    let executor = TokioExecutor::new();
    let (send, connection) = http2::handshake(executor, TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    send
}
