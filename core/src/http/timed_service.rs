use super::{BodyTime, TimedBody};
use http::Response;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Gives the bodies of responses their time: between frames, and from head to end.
///
/// A deadline on the response future is met once the head is there; a peer that then stops in the middle of its body would be
/// waited for without end. Here its body ends with [`BodyTimedOut`](super::BodyTimedOut).
///
/// ```text
///  guard > BodyTimeLayer > client       the guard sees the body fail: the call is broken
///  BodyTimeLayer > guard > client       the guard sees a body that nobody wants any more: the head's verdict stands
/// ```
///
/// So put it inside of guards.
///
/// # Examples
///
/// ```
/// use orlop_core::{GuardLayer, http::{BodyTime, BodyTimeLayer}};
/// use std::time::Duration;
/// use tower::ServiceBuilder;
///
/// let time = BodyTime::new().idle(Duration::from_secs(30))?.total(Duration::from_secs(600))?;
/// let gate = (); // admits all; a `Circuit` or `Limit` goes here
/// let layers = ServiceBuilder::new().layer(GuardLayer::http(gate)).layer(BodyTimeLayer::new(time));
/// # let _ = layers;
/// # Ok::<(), orlop_core::http::InvalidBodyTime>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct BodyTimeLayer {
    time: BodyTime,
}

/// A service whose responses' bodies are [timed](TimedBody). Made by [`BodyTimeLayer`].
#[derive(Clone, Copy, Debug)]
pub struct TimedBodies<S> {
    inner: S,
    time: BodyTime,
}

pin_project! {
    /// The response of [`TimedBodies`].
    pub struct TimedResponse<F> {
        #[pin]
        inner: F,
        time: BodyTime,
    }
}

impl BodyTimeLayer {
    /// Bodies may take this long.
    pub const fn new(time: BodyTime) -> Self {
        Self { time }
    }
}

impl<S> Layer<S> for BodyTimeLayer {
    type Service = TimedBodies<S>;

    fn layer(&self, inner: S) -> TimedBodies<S> {
        TimedBodies { inner, time: self.time }
    }
}

impl<S> TimedBodies<S> {
    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<Req, S, B> Service<Req> for TimedBodies<S>
where
    S: Service<Req, Response = Response<B>>,
{
    type Response = Response<TimedBody<B>>;
    type Error = S::Error;
    type Future = TimedResponse<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        TimedResponse { inner: self.inner.call(req), time: self.time }
    }
}

impl<F, B, E> Future for TimedResponse<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<TimedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let res = ready!(this.inner.poll(cx));
        Poll::Ready(res.map(|res| res.map(|body| TimedBody::new(body, *this.time))))
    }
}

impl<F> fmt::Debug for TimedResponse<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedResponse").field("time", &self.time).finish_non_exhaustive()
    }
}
