//! From a request to an answer.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header::ACCEPT, request::Parts};
use http_body::Body;
use http_body_util::Full;
use orlop_discovery_client::eureka::wire::{InstanceInfo, ReplicationList};
use serde::Serialize;
use tower_service::Service;

use super::{
    batch, body,
    query::Query,
    respond::{self, Answer},
    route::{Route, route},
};
use crate::{
    registry::{Registry, Shared},
    store::{Beat, Beaten, Key, Origin},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<B> Service<Request<B>> for Registry
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let registry = self.clone();
        Box::pin(async move { Ok(answer(&registry.shared, request).await) })
    }
}

async fn answer<B>(registry: &Shared, request: Request<B>) -> Answer
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (head, sent) = request.into_parts();
    let Some(route) = route(head.uri.path()) else {
        return respond::empty(StatusCode::NOT_FOUND);
    };
    match (&head.method, &route) {
        (&Method::POST, Route::App(_) | Route::Batch) => {
            match body::document(&head.headers, sent, &registry.settings).await {
                Ok(document) => take(registry, &head, &route, &document),
                Err(answer) => answer,
            }
        }
        (&Method::GET, _) => read(registry, &head.headers, route),
        _ => change(registry, head, route),
    }
}

// ===== documents sent =====

fn take(registry: &Shared, head: &Parts, route: &Route, document: &[u8]) -> Answer {
    let bad = |text: String| respond::text(StatusCode::BAD_REQUEST, text);
    let Route::App(app) = route else {
        return match ReplicationList::from_json(document) {
            Ok(list) => respond::json(StatusCode::OK, batch::apply(registry, list).to_json()),
            Err(error) => bad(whole(&error)),
        };
    };
    let info = match InstanceInfo::from_json(document) {
        Ok(info) => info,
        Err(error) => return bad(whole(&error)),
    };
    if let Some(why) = info.refusal(app) {
        return bad(why);
    }
    match registry.register(info, origin(&head.headers)) {
        Ok(()) => respond::empty(StatusCode::NO_CONTENT),
        Err(_) => respond::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "this registry holds as many instances as it may",
        ),
    }
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", whole(cause)),
        None => error.to_string(),
    }
}

// ===== reading =====

fn read(registry: &Shared, headers: &HeaderMap, route: Route) -> Answer {
    if matches!(route, Route::InstanceStatus(_) | Route::Metadata(_) | Route::Group | Route::Batch)
    {
        return wrong_method(&route);
    }
    if !accepts_json(headers) {
        let text = "this registry writes application/json only";
        return respond::text(StatusCode::NOT_ACCEPTABLE, text);
    }
    let single = matches!(route, Route::Instance(_) | Route::Anywhere(_) | Route::Status);
    if !single && !registry.is_open() {
        let text = "this registry has just started and does not know enough yet";
        return respond::text(StatusCode::FORBIDDEN, text);
    }
    match document(registry, route) {
        Some(document) => respond::json(StatusCode::OK, document),
        None => respond::empty(StatusCode::NOT_FOUND),
    }
}

