//! Requests for documents.

use http::{HeaderMap, StatusCode, header::ACCEPT};
use orlop_discovery_client::eureka::wire::InstanceInfo;
use serde::Serialize;

use super::{
    respond::{self, Answer},
    route::Route,
    service::wrong_method,
};
use crate::shared::Shared;

pub(super) fn read(registry: &Shared, headers: &HeaderMap, route: Route) -> Answer {
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
