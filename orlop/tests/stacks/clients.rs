//! Guards around the clients that people have: hyper's, reqwest's, and boxed services.

use crate::support::{get, kind, serve, text};
use axum::{Router, extract::Path, routing};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{client::legacy, rt::TokioExecutor};
use orlop::{
    Body, BoxError, Endpoint,
    breaker::{BreakerLayer, Circuit, Settings, State},
    bulkhead::{BulkheadLayer, Limit},
    core::Kind,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tower::{Layer, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

/// Answers with the status that the path names, and a text.
async fn server() -> SocketAddr {
    let answer =
        async |Path(status): Path<u16>| (StatusCode::from_u16(status).expect("a status"), "text");
    serve(Router::new().route("/{status}", routing::get(answer))).await
}

#[tokio::test]
async fn a_hyper_client_behind_a_circuit_and_a_limit() {
    let addr = server().await;
    let (circuit, limit) = (Circuit::new(Settings::default()), Limit::new(1));
    let client = ServiceBuilder::new()
        .layer(BreakerLayer::http(circuit.clone()))
        .layer(BulkheadLayer::http(limit.clone()))
        .service(legacy::Client::builder(TokioExecutor::new()).build_http::<Body>());
    let send = |status: u16| client.clone().oneshot(get(&format!("http://{addr}/{status}")));

    let res = send(200).await.unwrap();
    assert_eq!(limit.in_flight(), 1, "until the body is read");
    assert_eq!(kind(&send(200).await.unwrap_err()), Some(Kind::Limit));
    assert_eq!(text(res).await, "text");
    assert_eq!(limit.in_flight(), 0);

    for _ in 0..5 {
        assert_eq!(circuit.state(), State::Closed);
        assert_eq!(send(503).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(circuit.state(), State::Open);
    assert_eq!(kind(&send(200).await.unwrap_err()), Some(Kind::Circuit));
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn a_failed_connect_counts_against_the_circuit() {
    let nobody = crate::support::nobody();
    let addr = nobody.addr;
    let circuit = Circuit::new(Settings::default());
    let client = BreakerLayer::http(circuit.clone())
        .layer(legacy::Client::builder(TokioExecutor::new()).build_http::<Body>());
    for _ in 0..5 {
        client.clone().oneshot(get(&format!("http://{addr}/200"))).await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test]
async fn a_reqwest_client_behind_a_circuit_and_a_limit() {
    let addr = server().await;
    let (circuit, limit) = (Circuit::new(Settings::default()), Limit::new(1));
    // reqwest has request and response types of its own: two conversions, and it is an HTTP service like any other.
    // Circuit and limit as one gate: one layer, one permit.
    let client = ServiceBuilder::new()
        .layer(BreakerLayer::http((circuit.clone(), limit.clone())))
        .map_request(|req: Request<reqwest::Body>| {
            reqwest::Request::try_from(req).expect("the URI of the test is a URL")
        })
        .map_response(Response::<reqwest::Body>::from)
        .service(reqwest::Client::new());
    let send = |status: u16| {
        let req = Request::get(format!("http://{addr}/{status}"));
        client.clone().oneshot(req.body(reqwest::Body::default()).unwrap())
    };

    let res = send(200).await.unwrap();
    assert_eq!(limit.in_flight(), 1, "until the body is read");
    assert_eq!(kind(&send(200).await.unwrap_err()), Some(Kind::Limit));
    assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), "text");
    assert_eq!(limit.in_flight(), 0);

    for _ in 0..5 {
        drop(send(500).await.unwrap());
    }
    assert_eq!(circuit.state(), State::Open);
    assert_eq!(kind(&send(200).await.unwrap_err()), Some(Kind::Circuit));
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn the_standard_client_connects_through_reqwest() {
    use orlop::{Endpoint, connect, discovery};
    let nobody = crate::support::nobody();
    let client = orlop::client("titles")
        .discover(discovery::fixed([
            Endpoint::new("alive", server().await),
            Endpoint::new("dead", nobody.addr),
        ]))
        .connect(connect::reqwest(reqwest::Client::builder(), "http").unwrap())
        .seeded(1)
        .build()
        .unwrap();
    for _ in 0..10 {
        let post = crate::support::post("/200", "body");
        let res = client.send(post).await.unwrap();
        assert_eq!(res.status(), StatusCode::METHOD_NOT_ALLOWED, "the server's own answer");
    }
    let retries = client.snapshot().retries;
    assert!(retries.unsent > 0, "the dead endpoint was never picked: {retries:?}");
    assert_eq!(retries.paid, 0);
}

#[tokio::test]
async fn a_guarded_service_can_be_boxed_cloned_and_shared() {
    let addr = server().await;
    let (circuit, limit) = (Circuit::new(Settings::default()), Limit::new(1));
    let guarded = ServiceBuilder::new()
        .layer(BreakerLayer::http(circuit.clone()))
        .layer(BulkheadLayer::http(limit.clone()))
        .service(legacy::Client::builder(TokioExecutor::new()).build_http::<Body>())
        .map_response(|res| res.map(Body::new));
    let boxed: BoxCloneSyncService<Request<Body>, Response<Body>, BoxError> =
        BoxCloneSyncService::new(guarded);
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    shared(&boxed);

    // Clones on two tasks share the limit of one.
    let (one, other) = (boxed.clone(), boxed);
    let uri = format!("http://{addr}/200");
    let held = one.oneshot(get(&uri)).await.unwrap();
    let refused = tokio::spawn(other.clone().oneshot(get(&uri))).await.unwrap();
    assert_eq!(kind(&refused.unwrap_err()), Some(Kind::Limit));
    assert_eq!(text(held).await, "text");
    let res = tokio::spawn(other.oneshot(get(&uri))).await.unwrap().unwrap();
    assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), Bytes::from("text"));
    assert_eq!(limit.in_flight(), 0);
}

/// A server that acts on a POST and then redirects to where nobody listens: a failed connect there would be the second
/// request's, and prove nothing of the first. So the redirect is the answer.
#[tokio::test]
async fn a_post_that_acted_is_not_sent_again_for_a_redirect() {
    let nobody = crate::support::nobody();
    let (acted, to) = (Arc::new(AtomicUsize::new(0)), format!("http://{}/", nobody.addr));
    let counted = acted.clone();
    let act = move || async move {
        counted.fetch_add(1, SeqCst);
        (StatusCode::SEE_OTHER, [(http::header::LOCATION, to)])
    };
    let addr = serve(Router::new().route("/act", routing::post(act))).await;
    let client = orlop::client("acts")
        .discover(orlop::discovery::fixed(vec![Endpoint::new("only", addr)]))
        .connect(orlop::connect::reqwest(reqwest::Client::builder(), "http").unwrap())
        .build()
        .unwrap();
    let res = client.send(crate::support::post("/act", "once")).await.unwrap();
    assert_eq!(res.status(), StatusCode::SEE_OTHER);
    assert_eq!(acted.load(SeqCst), 1);
}
