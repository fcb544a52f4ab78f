//! `/health`, `/who`, `/circuits` and `/metrics`: what the supervisor and people ask any instance.

use axum::routing::get;
use axum::{Json, Router};
use http::HeaderValue;

use crate::circuits::Circuits;
use crate::ctx::Ctx;
use crate::net::Listener;
use crate::{BoxError, http as server};

/// On answers of `/health`: which instance it was, so that nobody mistakes another program on the port for ours.
pub const INSTANCE_HEADER: &str = "x-orlop-instance";

/// `/health` answers 200 `ok`, `/who` the instance's name, `/circuits` the state of its circuits, `/metrics` Prometheus'
/// text. Every service that speaks HTTP merges it into its router.
pub fn router(ctx: &Ctx) -> Router {
    let name = ctx.me().name.clone();
    let (circuits, metrics) = (ctx.clone(), ctx.clone());
    // Names are lower-case letters and a dash.
    let header = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("unnamed"));
    Router::new()
        .route(
            "/health",
            get(move || std::future::ready(([(INSTANCE_HEADER, header.clone())], "ok"))),
        )
        .route("/who", get(move || std::future::ready(name.clone())))
        .route("/circuits", get(move || std::future::ready(Json(Circuits::of(&circuits)))))
        .route("/metrics", get(move || std::future::ready(metrics.catalogue().prometheus())))
}

/// An instance that says who it is and nothing else.
///
/// # Errors
///
/// None: it ends when it is told to.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let router = router(&ctx);
    server::serve(ctx, listener, router).await;
    Ok(())
}
