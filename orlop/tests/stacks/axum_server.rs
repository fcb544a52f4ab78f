//! An axum router behind guards that answer refusals: its error stays `Infallible`.

use crate::support::{get, serve, until};
use axum::{Router, routing};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::{client::legacy, rt::TokioExecutor};
use orlop::{
    Body, BoxError, Rejected,
    breaker::{BreakerLayer, Circuit, Settings, State},
    bulkhead::{BulkheadLayer, Limit},
    core::{Kind, http::unavailable},
};
use std::convert::Infallible;
use tower::{Layer, Service, ServiceExt};

/// A body that begins and does not end.
fn endless() -> axum::body::Body {
    let first = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from("first")))]);
    axum::body::Body::new(StreamBody::new(first.chain(stream::pending())))
}

fn app(limit: &Limit, circuit: &Circuit) -> Router {
    Router::new()
        .route("/stream", routing::get(async || Response::new(endless())))
        .route("/fast", routing::get(async || "fast"))
        .route("/broken", routing::get(async || StatusCode::INTERNAL_SERVER_ERROR))
        // One stack, two guards that answer: the circuit is further out.
        .layer(BulkheadLayer::http(limit.clone()).respond(unavailable))
        .layer(BreakerLayer::http(circuit.clone()).respond(unavailable))
}

async fn call(app: &Router, path: &str) -> Response<axum::body::Body> {
    // The type is the proof: a router's error is `Infallible`.
    let result: Result<_, Infallible> = app.clone().oneshot(get(path)).await;
    result.unwrap()
}

#[tokio::test(start_paused = true)]
async fn several_routes_share_one_limit_and_refuse_with_a_response() {
    let (limit, circuit) = (Limit::new(1).named("api"), Circuit::new(Settings::default()));
    let app = app(&limit, &circuit);
    let streaming = call(&app, "/stream").await;
    assert_eq!((streaming.status(), limit.in_flight()), (StatusCode::OK, 1));

    for _ in 0..20 {
        let refused = call(&app, "/fast").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "another route, same limit");
        let rejected = refused.extensions().get::<Rejected>().expect("marked as ours");
        assert_eq!((rejected.kind(), rejected.name()), (Kind::Limit, Some("api")));
        assert!(refused.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(circuit.snapshot().consecutive_failures(), 0, "the inner refusal says nothing");

    drop(streaming);
    assert_eq!(limit.in_flight(), 0);
    let fast = call(&app, "/fast").await;
    assert_eq!(fast.into_body().collect().await.unwrap().to_bytes(), "fast");
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_outer_circuit_opens_on_the_servers_own_failures_and_says_when_to_come_back() {
    let (limit, circuit) = (Limit::new(1), Circuit::new(Settings::default()).named("api"));
    let app = app(&limit, &circuit);
    for _ in 0..5 {
        let broken = call(&app, "/broken").await;
        assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(limit.in_flight(), 0, "an empty body is over with its head");
    }
    assert_eq!(circuit.state(), State::Open);
    let refused = call(&app, "/fast").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(limit.in_flight(), 0);

    // The first open time is at most a second; then one probe and one more success close it.
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    for _ in 0..2 {
        assert_eq!(call(&app, "/fast").await.status(), StatusCode::OK);
    }
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_body_frees_its_slot() {
    let (limit, circuit) = (Limit::new(1), Circuit::new(Settings::default()));
    let addr = serve(app(&limit, &circuit)).await;
    let client = legacy::Client::builder(TokioExecutor::new()).build_http::<Body>();
    let uri = |path: &str| format!("http://{addr}{path}");

    let mut body = client.request(get(&uri("/stream"))).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().data_ref().unwrap(), "first");
    assert_eq!(limit.in_flight(), 1);
    let refused = client.request(get(&uri("/fast"))).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    drop(body);
    until("the slot of the client that left", || limit.in_flight() == 0).await;
    assert_eq!(client.request(get(&uri("/fast"))).await.unwrap().status(), StatusCode::OK);
    assert_eq!(circuit.snapshot().consecutive_failures(), 0, "a client who leaves is no failure");
}

#[test]
fn a_guarded_router_is_a_service_that_cannot_fail() {
    fn cannot_fail<S: Service<http::Request<axum::body::Body>, Error = Infallible>>(_: S) {}
    let guard = BulkheadLayer::http(Limit::new(1)).respond(unavailable::<axum::body::Body>);
    cannot_fail(guard.layer(Router::new()));
    fn may_fail<S: Service<http::Request<axum::body::Body>, Error = BoxError>>(_: S) {}
    may_fail(BulkheadLayer::http(Limit::new(1)).layer(Router::new()));
}
