//! How a refusal leaves the middleware: as a boxed error, as a typed one, or as a response.

use crate::{BoxError, Rejected};
use std::{error::Error, fmt};

/// Turns a refusal into what the service returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit a service that returns `{Res}` or `{E}`",
    label = "a refusal cannot become what this service returns",
    note = "is the service's error a `BoxError`? Then use `.respond_boxed(..)` in place of `.respond(..)`, and leave `.typed()` away: refusals can be a `BoxError` as they are",
    note = "`.respond(..)` and `.respond_boxed(..)` make an `http::Response` with the body that the service's responses have; `.typed()` keeps an error type that implements `Error`; without any of them the error must convert into `BoxError`"
)]
pub trait OnReject<Res, E> {
    /// The error of the guarded service.
    type Error;

    /// What the caller gets for a refusal: an error, or a response. An `http::Response` should carry the refusal in its
    /// extensions, by which guards further out know that it is no answer of the other side; `http::Respond`'s do.
    ///
    /// # Errors
    ///
    /// The refusal, where it is not turned into a response.
    fn reject(&self, rejected: Rejected) -> Result<Res, Self::Error>;

    /// What the caller gets for an error of the inner service.
    fn error(&self, error: E) -> Self::Error;

    /// That error, for the classifier to look at.
    fn view<'a>(&self, error: &'a Self::Error) -> &'a (dyn Error + 'static);
}

/// A refusal is a [`BoxError`], and so are the inner service's errors: the default. One allocation a refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError;

/// A refusal is [`Refused::Rejected`], an error of the inner service is [`Refused::Inner`]. No allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed;

/// The error of a service guarded with [`Typed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused<E> {
    /// This process refused the call.
    Rejected(Rejected),
    /// The inner service failed.
    Inner(E),
}

// Of these impls a message would tell which bound of theirs is missed; what to do instead, the trait's message says.
#[diagnostic::do_not_recommend]
impl<Res, E: Into<BoxError>> OnReject<Res, E> for AsError {
    type Error = BoxError;

    fn reject(&self, rejected: Rejected) -> Result<Res, BoxError> {
        Err(rejected.into())
    }

    fn error(&self, error: E) -> BoxError {
        error.into()
    }

    fn view<'a>(&self, error: &'a BoxError) -> &'a (dyn Error + 'static) {
        &**error
    }
}

#[diagnostic::do_not_recommend]
impl<Res, E: Error + 'static> OnReject<Res, E> for Typed {
    type Error = Refused<E>;

    #[inline]
    fn reject(&self, rejected: Rejected) -> Result<Res, Refused<E>> {
        Err(Refused::Rejected(rejected))
    }

    fn error(&self, error: E) -> Refused<E> {
        Refused::Inner(error)
    }

    fn view<'a>(&self, error: &'a Refused<E>) -> &'a (dyn Error + 'static) {
        error.as_dyn()
    }
}

impl<E: Error + 'static> Refused<E> {
    fn as_dyn(&self) -> &(dyn Error + 'static) {
        match self {
            Self::Rejected(rejected) => rejected,
            Self::Inner(error) => error,
        }
    }
}

impl<E> fmt::Display for Refused<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(_) => "call refused",
            Self::Inner(_) => "call failed",
        })
    }
}

impl<E: Error + 'static> Error for Refused<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.as_dyn())
    }
}
