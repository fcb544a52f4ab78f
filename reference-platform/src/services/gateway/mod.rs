//! The way in: filters in front of playback, search and browse.
//!
//! | order | filter | |
//! |---|---|---|
//! | -1001 | `stats` | counts how each request ended |
//! | -1000 | `normalize` | 400 to what two parsers could read in two ways |
//! | -950 | `deadline` | the caller's patience, at most a second, becomes the call's deadline |
//! | -900 | `edge` | nothing that a caller made up gets further, nothing internal leaves |
//! | -800 | `request-id` | a name for the request, for logs and for the caller |
//! | -600 | `front` | `GET /` is answered here, for everybody |
//! | -500 | `jwt` | 401 without a member's token; fails closed |
//! | -400 | `rate_limit` | 429 to a member who asks too often |
//! | -300 | `route` | the path and the method choose the endpoint |
//! | 0 | `headers` | what goes to endpoints and to callers in all cases |
//! | 950 | `retry-after` | no 503 leaves without saying when to come back |
//! | 1000 | `gzip` | JSON leaves compressed where the caller takes it |
//!
//! What a client of ours refuses is 503 with `Retry-After`, what takes too long is 504, another failure of a call is 502.
//! `/health`, `/who`, `/circuits`, `/metrics` and `/stats` are outside the chain, and open to all: the platform runs on
//! loopback. A gateway on a network has them on a listener of their own.

mod chain;
mod deadline;
mod front;
mod late;
mod request_id;
mod retry_after;
mod stats;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use orlop_gateway_filters::{BadSetting, Body, Endpoints, Gateway};
use tower::util::MapErr;
use tower_service::Service;

pub use self::chain::{MAX_AGE_HEADER, PLAN_HEADER};
pub use self::request_id::REQUEST_ID_HEADER;
pub use self::stats::{RouteStats, Stats};
use super::health;
use crate::ctx::Ctx;
use crate::net::Listener;
use crate::{BoxError, topology};

/// The services behind the gateway, by the names that routes use.
#[derive(Clone, Default)]
pub struct Upstreams {
    endpoints: Endpoints,
}

// ===== impl Upstreams =====

impl Upstreams {
    /// `playback`, `search` and `browse`, each through a client of its own.
    pub fn new<P, S, W, PB, SB, WB>(playback: P, search: S, browse: W) -> Self
    where
        P: Upstream<PB>,
        S: Upstream<SB>,
        W: Upstream<WB>,
        P::Future: Send,
        S::Future: Send,
        W::Future: Send,
        P::Error: Into<BoxError>,
        S::Error: Into<BoxError>,
        W::Error: Into<BoxError>,
        PB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        SB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        WB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let endpoints = Endpoints::new()
            .service("playback", MapErr::new(playback, late::named::<P::Error>))
            .service("search", MapErr::new(search, late::named::<S::Error>))
            .service("browse", MapErr::new(browse, late::named::<W::Error>));
        Self { endpoints }
    }
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoints.fmt(f)
    }
}

/// Any client that answers the gateway's requests.
pub trait Upstream<B>:
    Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static
{
}

impl<S, B> Upstream<B> for S where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static
{
}

/// Serves until `ctx` says shut down.
///
/// # Errors
///
/// When the graph does not declare playback, search and browse.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let client = |to| ctx.client(to);
    let upstreams = Upstreams::new(
        client(topology::Service::Playback)?,
        client(topology::Service::Search)?,
        client(topology::Service::Browse)?,
    );
    let router = router(&ctx, upstreams)?;
    crate::http::serve(ctx, listener, router).await;
    Ok(())
}

/// The chain in front of `upstreams`, and beside it `/health`, `/who` and `/stats`.
///
/// # Errors
///
/// None with the chain as it is; the filters check their settings.
pub fn router(ctx: &Ctx, upstreams: Upstreams) -> Result<Router, BadSetting> {
    let stats = Arc::new(Stats::new(chain::ROUTES));
    let filters = chain::filters(ctx, Arc::clone(&stats))?;
    let gateway = Gateway::new(filters, upstreams.endpoints)?;
    Ok(Router::new()
        .route("/stats", get(move || std::future::ready(axum::Json(stats.snapshot()))))
        .merge(health::router(ctx))
        .fallback_service(gateway))
}

#[cfg(test)]
mod tests;
