//! The laws of `Replay`: whatever breaks off where, the server gets exactly the original bytes.
#![cfg(feature = "http")]

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use orlop_retry::{Keep, Replay, ReplayBody, core::BoxError};
use proptest::prelude::*;
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio_test::{assert_pending, task};

/// Chunks, then trailers, an error, or the end. It is pending before each frame if `stutters`.
struct Script {
    frames: VecDeque<Result<Frame<Bytes>, io::Error>>,
    stutters: bool,
    paused: bool,
}

impl Script {
    fn new(chunks: &[Vec<u8>]) -> Self {
        let frames =
            chunks.iter().map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk)))).collect();
        Self { frames, stutters: false, paused: false }
    }

    fn stuttering(mut self) -> Self {
        self.stutters = true;
        self
    }

    fn and(mut self, frame: Result<Frame<Bytes>, io::Error>) -> Self {
        self.frames.push_back(frame);
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.paused = self.stutters && !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.frames.pop_front())
    }

    fn size_hint(&self) -> SizeHint {
        let left =
            self.frames.iter().flatten().filter_map(Frame::data_ref).map(Bytes::len).sum::<usize>();
        SizeHint::with_exact(left as u64)
    }
}

type Sent = Request<ReplayBody<Script>>;

fn trailers() -> HeaderMap {
    [(http::HeaderName::from_static("status"), http::HeaderValue::from_static("ok"))]
        .into_iter()
        .collect()
}

/// Polls `polls` times, and returns the bytes that came and whether it ended.
fn read(body: &mut ReplayBody<Script>, polls: usize) -> Result<(Vec<u8>, bool), BoxError> {
    let mut bytes = Vec::new();
    let mut frames = task::spawn(body);
    for _ in 0..polls {
        let frame = frames.enter(|cx, body| Pin::new(&mut **Pin::get_mut(body)).poll_frame(cx));
        match frame {
            Poll::Ready(Some(frame)) => {
                if let Ok(data) = frame?.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            Poll::Ready(None) => return Ok((bytes, true)),
            Poll::Pending => {}
        }
    }
    Ok((bytes, false))
}

fn open(req: Sent) -> ReplayBody<Script> {
    req.into_body()
}

proptest! {
    #[test]
    fn any_attempt_sends_exactly_the_original_bytes(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..12),
        drops in prop::collection::vec(0_usize..30, 0..4),
        stutters in any::<bool>(),
        last in any::<bool>(),
    ) {
        let whole = chunks.concat();
        let mut script = Script::new(&chunks);
        script.stutters = stutters;
        let replay = Replay::up_to(1024);
        let (sent, mut kept) = replay.keep(Request::new(script));
        let mut body = open(sent);
        for polls in drops {
            let before = body.size_hint().exact();
            prop_assert_eq!(before, Some(whole.len() as u64), "each attempt promises the whole");
            let (bytes, _) = read(&mut body, polls).unwrap();
            prop_assert!(whole.starts_with(&bytes));
            prop_assert_eq!(body.size_hint().exact(), Some((whole.len() - bytes.len()) as u64));
            drop(body);
            body = open(replay.again(&mut kept).expect("within the cap"));
        }
        if last {
            drop(body);
            body = open(replay.last(kept).expect("within the cap"));
        }
        let (bytes, ended) = read(&mut body, 1000).unwrap();
        prop_assert!(ended);
        prop_assert_eq!(bytes, whole);
        prop_assert!(body.is_end_stream());
    }

    #[test]
    fn over_the_cap_the_running_attempt_goes_on_and_only_the_retry_is_lost(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..12),
        cap in 0_usize..240,
        hinted in any::<bool>(),
    ) {
        let whole = chunks.concat();
        let frames = chunks.iter().map(|chunk| Ok::<_, io::Error>(Frame::data(Bytes::copy_from_slice(chunk))));
        let replay = Replay::up_to(cap);
        let (got, again) = if hinted {
            let (sent, mut kept) = replay.keep(Request::new(Script::new(&chunks)));
            let got = read(&mut open(sent), 1000).unwrap().0;
            (got, replay.again(&mut kept).is_some())
        } else {
            let stream = StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
            let (sent, mut kept) = replay.keep(Request::new(stream));
            let got = sent.into_body().collect().now_or_never();
            (got.unwrap().unwrap().to_bytes().to_vec(), replay.again(&mut kept).is_some())
        };
        prop_assert_eq!(again, whole.len() <= cap);
        prop_assert_eq!(got, whole);
    }
}

#[test]
fn trailers_are_sent_again() {
    let script = Script::new(&[vec![1, 2]]).and(Ok(Frame::trailers(trailers())));
    let replay = Replay::up_to(10);
    let (sent, mut kept) = replay.keep(Request::new(script));
    assert_whole(sent);
    assert_whole(replay.again(&mut kept).unwrap());
    assert_whole(replay.last(kept).unwrap());
}

fn assert_whole(sent: Sent) {
    let collected = sent.into_body().collect().now_or_never().unwrap().unwrap();
    assert_eq!(collected.trailers(), Some(&trailers()));
    assert_eq!(collected.to_bytes(), Bytes::from_static(&[1, 2]));
}

#[test]
fn a_body_that_failed_cannot_be_sent_again() {
    let script = Script::new(&[vec![1]]).and(Err(io::Error::other("the client went away")));
    let replay = Replay::up_to(10);
    let (sent, mut kept) = replay.keep(Request::new(script));
    let error = read(&mut open(sent), 10).unwrap_err();
    assert_eq!(error.to_string(), "the client went away");
    assert!(replay.again(&mut kept).is_none());
}

#[test]
fn an_attempt_that_lingers_learns_that_it_is_over_and_takes_nothing_away() {
    let replay = Replay::up_to(10);
    let (sent, mut kept) = replay.keep(Request::new(Script::new(&[vec![1], vec![2]]).stuttering()));
    let mut lingering = task::spawn(open(sent));
    assert_pending!(lingering.enter(|cx, body| body.poll_frame(cx)));
    let mut later = open(replay.again(&mut kept).unwrap());
    assert!(lingering.is_woken());
    let over = lingering.enter(|cx, body| body.poll_frame(cx));
    assert!(
        matches!(over, Poll::Ready(Some(Err(_)))),
        "no bytes of a request that is sent elsewhere"
    );
    assert_eq!(read(&mut later, 100).unwrap(), (vec![1, 2], true));
}

#[test]
fn empty_bodies_need_nothing_kept() {
    let replay = Replay::up_to(0);
    let (sent, mut kept) = replay.keep(Request::new(Full::new(Bytes::new())));
    assert!(sent.body().is_end_stream());
    let again = replay.again(&mut kept).unwrap();
    assert_eq!((again.body().is_end_stream(), again.body().size_hint().exact()), (true, Some(0)));
}

#[test]
fn head_and_extensions_are_sent_again() {
    let mut req =
        Request::put("/plays/1").header("x", "y").body(Full::<Bytes>::from("body")).unwrap();
    req.extensions_mut().insert(7_u8);
    let replay = Replay::up_to(10);
    let (_, mut kept) = replay.keep(req);
    let again = replay.again(&mut kept).unwrap();
    assert_eq!((again.method(), again.uri().path()), (&http::Method::PUT, "/plays/1"));
    assert_eq!(
        (&again.headers()["x"], again.extensions().get::<u8>()),
        (&"y".parse().unwrap(), Some(&7))
    );
}
