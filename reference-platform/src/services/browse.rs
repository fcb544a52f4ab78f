//! Navigation: `GET /browse` from memory, and `GET /home`, which would rather be personal.
//!
//! ```text
//!   home:  personalization --fails--> the member's cached rows --none--> popular rows, cached --none--> a static row
//! ```
//!
//! Each step but the first marks what it answers as degraded. With the layers off there is the first step only.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use orlop::core::CallContext;
use orlop::core::http::Deadline;
use orlop::fallback::FallbackLayer;
use orlop::{Body, Client};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

use super::health;
use super::personalization::{CACHE, POPULAR, key};
use super::playback::MEMBER_HEADER;
use super::problem::Problem;
use crate::BoxError;
use crate::cache::{Cache, cache};
use crate::catalogue::Catalogue;
use crate::ctx::Ctx;
use crate::http as server;
use crate::net::Listener;
use crate::rows::{self, Home, Row, Rows};
use crate::topology::Service;

/// No caller has more patience: what a header says is taken into this.
const PATIENCE: Duration = Duration::from_secs(1);
/// Rows are a few kilobytes.
const LARGEST: usize = 256 * 1024;

/// Whose home, and how long the caller waits.
#[derive(Debug, Clone)]
struct Asked {
    member: Arc<str>,
    call: CallContext,
}

type HomeService = BoxCloneSyncService<Asked, Home, BoxError>;

/// Behind one pointer: a router clones its state for each of its routes in no certain order, and what a balancer draws
/// follows from the order in which it is cloned.
struct Browse {
    rows: Rows,
    home: HomeService,
}

/// Serves until `ctx` says shut down.
///
/// # Errors
///
/// When the graph does not declare personalization or the cache.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let catalogue = Catalogue::of(ctx.settings());
    let rows = Rows { rows: rows::browse(&catalogue) };
    let browse = Arc::new(Browse { rows, home: home(&ctx, &catalogue)? });
    let router = Router::new()
        .route("/browse", get(async |State(browse): State<Arc<Browse>>| Json(browse.rows.clone())))
        .route("/home", get(member_home))
        .with_state(browse)
        .merge(health::router(&ctx));
    server::serve(ctx, listener, router).await;
    Ok(())
}

async fn member_home(State(browse): State<Arc<Browse>>, headers: HeaderMap) -> Response {
    let member = headers.get(MEMBER_HEADER).and_then(|value| value.to_str().ok());
    let Some(member) = member.filter(|member| !member.is_empty()) else {
        let detail = "homes are asked for through a gateway";
        return Problem::new(StatusCode::UNAUTHORIZED, "no_member", detail).into_response();
    };
    // A header that is not understood is no deadline: the edges' own still hold.
    let deadline = Deadline::read(&headers, PATIENCE, Instant::now()).ok().flatten();
    let call = deadline.map_or(CallContext::new(), |at| CallContext::new().deadline_at(at));
    match browse.home.clone().oneshot(Asked { member: member.into(), call }).await {
        Ok(home) => Json(home).into_response(),
        Err(error) => Problem::unavailable("home_unavailable", error.to_string()).into_response(),
    }
}

/// The chain of what a home can be, best first.
fn home(ctx: &Ctx, catalogue: &Catalogue) -> Result<HomeService, BoxError> {
    let client = ctx.client(Service::Personalization)?;
    let fresh = service_fn(move |asked: Asked| fresh(client.clone(), asked));
    if !ctx.settings().resilience {
        return Ok(BoxCloneSyncService::new(fresh));
    }
    let cache = cache(ctx, CACHE)?;
    let for_popular = cache.clone();
    let cached = FallbackLayer::from_async(move |asked: Asked, _| {
        let cache = cache.clone();
        async move { kept(&cache, &key(&asked.member), &asked, "cached").await }
    });
    let popular = FallbackLayer::from_async(move |asked: Asked, _| {
        let cache = for_popular.clone();
        async move { kept(&cache, POPULAR, &asked, "popular").await }
    });
    let last: Arc<[Row]> = rows::last_resort(catalogue).into();
    let static_row = FallbackLayer::from_fn(move |(), _| degraded(last.to_vec(), "static"));

    let chain = cached.remember(Asked::clone).layer(fresh);
    let chain = popular.remember(Asked::clone).layer(chain);
    Ok(BoxCloneSyncService::new(static_row.layer(chain)))
}

async fn fresh(client: Client, asked: Asked) -> Result<Home, BoxError> {
    // A member's id is of plain characters: the gateway's token says it, and we made the tokens.
    let request = Request::get(format!("/rows/{}", asked.member)).extension(asked.call.child());
    let response = client.send(request.body(Body::empty())?).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("personalization answered {status}").into());
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await?.to_bytes();
    let Rows { rows } = serde_json::from_slice(&body)?;
    Ok(Home { degraded: None, rows })
}

/// Rows from the cache. A cache that fails and one that misses are the same to us: the next fallback's turn.
async fn kept(cache: &Cache, key: &str, asked: &Asked, what: &str) -> Result<Home, BoxError> {
    let value = cache.get_in(key, Some(&asked.call.child())).await?;
    let value = value.ok_or_else(|| format!("{key} is not cached"))?;
    let Rows { rows } = serde_json::from_slice(&value.into_data())?;
    Ok(degraded(rows, what))
}

fn degraded(rows: Vec<Row>, what: &str) -> Home {
    Home { degraded: Some(what.to_owned()), rows }
}
