//! Who says whether a call went well.

use crate::{NotSent, Rejected, Verdict};
use std::{convert::Infallible, error::Error, fmt};

/// Begins to judge a call when its request is seen.
///
/// The object it returns follows the call, so the request's type stays out of the future's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no classifier of calls with requests of type `{Req}`",
    label = "does not say which calls went well",
    note = "a closure becomes one with `by_result(|result| ..)`; `AnyError` is one that takes every error for a failure",
    note = "for `http::Request` the constructors `::http(..)` and `::grpc(..)` bring one along"
)]
pub trait Classify<Req: ?Sized> {
    /// What judges this one call.
    type Call;

    /// Looks at the request.
    fn begin(&self, req: &Req) -> Self::Call;
}

/// Judges one call by its response or error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not judge responses of type `{Res}`",
    label = "judges other responses than this service's",
    note = "`HttpStatus` and `GrpcStatus` judge an `http::Response`; `by_result(|result| ..)` and `AnyError` judge anything"
)]
pub trait Outcome<Res: ?Sized> {
    /// What judges the call at its end, where the head does not decide.
    type AtEnd: AtEnd;

    /// Looks at the response's head.
    fn head(self, res: &Res) -> Head<Self::AtEnd>;

    /// Looks at the error.
    fn error(self, error: &(dyn Error + 'static)) -> Verdict;
}

/// What the head of a response says.
#[derive(Clone, Copy, Debug)]
pub enum Head<N> {
    /// Decided. Only a body that fails can still change it, into a failure.
    Known(Verdict),
    /// The end decides.
    AtEnd(N),
}

/// Judges a call at the end of its response.
pub trait AtEnd {
    /// Looks at the end.
    fn end(self, end: BodyEnd<'_>) -> Verdict;
}

/// How a response's body ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyEnd<'a> {
    /// With its last byte.
    Complete,
    /// With trailers.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    Trailers(&'a ::http::HeaderMap),
    /// With an error.
    Failed(&'a (dyn Error + 'static)),
    /// It did not: nobody wanted the rest.
    Dropped,
}

/// Judges by a closure over the result: `by_result(|result| ..)`.
///
/// # Examples
///
/// ```
/// use orlop_core::{by_result, Verdict};
///
/// // Any error counts; `Option::None` is an answer like any other.
/// let classify = by_result(|result: Result<&Option<u32>, _>| match result {
///     Ok(_) => Verdict::SUCCESS,
///     Err(_) => Verdict::BROKEN,
/// });
/// # let _ = classify;
/// ```
pub fn by_result<Res, F>(judge: F) -> ByResult<F>
where
    F: Fn(Result<&Res, &(dyn Error + 'static)>) -> Verdict + Clone,
{
    ByResult { judge }
}

/// Judges by a closure over the result. Made by [`by_result`].
///
/// This process's own refusals and failed connects are told apart before the closure is asked.
#[derive(Clone, Copy)]
pub struct ByResult<F> {
    judge: F,
}

/// Every response is a success and every error a failure, but for this process's own refusals.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyError;

/// The verdict on an error that needs no knowledge of the protocol: refused here, or never sent.
///
/// Classifiers ask it first. `None` leaves the error to them.
pub fn local_verdict(error: &(dyn Error + 'static)) -> Option<Verdict> {
    if Rejected::find(error).is_some() {
        // Whether *this* attempt was unsent, `Rejected::unsent` tells; a circuit only needs "says nothing".
        Some(Verdict::NEUTRAL)
    } else if NotSent::is_in(error) {
        Some(Verdict::UNCONNECTED)
    } else {
        None
    }
}

// ===== impl ByResult =====

impl<Req: ?Sized, F: Clone> Classify<Req> for ByResult<F> {
    type Call = Self;

    fn begin(&self, _: &Req) -> Self {
        self.clone()
    }
}

impl<Res, F> Outcome<Res> for ByResult<F>
where
    F: Fn(Result<&Res, &(dyn Error + 'static)>) -> Verdict,
{
    type AtEnd = Infallible;

    fn head(self, res: &Res) -> Head<Infallible> {
        Head::Known((self.judge)(Ok(res)))
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or_else(|| (self.judge)(Err(error)))
    }
}

impl<F> fmt::Debug for ByResult<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByResult")
    }
}

// ===== impl AnyError =====

impl<Req: ?Sized> Classify<Req> for AnyError {
    type Call = Self;

    fn begin(&self, _: &Req) -> Self {
        *self
    }
}

impl<Res: ?Sized> Outcome<Res> for AnyError {
    type AtEnd = Infallible;

    fn head(self, _: &Res) -> Head<Infallible> {
        Head::Known(Verdict::SUCCESS)
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or(Verdict::BROKEN)
    }
}

impl AtEnd for Infallible {
    fn end(self, _: BodyEnd<'_>) -> Verdict {
        match self {}
    }
}

// ===== impl Head =====

impl<N: AtEnd> Head<N> {
    /// The verdict where the head decides.
    pub fn known(&self) -> Option<&Verdict> {
        match self {
            Self::Known(verdict) => Some(verdict),
            Self::AtEnd(_) => None,
        }
    }

    /// The verdict on the whole call, once its body has ended.
    pub fn at(self, end: BodyEnd<'_>) -> Verdict {
        match (self, end) {
            // A success at the head whose body then breaks is no success.
            (Self::Known(verdict), BodyEnd::Failed(_)) if verdict.is_success() => Verdict::BROKEN,
            (Self::Known(verdict), _) => verdict,
            (Self::AtEnd(judge), end) => judge.end(end),
        }
    }
}
