use orlop_core::{Acted, BoxError, Class, Rejected, Verdict};
use std::{error::Error, fmt};

/// Why a call was not answered by the service that should have.
///
/// It is itself an error, so that it can stand in the chain of another; what the service returned is its source.
#[derive(Debug)]
pub struct Cause {
    verdict: Verdict,
    refusal: Option<Rejected>,
    error: Option<BoxError>,
}

/// Decides which outcomes a fallback answers for. Closures `Fn(&Cause) -> bool` work.
pub trait Rescue {
    /// Whether the fallback is to answer.
    fn rescue(&self, cause: &Cause) -> bool;
}

/// Answers for every failure, every request to send less, and every refusal of this process: the default.
///
/// What is neutral, such as a call that was cancelled elsewhere, is passed on, and so is a success.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyFailure;

/// The fallback failed as well.
///
/// Behind it in the chain of sources are the [`Cause`] and the original error; what the fallback met is named in the text,
/// and is [`fallback`](FallbackFailed::fallback). The fallback has acted, so nothing in the chain makes the call count as
/// not sent.
#[derive(Debug)]
pub struct FallbackFailed {
    cause: std::sync::Arc<Cause>,
    /// The cause again, behind the mark that keeps its refusal from proving the whole call unsent.
    since: Acted,
    fallback: BoxError,
}

impl Cause {
    pub(crate) fn of_error(verdict: Verdict, error: BoxError) -> Self {
        let refusal = Rejected::find(&*error).cloned();
        Self { verdict, refusal, error: Some(error) }
    }

    pub(crate) fn of_response(verdict: Verdict, refusal: Option<Rejected>) -> Self {
        Self { verdict, refusal, error: None }
    }

    /// What the classifier said.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The error; `None` if it was a response that counts as a failure.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    /// The refusal, if this process refused the call: in the error, or in place of a response.
    pub fn refusal(&self) -> Option<&Rejected> {
        self.refusal.as_ref()
    }

    pub(crate) fn into_error(self) -> Option<BoxError> {
        self.error
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.refusal, self.verdict.class()) {
            (Some(_), _) => f.write_str("call refused"),
            (None, Class::Throttled) => f.write_str("call throttled"),
            (None, _) => f.write_str("call failed"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match (&self.error, &self.refusal) {
            (Some(error), _) => Some(&**error),
            (None, Some(refusal)) => Some(refusal),
            (None, None) => None,
        }
    }
}

// ===== impl Rescue =====

impl Rescue for AnyFailure {
    fn rescue(&self, cause: &Cause) -> bool {
        matches!(cause.verdict.class(), Class::Failure | Class::Throttled)
            || cause.refusal.is_some()
    }
}

impl<F: Fn(&Cause) -> bool> Rescue for F {
    fn rescue(&self, cause: &Cause) -> bool {
        self(cause)
    }
}

// ===== impl FallbackFailed =====

impl FallbackFailed {
    pub(crate) fn new(cause: std::sync::Arc<Cause>, fallback: BoxError) -> Self {
        let since = Acted::new(cause.clone());
        Self { cause, since, fallback }
    }

    /// Why there was a fallback.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// What the fallback met.
    pub fn fallback(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.fallback
    }
}

impl fmt::Display for FallbackFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fallback failed: {}", self.fallback)
    }
}

impl Error for FallbackFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.since)
    }
}
