//! Slots and bodies.
#![cfg(feature = "grpc")]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use orlop_bulkhead::{
    BulkheadLayer, Limit, Line, QueueLayer, Settings,
    core::{Kind, Rejected, http::unavailable},
};
use std::{convert::Infallible, num::NonZeroU32};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, ServiceExt, service_fn};

async fn answer(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("bytes")))
}

async fn nothing(_: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
    Ok(Response::new(Empty::new()))
}

fn one() -> Settings {
    Settings::default().with_limit(NonZeroU32::MIN)
}

#[tokio::test]
async fn a_slot_is_kept_to_the_end_of_the_body() {
    let limit = Limit::new(2);
    let service = BulkheadLayer::http(limit.clone()).layer(service_fn(answer));
    let read = service.clone().oneshot(Request::new(())).await.unwrap();
    let dropped = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(limit.in_flight(), 2);
    read.into_body().collect().await.unwrap();
    assert_eq!(limit.in_flight(), 1);
    drop(dropped);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn an_empty_body_keeps_no_slot_and_until_head_none_at_all() {
    let limit = Limit::new(2);
    let empty = BulkheadLayer::http(limit.clone()).layer(service_fn(nothing));
    let head = BulkheadLayer::grpc(limit.clone()).until_head().layer(service_fn(answer));
    let kept = (empty.oneshot(Request::new(())).await, head.oneshot(Request::new(())).await);
    assert_eq!(limit.in_flight(), 0);
    drop(kept);
}

#[tokio::test]
async fn a_refusal_can_be_a_response_and_leaves_the_error_type_alone() {
    let layer = BulkheadLayer::http(Limit::new(0)).respond(unavailable::<Full<Bytes>>);
    let refused: Result<_, Infallible> =
        layer.layer(service_fn(answer)).oneshot(Request::new(())).await;
    assert_eq!(refused.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

    let layer = QueueLayer::http(Line::before(Limit::new(0), one().with_max_waiting(0)));
    let refused: Result<_, Infallible> = layer
        .respond(unavailable::<Full<Bytes>>)
        .layer(service_fn(answer))
        .oneshot(Request::new(()))
        .await;
    let refused = refused.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let mark = refused.extensions().get::<Rejected>().expect("the mark for guards further out");
    assert_eq!(mark.kind(), Kind::Queue);
}

#[tokio::test(start_paused = true)]
async fn a_queued_call_waits_for_the_end_of_the_body_before_it() {
    let line = Line::new(one());
    let service = QueueLayer::grpc(line.clone()).layer(service_fn(answer));
    let first = service.clone().oneshot(Request::new(())).await.unwrap();
    let mut second = task::spawn(service.oneshot(Request::new(())));
    assert_pending!(second.poll());
    assert_eq!((line.limit().in_flight(), line.waiting()), (1, 1));
    drop(first);
    assert!(second.is_woken());
    drop(assert_ready_ok!(second.poll()));
    assert_eq!((line.limit().in_flight(), line.waiting()), (0, 0));
}
