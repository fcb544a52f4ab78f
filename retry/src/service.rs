use crate::{Keep, Policy, Protocol, ResponseFuture};
use orlop_core::{BoxError, Classify, Lens, LensMut, NoContext, Outcome};
use std::{
    fmt,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service whose calls are tried again.
///
/// Made by [`RetryLayer`](crate::RetryLayer). Type parameters: service, how requests are kept, classifier, where the call's
/// context is.
#[derive(Clone)]
pub struct Retry<S, K, C, L = NoContext> {
    inner: S,
    policy: Policy,
    keep: K,
    classify: C,
    lens: L,
}

impl<S, K, C, L> Retry<S, K, C, L> {
    pub(crate) fn new(inner: S, policy: Policy, keep: K, classify: C, lens: L) -> Self {
        Self { inner, policy, keep, classify, lens }
    }

    /// Settings, budget and counts.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<Req, S, K, C, L> Service<Req> for Retry<S, K, C, L>
where
    K: Keep<Req> + Clone,
    S: Service<K::Sent> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<K::Sent> + Clone,
    C::Call: Outcome<S::Response>,
    L: Lens<Req> + LensMut<K::Sent> + Protocol<Req, S::Response> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, Req, K, C, L>;

    /// Always ready: each attempt waits for a clone of the inner service, where its deadline covers that.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        ResponseFuture::new(
            req,
            self.inner.clone(),
            self.policy.clone(),
            self.keep.clone(),
            self.classify.clone(),
            self.lens.clone(),
        )
    }
}

impl<S: fmt::Debug, K, C, L> fmt::Debug for Retry<S, K, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
