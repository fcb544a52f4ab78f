//! Request bodies that are kept for another attempt, response bodies that keep their permits.

use crate::support::{get, in_flight, kind, post, settings, text};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use orlop::{Body, BoxError, CallContext, Client, Endpoint, Settings, core::Kind, discovery};
use std::{
    future::Future,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};
use tower::service_fn;

/// A client over one endpoint that is this function.
fn over<F, A>(settings: Settings, answer: F) -> Client
where
    F: Fn(Request<Body>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>, BoxError>> + Send + 'static,
{
    orlop::client("uploads")
        .settings(settings)
        .discover(discovery::fixed([Endpoint::new("a", ([127, 0, 0, 1], 9))]))
        .connect(move |_: &Endpoint| Ok::<_, BoxError>(service_fn(answer.clone())))
        .build()
        .unwrap()
}

fn chunks(chunks: &'static [&'static str]) -> Body {
    let frames = stream::iter(chunks).map(|chunk| Ok::<_, BoxError>(Frame::data((*chunk).into())));
    Body::new(StreamBody::new(frames))
}

fn harmless(mut req: Request<Body>) -> Request<Body> {
    req.extensions_mut().insert(CallContext::new().idempotent(true));
    req
}

/// Reads each request to its end and fails it. Returns what was read.
fn failing(replay_bytes: usize) -> (Client, Arc<Mutex<Vec<String>>>) {
    let read = Arc::new(Mutex::new(Vec::new()));
    let seen = read.clone();
    let mut settings = settings(None, None);
    settings.replay_bytes = replay_bytes;
    let client = over(settings, move |req| {
        let seen = seen.clone();
        async move {
            let body = req.into_body().collect().await?.to_bytes();
            seen.lock().unwrap().push(String::from_utf8(body.into())?);
            let mut res = Response::new(Body::from("no"));
            *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(res)
        }
    });
    (client, read)
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_is_sent_again_as_it_was() {
    let (client, read) = failing(16);
    let res = client.send(harmless(post("/", chunks(&["12345", "6789", "0"])))).await.unwrap();
    assert_eq!(res.status(), 500);
    assert_eq!(*read.lock().unwrap(), ["1234567890"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_cap_is_sent_whole_and_once() {
    let (client, read) = failing(8);
    let res = client.send(harmless(post("/", chunks(&["12345", "6789", "0"])))).await.unwrap();
    assert_eq!(res.status(), 500, "the answer of the only attempt");
    assert_eq!(text(res).await, "no");
    assert_eq!(*read.lock().unwrap(), ["1234567890"]);

    // One in memory that is as long behaves the same.
    client.send(harmless(post("/", "1234567890"))).await.unwrap();
    assert_eq!(read.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_midway_gives_its_permits_back() {
    let mut settings = settings(None, None);
    settings.limit = Some(NonZeroU32::MIN);
    let client = over(settings, async |_| {
        let first = stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from("first")))]);
        let endless = first.chain(stream::pending());
        Ok(Response::new(Body::new(StreamBody::new(endless))))
    });
    let mut body = client.send(get("/")).await.unwrap().into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.data_ref().unwrap(), "first");
    assert_eq!(in_flight(&client.snapshot()), 1, "the stream holds its slot");
    let error = client.send(get("/")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::AllRefused));

    drop(body);
    assert_eq!(in_flight(&client.snapshot()), 0);
    let body = client.send(get("/")).await.unwrap().into_body();
    assert_eq!(in_flight(&client.snapshot()), 1);
    drop(body);
    assert_eq!(in_flight(&client.snapshot()), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_gives_its_permits_back_before_the_next_attempt() {
    let mut settings = settings(None, None);
    settings.limit = Some(NonZeroU32::MIN);
    let client = over(settings, async |_| {
        let endless = stream::pending::<Result<Frame<Bytes>, BoxError>>();
        let mut res = Response::new(Body::new(StreamBody::new(endless)));
        *res.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        Ok(res)
    });
    let res = client.send(get("/")).await.unwrap();
    assert_eq!(res.status(), 503, "not refused by the limit of one");
    assert_eq!(client.snapshot().retries.paid, 2);
    drop(res);
    assert_eq!(in_flight(&client.snapshot()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_a_failure_and_a_whole_one_is_not() {
    let client = over(settings(None, None), async |req| {
        let broken = req.uri().path() == "/broken";
        let last = if broken { Err(BoxError::from("gone")) } else { Ok(Frame::data("b".into())) };
        let frames = stream::iter([Ok(Frame::data(Bytes::from("a"))), last]);
        Ok(Response::new(Body::new(StreamBody::new(frames))))
    });
    for _ in 0..4 {
        client.send(get("/broken")).await.unwrap().into_body().collect().await.unwrap_err();
    }
    assert_eq!(text(client.send(get("/whole")).await.unwrap()).await, "ab");
    let circuit = client.snapshot().endpoints[0].circuit;
    assert_eq!(circuit, Some(orlop::breaker::State::Closed), "four, then a success");
    for _ in 0..5 {
        client.send(get("/broken")).await.unwrap().into_body().collect().await.unwrap_err();
    }
    assert_eq!(in_flight(&client.snapshot()), 0);
}
