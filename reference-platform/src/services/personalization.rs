//! Rows made for one member. Slow to make in earnest, so they are cached in every zone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use orlop_evcache::Latch;

use super::health;
use crate::cache::{Cache, cache};
use crate::catalogue::Catalogue;
use crate::ctx::Ctx;
use crate::net::Listener;
use crate::rows::{self, Rows};
use crate::{BoxError, http as server};

/// The application that rows are cached under.
pub const CACHE: &str = "rows";
/// The key of the rows that are popular with everybody.
pub const POPULAR: &str = "popular";
/// How long rows are kept.
pub const TTL: Duration = Duration::from_secs(600);
/// How often the popular rows are written again, so that a node that came back empty has them soon.
const REFRESH: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Service {
    catalogue: Arc<Catalogue>,
    cache: Cache,
}

/// The key of a member's rows.
pub fn key(member: &str) -> String {
    format!("member:{member}")
}

/// Serves `GET /rows/{member}`.
///
/// # Errors
///
/// When the graph does not declare the cache.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let service = Service { catalogue: Catalogue::of(ctx.settings()), cache: cache(&ctx, CACHE)? };
    let publish = publish_popular(service.clone());
    let router = Router::new()
        .route("/rows/{member}", get(member_rows))
        .with_state(service)
        .merge(health::router(&ctx));
    tokio::select! {
        biased;
        () = server::serve(ctx, listener, router) => {}
        () = publish => {}
    }
    Ok(())
}

async fn member_rows(State(service): State<Service>, Path(member): Path<String>) -> Json<Rows> {
    let key = key(&member);
    // A cache that fails is a cache that misses.
    if let Ok(Some(kept)) = service.cache.get(&key).await
        && let Ok(rows) = serde_json::from_slice(&kept.into_data())
    {
        return Json(rows);
    }
    let made = Rows { rows: rows::personal(&service.catalogue, &member) };
    store(&service.cache, &key, &made).await;
    Json(made)
}

async fn publish_popular(service: Service) {
    let popular = Rows { rows: rows::popular(&service.catalogue) };
    loop {
        store(&service.cache, POPULAR, &popular).await;
        tokio::time::sleep(REFRESH).await;
    }
}

/// Writes all zones and waits for none: the next reader will see.
async fn store(cache: &Cache, key: &str, rows: &Rows) {
    if let Ok(json) = serde_json::to_vec(rows) {
        let _ = cache.set(key, json, TTL, Latch::None).await;
    }
}
