//! HTTP and gRPC: a call is over when its body is, and a status is worth what it says.
#![cfg(feature = "grpc")]

mod support;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Channel, Full, channel::Sender};
use orlop_lb::{
    Balance, Settings,
    core::{Attempt, BoxError, CallContext, Endpoint},
    fixed,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{endpoint, settle};
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};

type Bodies = Arc<Mutex<Vec<Sender<Bytes, BoxError>>>>;
type Streaming = BoxCloneSyncService<Request<()>, Response<Channel<Bytes, BoxError>>, BoxError>;

/// Endpoints that answer at once with a body that the test feeds.
fn streaming(bodies: &Bodies) -> impl Fn(&Endpoint) -> Result<Streaming, BoxError> + use<> {
    let bodies = Arc::clone(bodies);
    move |_| {
        let bodies = Arc::clone(&bodies);
        Ok(BoxCloneSyncService::new(service_fn(move |_: Request<()>| {
            let (tx, body) = Channel::new(4);
            bodies.lock().unwrap().push(tx);
            async move { Ok::<_, BoxError>(Response::new(body)) }
        })))
    }
}

/// Endpoints that answer with this head and an empty body.
fn answering(
    status: StatusCode,
    headers: &'static [(&'static str, &'static str)],
) -> impl Fn(&Endpoint) -> Result<Answering, BoxError> {
    move |_| {
        Ok(BoxCloneSyncService::new(service_fn(move |_: Request<()>| {
            let mut res = Response::builder().status(status);
            for (name, value) in headers {
                res = res.header(*name, *value);
            }
            let res = res.body(Full::new(Bytes::new())).unwrap();
            async move { Ok::<_, BoxError>(res) }
        })))
    }
}
type Answering = BoxCloneSyncService<Request<()>, Response<Full<Bytes>>, BoxError>;

#[tokio::test(start_paused = true)]
async fn a_call_is_in_flight_until_its_body_ends() {
    let bodies = Bodies::default();
    let balance = Balance::http(fixed([endpoint("a")]), streaming(&bodies)).build();
    settle().await;
    let in_flight = || balance.snapshot().endpoints[0].in_flight;
    let mut body = balance.clone().oneshot(Request::new(())).await.unwrap().into_body();
    assert_eq!(in_flight(), 1, "the head has come, the body has not");
    let mut tx = bodies.lock().unwrap().pop().unwrap();
    tx.send_data(Bytes::from_static(b"part")).await.unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(in_flight(), 1, "there may be more");
    drop(tx);
    assert!(body.frame().await.is_none());
    assert_eq!(in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn in_flight_returns_to_zero_when_the_body_is_dropped() {
    let bodies = Bodies::default();
    let balance = Balance::http(fixed([endpoint("a")]), streaming(&bodies)).build();
    let response = balance.clone().oneshot(Request::new(())).await.unwrap();
    assert_eq!(balance.snapshot().endpoints[0].in_flight, 1);
    drop(response);
    assert_eq!(balance.snapshot().endpoints[0].in_flight, 0);
    let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
    assert!(estimate < Duration::from_secs(1), "nobody wanted the rest: no failure ({estimate:?})");
}

#[tokio::test(start_paused = true)]
async fn latency_ends_at_the_head() {
    let bodies = Bodies::default();
    let balance = Balance::http(fixed([endpoint("a")]), streaming(&bodies)).build();
    let body = balance.clone().oneshot(Request::new(())).await.unwrap().into_body();
    tokio::time::advance(Duration::from_secs(600)).await;
    bodies.lock().unwrap().clear();
    body.collect().await.unwrap();
    let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
    assert!(estimate < Duration::from_secs(1), "a long download is no slow answer: {estimate:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_costs_the_penalty() {
    let bodies = Bodies::default();
    let balance = Balance::http(fixed([endpoint("a")]), streaming(&bodies)).build();
    let body = balance.clone().oneshot(Request::new(())).await.unwrap().into_body();
    bodies.lock().unwrap().pop().unwrap().abort("reset".into());
    assert!(body.collect().await.is_err());
    let endpoint = balance.snapshot().endpoints.remove(0);
    assert_eq!(endpoint.in_flight, 0);
    assert!(endpoint.estimate.unwrap() > Duration::from_secs(4), "{endpoint:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_costs_the_penalty_or_what_the_peer_asks_for() {
    let cases: [(StatusCode, &'static [_], u64); 5] = [
        (StatusCode::INTERNAL_SERVER_ERROR, &[], 5),
        (StatusCode::SERVICE_UNAVAILABLE, &[("retry-after", "20")], 20),
        (StatusCode::TOO_MANY_REQUESTS, &[("retry-after", "1")], 5),
        (StatusCode::TOO_MANY_REQUESTS, &[("retry-after", "86400")], 60),
        (StatusCode::NOT_FOUND, &[], 0),
    ];
    for (status, headers, secs) in cases {
        let balance = Balance::http(fixed([endpoint("a")]), answering(status, headers))
            .settings(Settings::new().max_retry_after(Duration::from_secs(60)))
            .build();
        balance.clone().oneshot(Request::new(())).await.unwrap();
        let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
        let off = estimate.abs_diff(Duration::from_secs(secs));
        assert!(off < Duration::from_millis(5), "{status} {headers:?} counts as {estimate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_grpc_status_in_trailers_counts() {
    let bodies = Bodies::default();
    let balance = Balance::grpc(fixed([endpoint("a")]), streaming(&bodies)).build();
    for (status, failed) in [("0", false), ("14", true)] {
        let body = balance.clone().oneshot(Request::new(())).await.unwrap().into_body();
        let mut tx = bodies.lock().unwrap().pop().unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        tx.send(Frame::trailers(trailers)).await.unwrap();
        drop(tx);
        body.collect().await.unwrap();
        let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
        assert_eq!(estimate > Duration::from_secs(4), failed, "status {status}: {estimate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_context_is_found_in_the_extensions() {
    let list = ["a", "b"].map(endpoint);
    let mut balance = Balance::http(fixed(list), answering(StatusCode::OK, &[])).build();
    settle().await;
    let attempt = Attempt::recorded();
    for attempt in [attempt.clone(), attempt.following()] {
        let mut req = Request::new(());
        req.extensions_mut().insert(CallContext::new().with_attempt(attempt));
        let res = balance.call(req).await.unwrap();
        assert!(res.body().is_end_stream());
    }
    let mut went = attempt.picks().unwrap().endpoints();
    went.sort_by(|a, b| a.id().cmp(b.id()));
    assert_eq!(went, ["a", "b"].map(endpoint), "the second attempt went elsewhere");
}
