//! One span for each call, with what came of it.

use crate::{Body, Cause};
use http::{Request, Response};
use orlop_core::{BoxError, Endpoint};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tower_service::Service;
use tracing::{Span, debug_span, field::Empty};

/// A client's calls, each in a span of its own.
#[derive(Clone)]
pub(super) struct Spanned<S> {
    inner: S,
    client: Arc<str>,
}

/// Where a call went last: an extension of its request, where somebody listens to its span.
#[derive(Clone, Default)]
pub(super) struct Trail(Arc<Mutex<Went>>);

#[derive(Default)]
struct Went {
    attempts: u32,
    endpoint: Option<Endpoint>,
    undecided: bool,
}

/// A call and its span. Dropping it before it has an end says so.
struct Told {
    span: Span,
    /// `None` where nobody listens.
    trail: Option<Trail>,
}

impl<S> Spanned<S> {
    pub(super) fn new(inner: S, client: Arc<str>) -> Self {
        Self { inner, client }
    }
}

pin_project! {
    pub(super) struct SpannedFuture<F> {
        // Before the inner call: what that says while it is dropped is said within the span.
        told: Told,
        #[pin]
        inner: F,
    }
}

impl<S> Service<Request<Body>> for Spanned<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = SpannedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<Body>) -> Self::Future {
        let span = debug_span!(
            "orlop.call",
            client = &*self.client,
            attempts = Empty,
            endpoint = Empty,
            layer = Empty,
            outcome = Empty,
        );
        let trail = (!span.is_disabled()).then(Trail::default);
        if let Some(trail) = &trail {
            req.extensions_mut().insert(trail.clone());
        }
        let inner = span.in_scope(|| self.inner.call(req));
        SpannedFuture { told: Told { span, trail }, inner }
    }
}

impl<F> Future for SpannedFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let entered = this.told.span.enter();
        let result = ready!(this.inner.poll(cx));
        drop(entered);
        this.told.end(&result);
        Poll::Ready(result)
    }
}

impl Told {
    fn end(&mut self, result: &Result<Response<Body>, BoxError>) {
        let Some(trail) = self.trail.take() else { return };
        let cause = match result {
            Ok(res) => Cause::in_response(res).cloned(),
            Err(error) => Cause::of(&**error),
        };
        let outcome = match (&cause, result) {
            (Some(cause), _) if cause.rejected().is_some() => "refused",
            (Some(_), _) | (None, Err(_)) => "failure",
            (None, Ok(_)) if trail.lock().undecided => "answered",
            (None, Ok(_)) => "success",
        };
        self.record(&trail, cause.as_ref(), outcome);
    }

    /// Each field once: subscribers may show all values that a field was ever given.
    fn record(&self, trail: &Trail, cause: Option<&Cause>, outcome: &str) {
        let went = trail.lock();
        let endpoint = match cause {
            Some(cause) => cause.endpoint(),
            None => went.endpoint.as_ref(),
        };
        // Without a word from a connection of ours they are not known; with a cause that names none there were none.
        if went.attempts > 0 || cause.is_some() {
            self.span.record("attempts", cause.and_then(Cause::attempt).unwrap_or(went.attempts));
        }
        if let Some(endpoint) = endpoint {
            self.span.record("endpoint", endpoint.id().as_str());
        }
        if let Some(cause) = cause {
            self.span.record("layer", cause.layer().as_str());
        }
        self.span.record("outcome", outcome);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(trail) = self.trail.take() {
            self.record(&trail, None, "dropped");
        }
    }
}

impl Trail {
    /// An attempt goes to this endpoint.
    pub(super) fn goes(&self, attempt: u32, endpoint: &Endpoint) {
        let mut went = self.lock();
        went.attempts = attempt;
        went.endpoint = Some(endpoint.clone());
    }

    /// The head of the answer does not say whether it is a good one.
    pub(super) fn undecided(&self) {
        self.lock().undecided = true;
    }

    // Guards `Went`, for a few instructions. A panic while held cannot leave it half-changed.
    fn lock(&self) -> MutexGuard<'_, Went> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
