//! N13: responses that stream. A call is over at its body's end, and its head has told already.

use crate::support::{SLOW, consecutive, half_open, last, n, pass, plain, play, secs, seen, slow};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use orlop_breaker::{
    BreakerLayer, Circuit, State,
    core::{BoxError, CallContext},
};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};

/// So many frames, and then the end, an error, a panic, or nothing.
#[derive(Clone, Copy)]
struct Stream {
    frames: u32,
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Ends,
    Breaks,
    Panics,
    Hangs,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.frames > 0 {
            self.frames -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"frame")))));
        }
        match self.then {
            Then::Ends => Poll::Ready(None),
            Then::Breaks => Poll::Ready(Some(Err(std::io::Error::other("broken off")))),
            Then::Panics => panic!("by test"),
            Then::Hangs => Poll::Pending,
        }
    }
}

/// A response whose head takes so long.
struct Answer {
    head: Duration,
    status: u16,
    body: Stream,
}

fn answer(then: Then) -> Answer {
    Answer { head: Duration::ZERO, status: 200, body: Stream { frames: 2, then } }
}

async fn fetch(
    circuit: &Circuit,
    answer: Answer,
) -> impl Body<Data = Bytes, Error = BoxError> + use<> {
    let service = BreakerLayer::http(circuit.clone()).layer(service_fn(respond));
    service.oneshot(Request::new(answer)).await.expect("admitted").into_body()
}

async fn respond(req: Request<Answer>) -> Result<Response<Stream>, Infallible> {
    let Answer { head, status, body } = req.into_body();
    pass(head).await;
    let mut res = Response::new(body);
    *res.status_mut() = StatusCode::from_u16(status).expect("a status");
    Ok(res)
}

#[tokio::test(start_paused = true)]
async fn a_streaming_probe_closes_at_its_head_and_holds_no_slot() {
    let circuit = half_open(consecutive(1).successes(n(2))).await;
    let first = fetch(&circuit, answer(Then::Hangs)).await;
    assert_eq!(circuit.snapshot().probes_in_flight(), 0, "its slot is free from the head on");
    let second = fetch(&circuit, answer(Then::Hangs)).await;
    assert_eq!(circuit.state(), State::Closed);
    drop((first, second));
    assert_eq!(circuit.snapshot().drops_in_a_row(), 0, "nobody wanted the rest");
}

#[tokio::test(start_paused = true)]
async fn a_stream_dropped_after_any_frame_keeps_the_verdict_of_its_head() {
    for frames in 0..=2 {
        for (status, state) in [(200, State::Closed), (503, State::Open)] {
            let circuit = half_open(consecutive(1)).await;
            let head = Answer { status, ..answer(Then::Hangs) };
            let mut body = Box::pin(fetch(&circuit, head).await);
            assert_eq!(circuit.state(), state);
            for _ in 0..frames {
                body.frame().await.expect("a frame").expect("a good one");
            }
            let before = circuit.snapshot();
            drop(body);
            assert_eq!(circuit.snapshot(), before, "{status}, {frames} frames");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_or_panics_is_a_failure_after_a_good_head() {
    for then in [Then::Breaks, Then::Panics] {
        let circuit = Circuit::new(consecutive(1));
        let body = fetch(&circuit, answer(then)).await;
        assert_eq!(circuit.state(), State::Closed);
        let read = tokio::spawn(body.collect()).await;
        assert_eq!(read.is_err(), then == Then::Panics);
        assert_eq!(circuit.state(), State::Open);
    }
    // One that ends well adds nothing to its head.
    let circuit = Circuit::new(plain(slow(100, 9, last(9))));
    let body = fetch(&circuit, answer(Then::Ends)).await;
    assert_eq!(seen(&circuit), (1, 0, 0));
    let read = body.collect().await.map(|all| all.to_bytes().len()).map_err(|_| "broken off");
    assert_eq!((read, seen(&circuit)), (Ok(10), (1, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_slow_by_its_head_alone() {
    let circuit = Circuit::new(plain(slow(50, 2, last(9))));
    let long = fetch(&circuit, answer(Then::Hangs)).await;
    pass(secs(3600)).await;
    drop(long);
    assert_eq!(seen(&circuit), (1, 0, 0));
    let late = fetch(&circuit, Answer { head: SLOW, ..answer(Then::Hangs) }).await;
    assert_eq!(circuit.state(), State::Open, "before it has ended");
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn a_stream_past_its_deadline_is_a_failure_only_before_its_head() {
    let call = || {
        let mut req = Request::new(Answer { head: secs(2), ..answer(Then::Hangs) });
        req.extensions_mut().insert(CallContext::new().timeout(secs(1)));
        req
    };
    let circuit = Circuit::new(consecutive(1));
    let service = BreakerLayer::http(circuit.clone()).layer(service_fn(respond));
    // It came late, and it came.
    let res = service.clone().oneshot(call()).await.unwrap();
    drop(res);
    play(&circuit, "closed").await;
    let mut late = tokio_test::task::spawn(service.oneshot(call()));
    assert!(late.poll().is_pending());
    drop(late);
    play(&circuit, "open").await;
}

#[tokio::test(start_paused = true)]
async fn until_the_head_is_another_way_to_count_and_bodies_then_say_nothing() {
    let circuit = Circuit::new(consecutive(1));
    let service = BreakerLayer::http(circuit.clone()).until_head().layer(service_fn(respond));
    let res = service.oneshot(Request::new(answer(Then::Breaks))).await.unwrap();
    assert!(res.into_body().collect().await.is_err());
    play(&circuit, "closed").await;
}
