//! The decisions that hold everywhere, each rule as a test with the rule for its name: one file per decision.
//!
//! Rules that another crate has to show, or that another test of this one shows already, are listed in `elsewhere.rs` with the test that
//! shows them; the list is checked.
#![cfg(feature = "grpc")]

mod attempts;
mod elsewhere;
mod errors;
mod over;
mod readiness;
mod rejected;
mod sharing;
#[path = "../support/mod.rs"]
mod support;
mod time;
mod verdict;

use bytes::Bytes;
use http_body::Frame;
use orlop_core::BoxError;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use support::Recorder;
use tower::Service;

/// A body of these frames, which then ends or stays open.
struct Frames {
    frames: std::vec::IntoIter<Result<Frame<Bytes>, io::Error>>,
    ends: bool,
}

impl Frames {
    fn open<const N: usize>(frames: [Result<Frame<Bytes>, io::Error>; N]) -> Self {
        Self { frames: Vec::from(frames).into_iter(), ends: false }
    }

    fn ending<const N: usize>(frames: [Result<Frame<Bytes>, io::Error>; N]) -> Self {
        Self { ends: true, ..Self::open(frames) }
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.frames.next(), self.ends) {
            (Some(frame), _) => Poll::Ready(Some(frame)),
            (None, true) => Poll::Ready(None),
            (None, false) => Poll::Pending,
        }
    }
}

fn reset() -> Result<Frame<Bytes>, io::Error> {
    Err(io::Error::from(io::ErrorKind::ConnectionReset))
}

fn data(text: &'static str) -> Result<Frame<Bytes>, io::Error> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn grpc_status(code: &'static str) -> Result<Frame<Bytes>, io::Error> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static(code));
    Ok(Frame::trailers(trailers))
}

/// Ready, or not, or never again; counts how often it is asked.
#[derive(Clone)]
struct Asked {
    ready: fn() -> Poll<Result<(), BoxError>>,
    times: Arc<AtomicUsize>,
}

impl Asked {
    fn answering(ready: fn() -> Poll<Result<(), BoxError>>) -> Self {
        Self { ready, times: Arc::default() }
    }

    fn times(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }
}

impl Service<()> for Asked {
    type Response = ();
    type Error = orlop_core::BoxError;
    type Future = std::future::Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.times.fetch_add(1, Ordering::Relaxed);
        (self.ready)()
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::future::ready(Ok(()))
    }
}
