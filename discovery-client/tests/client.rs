//! The client, against registries that refuse, hang and answer.
#![cfg(feature = "eureka")]

mod common;

use std::time::Duration;

use common::{Mode, Registries, playback};
use http::{HeaderValue, header::AUTHORIZATION};
use orlop_discovery_client::eureka::{
    Beat, Client, ErrorKind,
    wire::{InstanceInfo, InstanceStatus},
};
use tokio::time::{Instant, advance};

#[tokio::test(start_paused = true)]
async fn each_request_is_what_the_protocol_says() {
    let registries = Registries::default();
    let client = registries.client(&["r1"]);
    client.register(&playback("host:p:1", 9110)).await.unwrap();
    let body = registries.state().seen[0].body.clone();
    assert_eq!(InstanceInfo::from_json(&body).unwrap(), playback("host:p:1", 9110));
    client.heartbeat("PLAYBACK", "host:p:1", InstanceStatus::Up, 7).await.unwrap();
    client.override_status("PLAYBACK", "a/b", InstanceStatus::OutOfService).await.unwrap();
    client.clear_override("PLAYBACK", "a/b", InstanceStatus::Up).await.unwrap();
    client.deregister("PLAYBACK", "host:p:1").await.unwrap();
    client.fetch_all().await.unwrap();
    assert_eq!(
        registries.asked(),
        [
            "r1 POST /apps/PLAYBACK",
            "r1 PUT /apps/PLAYBACK/host%3Ap%3A1?status=UP&lastDirtyTimestamp=7",
            "r1 PUT /apps/PLAYBACK/a%2Fb/status?value=OUT_OF_SERVICE",
            "r1 DELETE /apps/PLAYBACK/a%2Fb/status?value=UP",
            "r1 DELETE /apps/PLAYBACK/host%3Ap%3A1",
            "r1 GET /apps/",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn registries_are_tried_in_turn_and_those_that_failed_last() {
    let registries = Registries::default();
    let client = registries.client(&["r1", "r2", "r3"]);
    registries.set("r1", Mode::Hang);
    registries.set("r2", Mode::Refuse);
    let start = Instant::now();
    client.fetch_all().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1), "the time-out of the one that hangs");
    assert_eq!(registries.asked(), ["r1 GET /apps/", "r2 GET /apps/", "r3 GET /apps/"]);
    // A clone knows as well.
    client.clone().fetch_all().await.unwrap();
    assert_eq!(registries.asked(), ["r3 GET /apps/"]);
    advance(Duration::from_secs(31)).await;
    registries.set("r1", Mode::Serve);
    client.fetch_all().await.unwrap();
    assert_eq!(registries.asked(), ["r1 GET /apps/"], "the first is preferred again");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_ready_is_passed_over_but_not_avoided() {
    let registries = Registries::default();
    let client = registries.client(&["r1", "r2"]);
    registries.set("r1", Mode::Answer(403));
    client.fetch_all().await.unwrap();
    registries.set("r1", Mode::Serve);
    client.register(&playback("p1", 1)).await.unwrap();
    let asked = registries.asked();
    assert_eq!(asked, ["r1 GET /apps/", "r2 GET /apps/", "r1 POST /apps/PLAYBACK"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_also_if_it_is_no() {
    let registries = Registries::default();
    let client = registries.client(&["r1", "r2"]);
    registries.set("r1", Mode::Answer(404));
    let beat = client.heartbeat("A", "i", InstanceStatus::Up, 1).await.unwrap();
    assert_eq!(beat, Beat::Unknown);
    client.deregister("A", "i").await.unwrap();
    assert!(client.fetch_app("A").await.unwrap().is_none());
    registries.set("r1", Mode::Answer(400));
    let error = client.register(&playback("p1", 1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "registration of PLAYBACK/p1 at http://r1/eureka/v2: answered 400 Bad Request: no"
    );
    assert!(registries.asked().iter().all(|asked| asked.starts_with("r1")));
}

#[tokio::test(start_paused = true)]
async fn the_error_says_what_where_and_why() {
    let registries = Registries::default();
    let client = registries.client(&["r1", "r2"]);
    registries.set("r1", Mode::Answer(503));
    registries.set("r2", Mode::Hang);
    let error = client.fetch_delta().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "delta fetch at http://r2/eureka/v2: no answer within 1s (2 registries tried)"
    );
    assert_eq!((error.tried(), error.status()), (2, None));
    registries.set("r2", Mode::Refuse);
    let error = client.fetch_delta().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "the cause is kept");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_or_no_document_is_an_error() {
    let registries = Registries::default();
    registries.state().full = vec![playback("p1", 1)];
    let client = registries.client(&["r1"]);
    let error = client.clone().max_body(100).fetch_all().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge(100)), "{error}");
    registries.set("r1", Mode::Answer(200));
    let error = client.fetch_all().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn headers_are_sent() {
    let service = tower::service_fn(
        |request: http::Request<http_body_util::Full<bytes::Bytes>>| async move {
            let headers = request.headers();
            let fine = headers[AUTHORIZATION] == "Basic dXNlcjp1c2Vy"
                && headers["host"] == "r1:8761"
                && headers["accept"] == "application/json";
            let status = if fine { 200 } else { 400 };
            let body = r#"{"applications": {}}"#.to_owned();
            Ok::<_, std::convert::Infallible>(
                http::Response::builder().status(status).body(body).unwrap(),
            )
        },
    );
    let client = Client::new(service, ["http://r1:8761/eureka"])
        .unwrap()
        .header(AUTHORIZATION, HeaderValue::from_static("Basic dXNlcjp1c2Vy"));
    client.fetch_all().await.unwrap();
}

#[test]
fn an_address_that_cannot_be_used_says_why() {
    let registries = Registries::default();
    let bad = |url: &str| Client::new(registries.clone(), [url]).unwrap_err().to_string();
    assert_eq!(
        bad("127.0.0.1:8761"),
        r#""127.0.0.1:8761" cannot be a registry's address: it has no scheme such as http://"#
    );
    assert!(bad("http://user:secret@h/").ends_with("set an Authorization header instead"));
    assert!(bad("http://h/?a=b").ends_with("it has a query"));
    assert!(bad("http://h h/").ends_with("it is not a URL"));
    let none: [&str; 0] = [];
    let error = Client::new(registries.clone(), none).unwrap_err();
    assert_eq!(error.to_string(), "at least one registry is needed");
    let client = registries.client(&["r1"]);
    assert_eq!(client.registries().collect::<Vec<_>>(), ["http://r1/eureka/v2"]);
}
