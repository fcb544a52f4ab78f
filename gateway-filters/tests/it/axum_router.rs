//! One filter as a layer of an axum router, shared by its routes.

use std::{num::NonZeroU32, time::Duration};

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use orlop_gateway_filters::{FilterLayer, Normalize, Rate, RateLimit};
use tower::ServiceExt;

#[tokio::test]
async fn routes_share_the_filter() {
    let rate = Rate::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(3_600));
    let app = Router::new()
        .route("/a", get(|| async { "a" }))
        .route("/b", get(|| async { "b" }))
        .layer(FilterLayer::new(RateLimit::all(rate)))
        .layer(FilterLayer::new(Normalize::new()));
    let mut statuses = Vec::new();
    for path in ["/a", "/b", "/a", "/a/%2e%2e/b"] {
        let req = Request::get(path).header("host", "a").body(axum::body::Body::empty()).unwrap();
        statuses.push(app.clone().oneshot(req).await.unwrap().status());
    }
    let ok = StatusCode::OK;
    assert_eq!(statuses, [ok, ok, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_REQUEST]);
}
