//! Who is where: Eureka's protocol, replicated between three.

use axum::Router;
use orlop_registry::{Registry, Settings};

use super::health;
use crate::ctx::Ctx;
use crate::discovery::registries;
use crate::net::Listener;
use crate::{BoxError, http as server};

/// Serves the registry. One that starts alone answers reads with 403 for two heartbeats, in which the instances register.
///
/// # Errors
///
/// When the graph does not let registries call each other.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let settings = Settings::new()
        .empty_wait(ctx.settings().heartbeat * 2)
        .batch_delay(ctx.settings().heartbeat / 5);
    let mut peers = Vec::new();
    for peer in ctx.topology().of(crate::Service::Registry) {
        if peer.name != ctx.me().name {
            peers.push(registries(&ctx, |instance| instance.name == peer.name)?);
        }
    }
    let wall = ctx.wall().clone();
    let registry = Registry::new(settings, peers, move || wall.now());
    let router = Router::new().merge(health::router(&ctx)).fallback_service(registry);
    server::serve(ctx, listener, router).await;
    Ok(())
}
