use orlop_core::{BoxError, Endpoint};
use std::{error::Error, fmt, time::Duration};

/// The error that a call ended with, and the attempt that met it.
///
/// The error itself is its [`source`](Error::source).
#[derive(Debug)]
pub struct AttemptError {
    attempt: u32,
    max_attempts: u32,
    withheld: bool,
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
    pub(crate) fn new(attempt: u32, max_attempts: u32, source: BoxError) -> Self {
        Self { attempt, max_attempts, withheld: false, endpoint: None, source }
    }

    pub(crate) fn at(mut self, endpoint: Option<Endpoint>) -> Self {
        self.endpoint = endpoint;
        self
    }

    pub(crate) fn withheld(mut self, withheld: bool) -> Self {
        self.withheld = withheld;
        self
    }

    /// The attempt, 1 for the first. It was the last, so there were as many.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many attempts the call might have had: 1 where it was not to be tried again.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Whether there was no further attempt because the budget did not pay for it.
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// Where it went, if a balancer said so.
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
