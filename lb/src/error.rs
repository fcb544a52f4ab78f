//! What a call ends with when it ends badly.

use orlop_core::{AttemptId, BoxError, Endpoint, Kind, NotSent, Rejected};
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// The call went to this endpoint and failed. `source()` is why.
#[derive(Debug)]
pub struct EndpointError {
    endpoint: Endpoint,
    source: BoxError,
}

/// The task that follows discovery is gone, most likely with its runtime, so the endpoints known here may long be others.
///
/// Its source is the [`Rejected`] that it stands for.
#[derive(Debug)]
pub struct Orphaned {
    source: Rejected,
}

/// Why a call has no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unresolved,
    Empty { retry_after: Option<Duration> },
    Refused { retry_after: Option<Duration> },
    Orphaned,
}

// ===== impl EndpointError =====

impl EndpointError {
    pub(crate) fn new(endpoint: Endpoint, source: BoxError) -> Self {
        Self { endpoint, source }
    }

    /// The call began at `endpoint`, whose service failed to become ready for it.
    pub(crate) fn unsent(endpoint: Endpoint, attempt: Option<AttemptId>, source: BoxError) -> Self {
        Self::new(endpoint, NotSent::new(attempt, source).into())
    }

    /// Where the call went.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The first endpoint named in an error's chain of sources: the one that the outermost balancer picked.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Endpoint> {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref::<Self>())
            .map(Self::endpoint)
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call to {} at {} failed", self.endpoint.id(), self.endpoint.addr())
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

// ===== impl Orphaned =====

impl fmt::Display for Orphaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "endpoints are no longer followed: the balancer's task is gone with its runtime",
        )
    }
}

impl Error for Orphaned {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

// ===== impl Refusal =====

impl Refusal {
    pub(crate) fn into_error(
        self,
        name: Option<&Arc<str>>,
        attempt: Option<AttemptId>,
    ) -> BoxError {
        let (kind, retry_after) = match self {
            Self::Unresolved | Self::Orphaned => (Kind::NoEndpoints, None),
            Self::Empty { retry_after } => (Kind::NoEndpoints, retry_after),
            Self::Refused { retry_after } => (Kind::AllRefused, retry_after),
        };
        let mut rejected = Rejected::new(kind).stamped(attempt);
        if let Some(name) = name {
            rejected = rejected.named(Arc::clone(name));
        }
        if let Some(wait) = retry_after {
            rejected = rejected.with_retry_after(wait);
        }
        match self {
            Self::Orphaned => Orphaned { source: rejected }.into(),
            _ => rejected.into(),
        }
    }
}
