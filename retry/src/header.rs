//! The deadline of a call on its way from process to process.

use http::Request;
use orlop_core::{
    Again, AnyError, AsError, CallContext, End, Gate, Guard, GuardLayer, Handle, Kind, Note, Now,
    OnHead, Rejected, Settle,
    http::{Deadline, FromExtensions, Respond},
};
use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// Tells the server how much time is left: writes the header [`Deadline::HEADER`] from the call's context.
///
/// It belongs below retries and balancer, next to the connection, so that each attempt says what is left then.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is applied"]
pub struct WriteDeadlineLayer;

/// A client that tells the server how much time is left. Made by [`WriteDeadlineLayer`].
#[derive(Clone, Copy, Debug)]
pub struct WriteDeadline<S> {
    inner: S,
}

/// Takes up the deadline that a client sent: reads the header into the call's context, and refuses calls whose time has
/// run out.
///
/// A refusal is an error, or with [`respond`](ReadDeadlineLayer::respond) a response; a deadline that comes from afar is
/// clamped. A header that is no number of milliseconds counts as none.
///
/// # Examples
///
/// ```
/// use orlop_retry::{ReadDeadlineLayer, core::http::unavailable};
/// use std::time::Duration;
///
/// // No caller keeps a call alive for more than a minute; one that is late gets a 504.
/// let layer = ReadDeadlineLayer::new(Duration::from_secs(60)).respond(unavailable::<String>);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct ReadDeadlineLayer<R = AsError> {
    at_most: Duration,
    guard: GuardLayer<InTime, AnyError, OnHead, R, FromExtensions>,
}

/// A server that takes up its clients' deadlines. Made by [`ReadDeadlineLayer`].
#[derive(Clone, Debug)]
pub struct ReadDeadline<S> {
    inner: S,
    at_most: Duration,
}

/// A gate that refuses calls whose deadline has passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct InTime;

// ===== write =====

impl<S> Layer<S> for WriteDeadlineLayer {
    type Service = WriteDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WriteDeadline { inner }
    }
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for WriteDeadline<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> S::Future {
        let context = req.extensions().get::<CallContext>();
        if let Some(deadline) = context.and_then(CallContext::deadline) {
            Deadline::write(req.headers_mut(), deadline, Instant::now());
        }
        self.inner.call(req)
    }
}

// ===== read =====

impl ReadDeadlineLayer {
    /// Takes up deadlines, clamped to `at_most` from now. A call that brings none has none.
    pub fn new(at_most: Duration) -> Self {
        Self { at_most, guard: GuardLayer::new(InTime, AnyError).context(FromExtensions) }
    }
}

impl<R> ReadDeadlineLayer<R> {
    /// Refuses with a response, and leaves the service's error type as it was;
    /// [`unavailable`](orlop_core::http::unavailable) makes a 504.
    pub fn respond<F>(self, respond: F) -> ReadDeadlineLayer<Respond<F>> {
        ReadDeadlineLayer { at_most: self.at_most, guard: self.guard.respond(respond) }
    }
}

impl<S, R: Clone> Layer<S> for ReadDeadlineLayer<R> {
    type Service = ReadDeadline<Guard<S, InTime, AnyError, OnHead, R, FromExtensions>>;

    fn layer(&self, inner: S) -> Self::Service {
        ReadDeadline { inner: self.guard.layer(inner), at_most: self.at_most }
    }
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for ReadDeadline<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> S::Future {
        // A hint that a peer got wrong is no reason to fail its call.
        let read = Deadline::read(req.headers(), self.at_most, Instant::now());
        if let Ok(Some(deadline)) = read {
            let context = req.extensions_mut().remove::<CallContext>().unwrap_or_default();
            req.extensions_mut().insert(context.deadline_at(deadline));
        }
        self.inner.call(req)
    }
}

// ===== gate =====

impl Handle for InTime {}

impl Settle for InTime {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), _: End<'_>, _: &Now) {}
}

impl<Req: ?Sized> Gate<Req> for InTime {
    fn enter(&self, _: &Req, call: Option<&CallContext>, now: &Now) -> Result<(), Rejected> {
        match call.and_then(CallContext::deadline) {
            Some(deadline) if deadline <= now.get() => Err(Rejected::new(Kind::Deadline)),
            _ => Ok(()),
        }
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}
