//! Starts a play: `PUT /plays/{id}` with `{"title": "t00042"}` answers signed links to the title's bytes.
//!
//! The member chooses the id, so that a second PUT is the same play. Nothing is stored: the answer follows from the id,
//! the title, the member, the time in steps of a minute and the appliances that are listed; so a repeated PUT gives an
//! equally good answer, and within the minute the same one. That an id was used for another title before cannot be seen
//! without a store, so it is simply another play.
//!
//! | answer | when |
//! |---|---|
//! | 200 | the play, [`Play`] |
//! | 400 | an id or a body that is not understood |
//! | 401 | the gateway named no member |
//! | 403 | the member may not play the title: `error` is `not_entitled`, `detail` says why |
//! | 404 | there is no such title |
//! | 503 | entitlement did not answer, or no appliance is listed; `Retry-After: 0`, as another instance may |

mod appliances;
mod play;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::put;
use bytes::Bytes;
use http::{HeaderName, Request, Response};
use orlop_core::Endpoint;
use tower_service::Service;

pub use self::play::{Link, Play};
use super::entitlement::Entitlement;
use super::health;
use crate::BoxError;
use crate::catalogue::Catalogue;
use crate::ctx::Ctx;
use crate::net::Listener;
use crate::signing::LinkSigner;
use crate::topology;

/// Who asks, as the gateway verified it. The gateway strips what a caller puts there.
pub const MEMBER_HEADER: HeaderName = HeaderName::from_static("x-orlop-member");

/// A play's body is a title and little else.
const LARGEST_BODY: usize = 4 * 1024;

/// Tells which appliances are listed now.
pub type Appliances = Arc<dyn Fn() -> Vec<Endpoint> + Send + Sync>;

pub(crate) struct Playback<S> {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    entitlement: Entitlement<S>,
    appliances: Appliances,
    signer: LinkSigner,
}

/// Serves until `ctx` says shut down.
///
/// # Errors
///
/// When the graph does not declare entitlement.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let (client, discovery) = (ctx.client(topology::Service::Entitlement)?, ctx.discovery()?);
    let catalogue = Catalogue::of(ctx.settings());
    let listed = move || discovery.list(topology::Service::Appliance);
    let router = router(&ctx, catalogue, client, listed);
    crate::http::serve(ctx, listener, router).await;
    Ok(())
}

/// Its routes, `/health` and `/who` among them. Entitlement is asked through `client`; `appliances` tells what discovery
/// lists.
pub fn router<S, B>(
    ctx: &Ctx,
    catalogue: Arc<Catalogue>,
    client: S,
    appliances: impl Fn() -> Vec<Endpoint> + Send + Sync + 'static,
) -> Router
where
    S: Service<Request<tonic::body::Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + Send,
{
    let playback = Arc::new(Playback {
        ctx: ctx.clone(),
        catalogue,
        entitlement: Entitlement::new(client),
        appliances: Arc::new(appliances),
        signer: LinkSigner::new(&ctx.settings().secret),
    });
    Router::new()
        .route("/plays/{id}", put(play::start::<S, B>))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(playback)
        .merge(health::router(ctx))
}

impl<S> fmt::Debug for Playback<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playback").field("me", &self.ctx.me().name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
