use crate::{BoxError, Kind, OnReject, Rejected};
use http::{HeaderValue, Response, StatusCode, header};
use std::{error::Error, fmt, time::Duration};

/// A refusal becomes a response made by `F`. Made by [`GuardLayer::respond`](crate::GuardLayer::respond).
#[derive(Clone, Copy)]
pub struct Respond<F> {
    respond: F,
}

impl<F> Respond<F> {
    /// Refusals are answered with what `respond` makes of them.
    pub fn new(respond: F) -> Self {
        Self { respond }
    }
}

impl<F> Respond<F> {
    fn answer<B>(&self, rejected: Rejected) -> Response<B>
    where
        F: Fn(&Rejected) -> Response<B>,
    {
        let mut res = (self.respond)(&rejected);
        // The mark by which guards further out know that this is no answer of the other side.
        res.extensions_mut().insert(rejected);
        res
    }
}

// The trait's own message says more than which bound is missed.
#[diagnostic::do_not_recommend]
impl<F, B, E> OnReject<Response<B>, E> for Respond<F>
where
    F: Fn(&Rejected) -> Response<B>,
    E: Error + 'static,
{
    type Error = E;

    fn reject(&self, rejected: Rejected) -> Result<Response<B>, E> {
        Ok(self.answer(rejected))
    }

    fn error(&self, error: E) -> E {
        error
    }

    fn view<'a>(&self, error: &'a E) -> &'a (dyn Error + 'static) {
        error
    }
}

/// As [`Respond`], over a service whose error is a [`BoxError`]. Made by
/// [`GuardLayer::respond_boxed`](crate::GuardLayer::respond_boxed).
///
/// A type of its own, since a `BoxError` is no `Error` and the two could not be told apart.
#[derive(Clone, Copy)]
pub struct RespondBoxed<F> {
    respond: Respond<F>,
}

impl<F> RespondBoxed<F> {
    /// Refusals are answered with what `respond` makes of them.
    pub fn new(respond: F) -> Self {
        Self { respond: Respond::new(respond) }
    }
}

#[diagnostic::do_not_recommend]
impl<F, B> OnReject<Response<B>, BoxError> for RespondBoxed<F>
where
    F: Fn(&Rejected) -> Response<B>,
{
    type Error = BoxError;

    fn reject(&self, rejected: Rejected) -> Result<Response<B>, BoxError> {
        Ok(self.respond.answer(rejected))
    }

    fn error(&self, error: BoxError) -> BoxError {
        error
    }

    fn view<'a>(&self, error: &'a BoxError) -> &'a (dyn Error + 'static) {
        &**error
    }
}

impl<F> fmt::Debug for RespondBoxed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RespondBoxed")
    }
}

impl<F> fmt::Debug for Respond<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Respond")
    }
}

/// An empty response that says when to come back: 503, or 429 where the caller sends too much, or 504 where the
/// deadline has passed; with `Retry-After` in whole seconds, rounded up, where the time is known.
pub fn unavailable<B: Default>(rejected: &Rejected) -> Response<B> {
    let mut res = Response::new(B::default());
    *res.status_mut() = match rejected.kind() {
        Kind::RateLimit | Kind::Throttle => StatusCode::TOO_MANY_REQUESTS,
        Kind::Deadline => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    if let Some(wait) = rejected.retry_after() {
        res.headers_mut().insert(header::RETRY_AFTER, retry_after_seconds(wait));
    }
    res
}

fn retry_after_seconds(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds)
}
