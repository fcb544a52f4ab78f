use crate::{
    Answer, AnyFailure, FallbackLayer, Nothing, Plain, Protocol, Remember, Rescue, ResponseFuture,
};
use orlop_core::{AnyError, BoxError, Classify, Outcome};
use std::{
    fmt,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service that something else answers for when it fails. Made by [`FallbackLayer`].
#[derive(Clone)]
pub struct Fallback<S, A, C = AnyError, P = Plain, M = Nothing, W = AnyFailure> {
    inner: S,
    layer: FallbackLayer<A, C, P, M, W>,
}

impl<S, A, C, P, M, W> Fallback<S, A, C, P, M, W> {
    pub(crate) fn new(inner: S, layer: FallbackLayer<A, C, P, M, W>) -> Self {
        Self { inner, layer }
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<Req, S, A, C, P, M, W> Service<Req> for Fallback<S, A, C, P, M, W>
where
    S: Service<Req, Error: Into<BoxError>> + Clone,
    A: Answer<M::Memo, Response = S::Response> + Clone,
    C: Classify<Req, Call: Outcome<S::Response>>,
    P: Protocol<S::Response> + Clone,
    M: Remember<Req>,
    W: Rescue + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, Req, A, C::Call, P, M::Memo, W>;

    /// Always ready: a service that fails to become ready is answered for as one that fails.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let layer = &self.layer;
        ResponseFuture::new(
            layer.remember.remember(&req),
            layer.classify.begin(&req),
            (self.inner.clone(), req),
            layer.answer.clone(),
            layer.protocol.clone(),
            layer.when.clone(),
            layer.handle.clone(),
        )
    }
}

impl<S: fmt::Debug, A: fmt::Debug, C, P, M, W> fmt::Debug for Fallback<S, A, C, P, M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
