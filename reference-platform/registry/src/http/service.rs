//! From a request to an answer.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use http_body::Body;
use http_body_util::Full;
use orlop_discovery_client::eureka::wire::{InstanceInfo, ReplicationList};
use tower_service::Service;

use super::{
    batch, body, change, read,
    respond::{self, Answer},
    route::{Route, route},
};
use crate::{registry::Registry, shared::Shared, store::Origin};

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
        (&Method::GET, _) => read::read(registry, &head.headers, route),
        _ => change::change(registry, &head, route, origin(&head.headers)),
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

pub(super) fn wrong_method(route: &Route) -> Answer {
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
