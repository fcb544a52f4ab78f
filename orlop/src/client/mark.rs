//! Next to the connection: an answer that is a failure says where it came from.

use crate::Cause;
use http::{Request, Response};
use orlop_core::{Attempt, CallContext, Class, Classify, Endpoint, Outcome, Rejected};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// A connection whose failing answers carry a [`Cause`]. Good ones are left as they are.
#[derive(Clone)]
pub(super) struct Marked<S, C> {
    inner: S,
    classify: C,
    place: Arc<Place>,
}

struct Place {
    endpoint: Endpoint,
    max_attempts: u32,
}

impl<S, C> Marked<S, C> {
    pub(super) fn new(inner: S, classify: C, endpoint: Endpoint, max_attempts: u32) -> Self {
        Self { inner, classify, place: Arc::new(Place { endpoint, max_attempts }) }
    }
}

pin_project! {
    pub(super) struct Marking<F, K> {
        #[pin]
        inner: F,
        judge: Option<K>,
        going: Going,
    }
}

/// One attempt, as the connection sees it.
struct Going {
    place: Arc<Place>,
    /// Its number, and how many there may be.
    attempt: Option<(u32, u32)>,
    #[cfg(feature = "tracing")]
    trail: Option<super::span::Trail>,
}

impl<S, C, B, RB> Service<Request<B>> for Marked<S, C>
where
    S: Service<Request<B>, Response = Response<RB>>,
    C: Classify<Request<B>>,
    C::Call: Outcome<Response<RB>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Marking<S::Future, C::Call>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let attempt = req.extensions().get().and_then(CallContext::attempt);
        let of = |attempt: &Attempt| match attempt.picks() {
            Some(_) => self.place.max_attempts,
            None => 1,
        };
        let going = Going {
            attempt: attempt.map(|attempt| (attempt.number(), of(attempt))),
            place: Arc::clone(&self.place),
            #[cfg(feature = "tracing")]
            trail: req.extensions().get().cloned(),
        };
        #[cfg(feature = "tracing")]
        if let Some(trail) = &going.trail {
            trail.goes(going.attempt.map_or(1, |(number, _)| number), &self.place.endpoint);
        }
        let judge = Some(self.classify.begin(&req));
        Marking { inner: self.inner.call(req), judge, going }
    }
}

impl Going {
    fn mark<K, RB>(&self, judge: K, res: &mut Response<RB>)
    where
        K: Outcome<Response<RB>>,
    {
        let head = judge.head(res);
        let Some(verdict) = head.known() else {
            #[cfg(feature = "tracing")]
            if let Some(trail) = &self.trail {
                trail.undecided();
            }
            return;
        };
        let rejected = res.extensions().get::<Rejected>();
        let failed = matches!(verdict.class(), Class::Failure | Class::Throttled);
        if failed || rejected.is_some() {
            let cause = Cause::answered(self.attempt, self.place.endpoint.clone(), rejected);
            res.extensions_mut().insert(cause);
        }
    }
}

impl<F, K, RB, E> Future for Marking<F, K>
where
    F: Future<Output = Result<Response<RB>, E>>,
    K: Outcome<Response<RB>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut result = ready!(this.inner.poll(cx));
        if let (Ok(res), Some(judge)) = (&mut result, this.judge.take()) {
            this.going.mark(judge, res);
        }
        Poll::Ready(result)
    }
}
