//! With `OnBodyEnd` a call lives until its body has ended, failed, or been dropped.
#![cfg(feature = "grpc")]

mod support;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use orlop_core::{
    BoxError, Class, GuardLayer, Kind, Rejected, Sent, Verdict, grpc,
    http::{Deadline, unavailable},
};
use std::{
    convert::Infallible,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use support::{Heard, Recorder};
use tower::{Layer, ServiceExt, service_fn};

type Frames = Vec<Result<Frame<Bytes>, io::Error>>;

/// Yields the frames, then stays open or ends.
struct Script {
    frames: std::vec::IntoIter<Result<Frame<Bytes>, io::Error>>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    Ends,
    Hangs,
    Panics,
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.frames.next(), self.then) {
            (Some(frame), _) => Poll::Ready(Some(frame)),
            (None, Then::Ends) => Poll::Ready(None),
            (None, Then::Hangs) => Poll::Pending,
            (None, Then::Panics) => panic!("in the body"),
        }
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, io::Error> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn trailers(status: &'static str) -> Result<Frame<Bytes>, io::Error> {
    let mut map = HeaderMap::new();
    map.insert("grpc-status", status.parse().unwrap());
    Ok(Frame::trailers(map))
}

fn script(frames: Frames, then: Then) -> Script {
    Script { frames: frames.into_iter(), then }
}

async fn answer<B: Body + Send + 'static>(
    gate: &Recorder,
    status: StatusCode,
    body: B,
) -> Response<impl Body<Data = B::Data, Error = BoxError>>
where
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    let inner = service_fn(move |_: Request<()>| {
        let mut res = Response::new(body.take().expect("called once"));
        *res.status_mut() = status;
        async { Ok::<_, Infallible>(res) }
    });
    let layer = GuardLayer::http(gate.clone());
    layer.layer(inner).oneshot(Request::new(())).await.unwrap()
}

async fn grpc_answer(
    gate: &Recorder,
    body: Script,
) -> Response<impl Body<Data = Bytes, Error = BoxError>> {
    let mut body = Some(body);
    let inner = service_fn(move |_: Request<()>| {
        let res = Response::new(body.take().expect("called once"));
        async { Ok::<_, Infallible>(res) }
    });
    GuardLayer::grpc(gate.clone()).layer(inner).oneshot(Request::new(())).await.unwrap()
}

#[tokio::test]
async fn a_call_lasts_until_its_body_has_ended() {
    let gate = Recorder::new();
    let res = answer(&gate, StatusCode::OK, script(vec![data("a"), data("b")], Then::Ends)).await;
    assert_eq!(gate.heard(), [Heard::Entered(0), Heard::Head(0, Some(Class::Success))]);
    assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), "ab");
    assert_eq!(gate.ends(), [Verdict::SUCCESS]);
}

#[tokio::test]
async fn a_body_at_its_end_with_the_head_is_over_even_if_nobody_polls_it() {
    let gate = Recorder::new();
    let res = answer(&gate, StatusCode::OK, Empty::<Bytes>::new()).await;
    assert_eq!(gate.heard(), [Heard::Entered(0), Heard::Ended(0, Verdict::SUCCESS)]);
    drop(res);
    gate.assert_balanced();
}

#[tokio::test]
async fn a_body_at_its_end_after_a_frame_is_over_even_if_nobody_polls_again() {
    let gate = Recorder::new();
    let mut body = answer(&gate, StatusCode::OK, Full::new(Bytes::from("all"))).await.into_body();
    assert!(gate.ends().is_empty());
    body.frame().await.unwrap().unwrap();
    assert_eq!(gate.ends(), [Verdict::SUCCESS]);
}

#[tokio::test]
async fn the_heads_verdict_survives_a_drop_of_the_body() {
    for (status, class) in
        [(StatusCode::OK, Class::Success), (StatusCode::SERVICE_UNAVAILABLE, Class::Failure)]
    {
        let gate = Recorder::new();
        let mut res = answer(&gate, status, script(vec![data("a"), data("b")], Then::Hangs)).await;
        res.body_mut().frame().await.unwrap().unwrap();
        drop(res);
        assert_eq!(gate.ends().iter().map(Verdict::class).collect::<Vec<_>>(), [class]);
    }
}

#[tokio::test]
async fn a_body_that_fails_or_panics_is_a_failure() {
    let gate = Recorder::new();
    let frames = vec![data("a"), Err(io::Error::other("reset"))];
    let res = answer(&gate, StatusCode::OK, script(frames, Then::Ends)).await;
    res.into_body().collect().await.map(drop).unwrap_err();
    assert_eq!(gate.ends(), [Verdict::BROKEN]);

    let gate = Recorder::new();
    let res = answer(&gate, StatusCode::OK, script(vec![], Then::Panics)).await;
    let mut body = Box::pin(res.into_body());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    catch_unwind(AssertUnwindSafe(|| drop(body.as_mut().poll_frame(&mut cx)))).unwrap_err();
    drop(body);
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}

#[tokio::test]
async fn a_grpc_status_in_the_trailers_decides() {
    for (status, class) in [
        ("0", Class::Success),
        ("5", Class::Success),
        ("14", Class::Failure),
        ("8", Class::Throttled),
    ] {
        let gate = Recorder::new();
        let res = grpc_answer(&gate, script(vec![data("m"), trailers(status)], Then::Hangs)).await;
        assert_eq!(gate.heard()[1], Heard::Head(0, None), "the head does not know");
        let mut body = res.into_body();
        body.frame().await.unwrap().unwrap();
        body.frame().await.unwrap().unwrap();
        assert_eq!(gate.ends()[0].class(), class, "status {status}");
    }
}

