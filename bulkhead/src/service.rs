use crate::{Line, ResponseFuture};
use orlop_core::{AsError, CallContext, Lens, NoContext, OnReject, Track};
use std::{
    convert::Infallible,
    fmt,
    marker::PhantomData,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service whose calls wait in a [`Line`] for a slot.
///
/// ```text
///  poll_ready: always ready
///
///  call:  slot free? -- no --> in line -- full ----------> refused: queue
///             |                   |  '--- waited too long -> refused: queue, or deadline
///             |<---- its turn ----'
///             v
///   a clone of the inner service gets ready, is called --> head --> body --> end: the slot is free
///                 '--------------------------------'---------'----- drop
/// ```
///
/// Made by [`QueueLayer`](crate::QueueLayer). Type parameters: service, when a call is over, what a refusal becomes,
/// where the call's context is.
pub struct Queue<S, T, R = AsError, L = NoContext> {
    inner: S,
    line: Line,
    track: PhantomData<fn() -> T>,
    on_reject: R,
    lens: L,
}

impl<S, T, R, L> Queue<S, T, R, L> {
    pub(crate) fn new(inner: S, line: Line, on_reject: R, lens: L) -> Self {
        Self { inner, line, track: PhantomData, on_reject, lens }
    }

    /// The line in front.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<Req, S, T, R, L> Service<Req> for Queue<S, T, R, L>
where
    S: Service<Req> + Clone,
    T: Track<S::Response>,
    R: OnReject<S::Response, S::Error> + Clone,
    L: Lens<Req>,
{
    type Response = T::Tracked<Line, Infallible>;
    type Error = R::Error;
    type Future = ResponseFuture<S, Req, T, R>;

    /// Always ready: the wait is the call's, where deadlines cover it and where nothing is held meanwhile.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let call = self.lens.get(&req);
        let deadline = call.and_then(CallContext::deadline);
        let attempt = call.and_then(CallContext::attempt_id);
        let (inner, line) = (self.inner.clone(), self.line.clone());
        ResponseFuture::new(inner, req, line, deadline, attempt, self.on_reject.clone())
    }
}

// Written out, since a type that only says when a call is over need not be `Clone`.
impl<S: Clone, T, R: Clone, L: Clone> Clone for Queue<S, T, R, L> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.line.clone(), self.on_reject.clone(), self.lens.clone())
    }
}

impl<S: fmt::Debug, T, R, L> fmt::Debug for Queue<S, T, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("inner", &self.inner)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
