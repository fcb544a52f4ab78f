//! Requests that change something by their path and query alone.

use http::{Method, StatusCode, request::Parts};

use super::{
    query::Query,
    respond::{self, Answer},
    route::Route,
    service::wrong_method,
};
use crate::{
    shared::Shared,
    store::{Beat, Beaten, Key, Origin},
};

/// Heartbeats, departures, statuses, metadata.
pub(super) fn change(registry: &Shared, head: &Parts, route: Route, origin: Origin) -> Answer {
    let query = Query::of(head.uri.query());
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