#[tokio::test]
async fn a_grpc_body_dropped_without_status_says_nothing_and_one_that_ends_without_is_broken() {
    let gate = Recorder::new();
    drop(grpc_answer(&gate, script(vec![data("m")], Then::Hangs)).await);
    assert_eq!(gate.ends(), [Verdict::DROPPED]);

    let gate = Recorder::new();
    let res = grpc_answer(&gate, script(vec![data("m")], Then::Ends)).await;
    res.into_body().collect().await.unwrap();
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}

#[tokio::test]
async fn a_refusal_as_response_keeps_the_error_type_and_is_marked() {
    let (outer, inner) = (Recorder::new(), Recorder::new());
    inner.refuse(Kind::Limit);
    let service = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("never"))))
    });
    let stack = GuardLayer::http(outer.clone())
        .respond(unavailable)
        .layer(GuardLayer::http(inner.clone()).respond(unavailable).layer(service));
    let result: Result<_, Infallible> = stack.oneshot(Request::new(())).await;
    let Ok(res) = result;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.extensions().get::<Rejected>().map(Rejected::kind), Some(Kind::Limit));
    assert_eq!(outer.ends().iter().map(Verdict::class).collect::<Vec<_>>(), [Class::Neutral]);
}

#[tokio::test]
async fn a_service_with_boxed_errors_can_answer_refusals_too() {
    let gate = Recorder::new();
    let service = service_fn(async |fails: Request<bool>| match fails.body() {
        true => Err::<Response<Empty<Bytes>>, BoxError>("broken".into()),
        false => Ok(Response::new(Empty::new())),
    });
    let guarded = GuardLayer::http(gate.clone()).respond_boxed(unavailable).layer(service);
    guarded.clone().oneshot(Request::new(true)).await.map(drop).unwrap_err();
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
    gate.refuse(Kind::Circuit);
    let res = guarded.oneshot(Request::new(false)).await.unwrap();
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(res.extensions().get::<Rejected>().is_some());
}

#[test]
fn refusals_say_when_to_come_back() {
    let wait = Duration::from_millis(1_200);
    let rejected = Rejected::new(Kind::Circuit).with_retry_after(wait);
    let res = unavailable::<String>(&rejected);
    assert_eq!(res.status(), 503);
    assert_eq!(res.headers()["retry-after"], "2", "rounded up");
    assert_eq!(unavailable::<String>(&Rejected::new(Kind::RateLimit)).status(), 429);
    assert_eq!(unavailable::<String>(&Rejected::new(Kind::Deadline)).status(), 504);

    let res = grpc::unavailable::<String>(&rejected);
    assert_eq!(res.status(), 200);
    assert_eq!(res.headers()["grpc-status"], "14");
    assert_eq!(res.headers()["grpc-retry-pushback-ms"], "1200");
}

#[tokio::test]
async fn advice_from_a_peer_is_kept_and_clamped() {
    for (given, expected) in [
        ("7", Some(Duration::from_secs(7))),
        ("18446744073709551615", Some(Duration::from_secs(300))),
        ("-1", None),
        ("soon", None),
    ] {
        let gate = Recorder::new();
        let service = service_fn(move |_: Request<()>| async move {
            Response::builder().status(503).header("retry-after", given).body(Empty::<Bytes>::new())
        });
        let _ =
            GuardLayer::http(gate.clone()).layer(service).oneshot(Request::new(())).await.unwrap();
        assert_eq!(gate.ends()[0].retry_after(), expected, "{given}");
        assert_eq!(gate.ends()[0].sent(), Sent::Yes);
    }
}

#[tokio::test]
async fn a_pushback_that_is_negative_or_no_number_forbids_a_retry() {
    for (given, may_retry) in [("40", true), ("-1", false), ("soon", false)] {
        let gate = Recorder::new();
        let service = service_fn(move |_: Request<()>| async move {
            let res = Response::builder().header("grpc-status", "14");
            res.header("grpc-retry-pushback-ms", given).body(Empty::<Bytes>::new())
        });
        let _ = GuardLayer::grpc(gate.clone()).layer(service).oneshot(Request::new(())).await;
        assert_eq!(gate.ends()[0].may_retry(), may_retry, "{given}");
    }
}

#[tokio::test]
async fn until_head_is_over_with_the_head() {
    let gate = Recorder::new();
    let service = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Never)));
    let layer = GuardLayer::http(gate.clone()).until_head();
    let _res = layer.layer(service).oneshot(Request::new(())).await.unwrap();
    assert_eq!(gate.ends(), [Verdict::SUCCESS]);
}

/// A body that never yields.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn a_deadline_travels_as_time_left_and_a_peers_is_clamped() {
    let now = tokio::time::Instant::now();
    let mut headers = HeaderMap::new();
    Deadline::write(&mut headers, now + Duration::from_millis(250), now);
    assert_eq!(headers["orlop-deadline-ms"], "250");
    let read = |headers: &HeaderMap, at_most| Deadline::read(headers, at_most, now);
    assert_eq!(
        read(&headers, Duration::from_secs(1)).unwrap(),
        Some(now + Duration::from_millis(250))
    );
    assert_eq!(
        read(&headers, Duration::from_millis(100)).unwrap(),
        Some(now + Duration::from_millis(100))
    );
    assert_eq!(read(&HeaderMap::new(), Duration::MAX).unwrap(), None);
    for bad in ["", "-1", "+1", "1.5", "99999999999999999999", "soon"] {
        headers.insert(Deadline::HEADER, bad.parse().unwrap());
        let error = read(&headers, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(error.contains("whole number of milliseconds"), "{error}");
    }
    Deadline::write(&mut headers, now, now + Duration::from_secs(1));
    assert_eq!(headers["orlop-deadline-ms"], "0");
}
