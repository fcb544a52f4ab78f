//! The services: each one is `async fn serve(ctx, listener)` in a module of its own.

pub mod appliance;
pub mod entitlement;
pub mod gateway;
pub mod health;
pub mod playback;
pub mod problem;
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
        Service::Registry
        | Service::Evcache
        | Service::Personalization
        | Service::Search
        | Service::Browse
        | Service::Playback
        | Service::Gateway => |ctx, listener| Box::pin(health::serve(ctx, listener)),
        Service::Member => |_, _| Box::pin(ready(Err("a member calls, it does not serve".into()))),
    }
}

/// Listens where `ctx` says and runs its service until it ends: by drain or by error.
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
    let serve = entry(me.service);
    let ended = serve(ctx.clone(), listener).await;
    ctx.event("ended", &[("ok", &ended.is_ok())]);
    ended
}
