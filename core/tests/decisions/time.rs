//! Time; settings; trust.

use http::{HeaderMap, HeaderValue, Response};
use orlop_core::{
    Class, Classify, Now, Outcome, Ratio,
    grpc::GrpcStatus,
    http::{Deadline, HttpStatus},
};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn pausing_the_runtime_is_the_virtual_clock() {
    let begun = Now::lazy().get();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(Now::lazy().get() - begun, Duration::from_secs(3_600));
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_read_at_most_once_per_event() {
    let now = Now::lazy();
    let first = now.get();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(now.get(), first, "one event, one time");
    let at = Instant::now() + Duration::from_secs(5);
    assert_eq!(Now::at(at).get(), at);
}

#[test]
fn clocks_never_go_back_they_saturate() {
    let now = Instant::now();
    let mut headers = HeaderMap::new();
    Deadline::write(&mut headers, now, now + Duration::from_secs(1));
    assert_eq!(
        headers[Deadline::HEADER],
        "0",
        "a deadline that has passed leaves no time, not a negative one"
    );
}

#[test]
fn settings_are_checked_where_they_are_made_and_name_the_value_and_what_is_allowed() {
    let error = Ratio::new(1.5).unwrap_err().to_string();
    assert_eq!(error, "a ratio must be within 0..=1, got 1.5");
    let error = orlop_core::http::BodyTime::new().idle(Duration::ZERO).unwrap_err().to_string();
    assert_eq!(error, "idle must be within 1ms..=1d, got 0ns");
}

#[test]
fn what_a_peer_sends_is_clamped_by_settings() {
    let at_most = Duration::from_secs(2);
    let mut res = Response::builder().status(503).body(()).unwrap();
    res.headers_mut().insert("retry-after", HeaderValue::from_static("86400"));
    let head = Classify::<()>::begin(&HttpStatus::new().max_retry_after(at_most), &()).head(&res);
    assert_eq!(head.known().unwrap().retry_after(), Some(at_most), "Retry-After");

    let mut res = Response::new(());
    res.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
    res.headers_mut().insert("grpc-retry-pushback-ms", HeaderValue::from_static("86400000"));
    let head = Classify::<()>::begin(&GrpcStatus::new().max_pushback(at_most), &()).head(&res);
    assert_eq!(head.known().unwrap().retry_after(), Some(at_most), "pushback");
    assert_eq!(head.known().unwrap().class(), Class::Failure);

    let now = Instant::now();
    let mut headers = HeaderMap::new();
    headers.insert(Deadline::HEADER, HeaderValue::from_static("86400000"));
    let read = Deadline::read(&headers, at_most, now).unwrap();
    assert_eq!(read, Some(now + at_most), "deadlines");
}