/// The document that a route names; `None` if there is none.
fn document(registry: &Shared, route: Route) -> Option<Vec<u8>> {
    let now = registry.now().instant;
    let mut store = registry.store();
    // Cloned under the lock and written after it: writing takes longer.
    match route {
        Route::Apps => {
            let all = store.all();
            drop(store);
            Some(all.to_json())
        }
        Route::Delta => {
            let delta = store.delta(now);
            drop(store);
            Some(delta.to_json())
        }
        Route::App(app) => store.app(&app).map(|app| app.to_json()),
        Route::Instance(key) => store.instance(&key, now).map(InstanceInfo::to_json),
        Route::Anywhere(id) => store.instance_anywhere(&id, now).map(InstanceInfo::to_json),
        Route::Vip(vip) => Some(store.by_vip(&vip, false).to_json()),
        Route::SecureVip(vip) => Some(store.by_vip(&vip, true).to_json()),
        Route::Status => {
            drop(store);
            Some(status(registry))
        }
        _ => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusInfo {
    general_stats: GeneralStats,
    application_stats: ApplicationStats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeneralStats {
    ready: bool,
    instances: usize,
    revision: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ApplicationStats {
    registered_replicas: String,
}

fn status(registry: &Shared) -> Vec<u8> {
    let names: Vec<String> = registry.peers.iter().map(|peer| peer.snapshot().name).collect();
    let store = registry.store();
    let info = StatusInfo {
        general_stats: GeneralStats {
            ready: registry.is_open(),
            instances: store.len(),
            revision: store.revision(),
        },
        application_stats: ApplicationStats { registered_replicas: names.join(",") },
    };
    // Fails only for maps whose keys are not text.
    serde_json::to_vec(&info).unwrap_or_default()
}

/// Whether JSON is wanted, or anything at all. Java's server would answer the latter in XML.
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut wanted = headers.get_all(ACCEPT).iter().peekable();
    wanted.peek().is_none()
        || wanted.any(|value| {
            let value = String::from_utf8_lossy(value.as_bytes());
            ["json", "*/*", "application/*"].iter().any(|kind| value.contains(kind))
        })
}

// ===== changing =====

fn change(registry: &Shared, head: Parts, route: Route) -> Answer {
    let query = Query::of(head.uri.query());
    let origin = origin(&head.headers);
    let changed = match (&head.method, &route) {
        (&Method::DELETE, Route::Instance(key)) => Ok(respond::found(registry.cancel(key, origin))),
        (&Method::PUT, Route::Instance(key)) => heartbeat(registry, key, &query, origin),
        (&Method::PUT, Route::InstanceStatus(key)) => set_status(registry, key, &query, origin),
        (&Method::DELETE, Route::InstanceStatus(key)) => {
            clear_status(registry, key, &query, origin)
        }
        (&Method::PUT, Route::Metadata(key)) => {
            let entries = query.into_pairs().collect();
            Ok(respond::found(registry.add_metadata(key, entries, origin)))
        }
        (&Method::PUT, Route::Group) => Err("this registry knows no auto-scaling groups".into()),
        _ => Ok(wrong_method(&route)),
    };
    changed.unwrap_or_else(|text| respond::text(StatusCode::BAD_REQUEST, text))
}

fn heartbeat(
    registry: &Shared,
    key: &Key,
    query: &Query,
    origin: Origin,
) -> Result<Answer, String> {
    let beat = Beat { dirty: query.dirty()?, overridden: query.status("overriddenstatus")? };
    Ok(match registry.heartbeat(key, beat, origin) {
        Beaten::Renewed => respond::empty(StatusCode::OK),
        Beaten::Unknown => respond::empty(StatusCode::NOT_FOUND),
        Beaten::Newer(info) => respond::json(StatusCode::CONFLICT, info.to_json()),
    })
}

fn set_status(
    registry: &Shared,
    key: &Key,
    query: &Query,
    origin: Origin,
) -> Result<Answer, String> {
    let status = query.status("value")?.ok_or("value must be a status")?;
    Ok(respond::found(registry.set_status(key, status, query.dirty()?, origin)))
}

fn clear_status(
    registry: &Shared,
    key: &Key,
    query: &Query,
    origin: Origin,
) -> Result<Answer, String> {
    let status = query.status("value")?.unwrap_or_default();
    Ok(respond::found(registry.clear_status(key, status, query.dirty()?, origin)))
}

fn wrong_method(route: &Route) -> Answer {
    respond::not_allowed(match route {
        Route::Apps | Route::Delta | Route::Anywhere(_) => "GET",
        Route::Vip(_) | Route::SecureVip(_) | Route::Status => "GET",
        Route::App(_) => "GET, POST",
        Route::Instance(_) => "GET, PUT, DELETE",
        Route::InstanceStatus(_) => "PUT, DELETE",
        Route::Metadata(_) | Route::Group => "PUT",
        Route::Batch => "POST",
    })
}

/// Whether a peer says so, and it need not be told on.
fn origin(headers: &HeaderMap) -> Origin {
    let replicated = headers.get("x-netflix-discovery-replication");
    if replicated.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true")) {
        Origin::Peer
    } else {
        Origin::Client
    }
}
