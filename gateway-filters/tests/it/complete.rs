//! `on_complete` runs exactly once, however a request ends.

use std::{convert::Infallible, future::pending};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Channel};
use orlop_gateway_filters::{Body, Category, Endpoints, Filters, Gateway, core::BoxError};
use tower::{Service, service_fn};

use crate::support::{Act, Log, Probe, behind, data, get, says, send, streams, text};

fn probed(log: &Log, endpoints: Endpoints) -> Gateway {
    behind(Probe::new("probe", Category::Http, 0, log), endpoints)
}

#[tokio::test]
async fn at_the_end_of_the_body_and_not_before() {
    let log = Log::default();
    let gateway = probed(&log, streams(|| vec![data("a"), data("b")]));
    let res = send(&gateway, get("/")).await;
    let mut body = res.into_body();
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap();
    assert!(log.ends().is_empty(), "a stream may go on");
    assert!(body.frame().await.is_none());
    assert_eq!(log.ends(), ["end probe Complete 200"]);
    assert!(body.frame().await.is_none());
    drop(body);
    assert!(log.ends().is_empty(), "once");
}

#[tokio::test]
async fn with_the_last_frame_of_a_body_that_knows_its_end() {
    let log = Log::default();
    let gateway = probed(&log, Endpoints::new().fallback(says("all there is")));
    let mut body = send(&gateway, get("/")).await.into_body();
    assert!(log.ends().is_empty());
    body.frame().await.unwrap().unwrap();
    assert_eq!(log.ends(), ["end probe Complete 200"], "servers do not poll again");
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn with_the_trailers() {
    let log = Log::default();
    let trailers = || {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        vec![data("a"), Some(Ok(Frame::trailers(trailers)))]
    };
    let gateway = probed(&log, streams(trailers));
    let mut body = send(&gateway, get("/")).await.into_body();
    body.frame().await.unwrap().unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap()["grpc-status"], "0");
    assert_eq!(log.ends(), ["end probe Complete 200"]);
}

#[tokio::test]
async fn with_the_head_if_there_is_no_body() {
    let log = Log::default();
    let gateway = probed(&log, Endpoints::new().fallback(says("")));
    let res = send(&gateway, get("/")).await;
    assert_eq!(log.ends(), ["end probe Complete 200"]);
    drop(res);
    assert!(log.ends().is_empty());

    let gateway = probed(&log, Endpoints::new().fallback(says("not for head")));
    let mut head = get("/");
    *head.method_mut() = Method::HEAD;
    drop(send(&gateway, head).await);
    assert_eq!(log.ends(), ["end probe Complete 200"], "servers drop it unread");
}

#[tokio::test]
async fn when_the_caller_leaves_before_the_head() {
    let log = Log::default();
    let never = service_fn(|_| pending::<Result<Response<Body>, Infallible>>());
    let at_endpoint = probed(&log, Endpoints::new().fallback(never));
    let inbound = behind(
        Probe::new("probe", Category::Http, 0, &log).inbound(Act::Hang),
        Endpoints::new().fallback(says("")),
    );
    let outbound = behind(
        Probe::new("probe", Category::Http, 0, &log).outbound(Act::Hang),
        Endpoints::new().fallback(says("")),
    );
    for gateway in [at_endpoint, inbound, outbound] {
        let mut call = tokio_test::task::spawn(gateway.clone().call(get("/")));
        assert!(call.poll().is_pending());
        assert!(log.ends().is_empty());
        drop(call);
        assert_eq!(log.ends(), ["end probe DroppedBeforeHead 0"]);
    }
}

#[tokio::test]
async fn never_for_a_call_that_was_not_polled() {
    let log = Log::default();
    let gateway = probed(&log, Endpoints::new().fallback(says("")));
    drop(gateway.clone().call(get("/")));
    assert!(log.take().is_empty(), "its inbound turn never came");
}

