use orlop_core::{BoxError, Endpoint};
use std::{error::Error, fmt, time::Duration};

/// The error that a call ended with, and the attempt that met it.
///
/// The error itself is its [`source`](Error::source).
#[derive(Debug)]
pub struct AttemptError {
    attempt: u32,
    endpoint: Option<Endpoint>,
    source: BoxError,
}

/// No answer came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    attempt: u32,
    after: Duration,
}

impl AttemptError {
    pub(crate) fn new(attempt: u32, endpoint: Option<Endpoint>, source: BoxError) -> Self {
        Self { attempt, endpoint, source }
    }

    /// The attempt, 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Where it went, if a balancer recorded it.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// What it met, with its own type.
    pub fn into_source(self) -> BoxError {
        self.source
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} failed", self.attempt)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {}", endpoint.id()),
            None => Ok(()),
        }
    }
}

impl Error for AttemptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl TimedOut {
    pub(crate) fn new(attempt: u32, after: Duration) -> Self {
        Self { attempt, after }
    }

    /// The attempt that got no answer, 1 for the first; also where there are no retries.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How long it was waited for.
    pub fn after(&self) -> Duration {
        self.after
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer after {:?}", self.after)
    }
}

impl Error for TimedOut {}
