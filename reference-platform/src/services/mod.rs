//! The services: each one is `async fn serve(ctx, listener)` in a module of its own.

pub mod appliance;
pub mod browse;
pub mod entitlement;
pub mod evcache;
pub mod gateway;
pub mod health;
pub mod personalization;
pub mod playback;
pub mod problem;
pub mod registry;
pub mod search;
#[cfg(test)]
pub(crate) mod testing;

use futures_util::future::{BoxFuture, ready};

use crate::BoxError;
use crate::ctx::Ctx;
use crate::net::Listener;
use crate::topology::Service;

/// What runs one instance until it is told to end.
pub type Serve = fn(Ctx, Listener) -> BoxFuture<'static, Result<(), BoxError>>;

/// What runs an instance of `service`.
pub fn entry(service: Service) -> Serve {
    match service {
        Service::Entitlement => |ctx, listener| Box::pin(entitlement::serve(ctx, listener)),
        Service::Appliance => |ctx, listener| Box::pin(appliance::serve(ctx, listener)),
        Service::Registry => |ctx, listener| Box::pin(registry::serve(ctx, listener)),
        Service::Evcache => |ctx, listener| Box::pin(evcache::serve(ctx, listener)),
        Service::Personalization => |ctx, listener| Box::pin(personalization::serve(ctx, listener)),
        Service::Search => |ctx, listener| Box::pin(search::serve(ctx, listener)),
        Service::Browse => |ctx, listener| Box::pin(browse::serve(ctx, listener)),
        Service::Playback => |ctx, listener| Box::pin(playback::serve(ctx, listener)),
        Service::Gateway => |ctx, listener| Box::pin(gateway::serve(ctx, listener)),
        Service::Member => |_, _| Box::pin(ready(Err("a member calls, it does not serve".into()))),
    }
}

/// Listens where `ctx` says, registers, and runs its service until it ends: by drain or by error.
///
/// It leaves in order: gone from the registries first, then as long as clients take to hear of it, then no new calls, then
/// the end of those that run.
///
/// # Errors
///
/// When the address is taken, and what the service itself ends with.
pub async fn run(ctx: Ctx) -> Result<(), BoxError> {
    let me = ctx.me();
    let listener = ctx
        .listen(me.addr)
        .await
        .map_err(|error| format!("{} cannot listen on {}: {error}", me.name, me.addr))?;
    ctx.event("listening", &[]);
    // Registries are found by their static addresses, not in themselves.
    let registration = match me.service {
        Service::Registry | Service::Member => None,
        _ => Some(ctx.discovery()?.register(&ctx)),
    };
    let leave = async {
        ctx.leaving().await;
        if let Some(registration) = registration {
            // Where no registry answers, the lease runs out instead.
            let left = tokio::time::timeout(ctx.settings().drain, registration.deregister()).await;
            if matches!(left, Ok(Ok(()))) {
                tokio::time::sleep(ctx.settings().fetch).await;
            }
        }
        ctx.drain().start();
        std::future::pending::<()>().await;
    };
    let serve = entry(me.service)(ctx.clone(), listener);
    let ended = tokio::select! {
        biased;
        ended = serve => ended,
        () = leave => Ok(()),
    };
    ctx.event("ended", &[("ok", &ended.is_ok())]);
    ended
}