#[tokio::test]
async fn when_the_caller_leaves_midway_through_a_body_that_never_ends() {
    let log = Log::default();
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(4);
    let body = std::sync::Mutex::new(Some(body));
    let body = std::sync::Arc::new(body);
    let endpoint = service_fn(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let gateway = probed(&log, Endpoints::new().fallback(endpoint));
    let mut body = send(&gateway, get("/")).await.into_body();
    for text in ["one", "two", "three"] {
        assert!(tokio_test::task::spawn(body.frame()).poll().is_pending(), "nothing is made up");
        sender.send_data(Bytes::from_static(text.as_bytes())).await.unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text, "frame by frame, as they come");
    }
    assert!(log.ends().is_empty());
    drop(body);
    assert_eq!(log.ends(), ["end probe DroppedInBody 200"]);
    let gone = sender.send_data(Bytes::from_static(b"four")).await;
    assert!(gone.is_err(), "the endpoint learns that the caller has left");
}

#[tokio::test]
async fn when_the_body_fails_or_panics() {
    let log = Log::default();
    let failing = || vec![data("a"), Some(Err("reset".into()))];
    for gateway in [probed(&log, streams(failing)), probed(&log, streams(|| vec![data("a"), None]))]
    {
        let mut body = send(&gateway, get("/")).await.into_body();
        body.frame().await.unwrap().unwrap();
        body.frame().await.unwrap().unwrap_err();
        assert_eq!(log.ends(), ["end probe BodyFailed 200"]);
        assert!(body.frame().await.is_none());
        drop(body);
        assert!(log.ends().is_empty());
    }
}

#[tokio::test]
async fn when_the_endpoint_fails_or_panics() {
    let log = Log::default();
    let failing = service_fn(|_| async { Err::<Response<Body>, BoxError>("refused".into()) });
    let res = send(&probed(&log, Endpoints::new().fallback(failing)), get("/")).await;
    assert_eq!(res.status(), StatusCode::BAD_GATEWAY);
    text(res).await;
    assert_eq!(log.ends(), ["end probe Complete 502"]);

    let in_call = service_fn(|_| -> std::future::Ready<Result<Response<Body>, Infallible>> {
        panic!("told to, in call")
    });
    let in_poll = service_fn(|_| async {
        tokio::task::yield_now().await;
        if true {
            panic!("told to, in poll");
        }
        Ok::<_, Infallible>(Response::new(Body::Empty))
    });
    for endpoints in [Endpoints::new().fallback(in_call), Endpoints::new().fallback(in_poll)] {
        let res = send(&probed(&log, endpoints), get("/")).await;
        assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(text(res).await, "internal error", "the panic's text stays inside");
        assert_eq!(log.ends(), ["end probe Complete 500"]);
    }
}

#[tokio::test]
async fn when_a_filter_answers() {
    let log = Log::default();
    let answering =
        Probe::new("probe", Category::Http, 0, &log).inbound(Act::Respond(StatusCode::FORBIDDEN));
    let res = send(&behind(answering, Endpoints::new()), get("/")).await;
    assert!(log.ends().is_empty());
    text(res).await;
    assert_eq!(log.ends(), ["end probe Complete 403"]);
}

#[tokio::test]
async fn for_the_others_too_when_one_panics_in_it() {
    let log = Log::default();
    let mut bad = Probe::new("bad", Category::Http, 0, &log);
    bad.panics_at_end = true;
    let good = Probe::new("good", Category::Http, 1, &log);
    let filters = Filters::builder().filter(bad).filter(good).build().unwrap();
    let gateway = Gateway::new(filters, Endpoints::new().fallback(says("x"))).unwrap();
    text(send(&gateway, get("/")).await).await;
    assert_eq!(log.ends(), ["end bad Complete 200", "end good Complete 200"]);
    let res = send(&gateway, get("/")).await;
    drop(res);
    assert_eq!(log.ends(), ["end bad DroppedInBody 200", "end good DroppedInBody 200"]);
    assert_eq!(gateway.filters().status()[0].failures, 2);
}
