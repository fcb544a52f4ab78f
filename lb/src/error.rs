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

/// No endpoint admitted the call. It names the endpoint that may admit one soonest, and what its gate said.
///
/// Its source is the [`Rejected`] of kind [`AllRefused`](Kind::AllRefused) that it stands for.
#[derive(Debug)]
pub struct AllRefused {
    by: Refused,
    source: Rejected,
}

/// What an endpoint's gate said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) endpoint: Endpoint,
    pub(crate) rejected: Rejected,
}

/// Why a call has no endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unresolved,
    Empty {
        retry_after: Option<Duration>,
    },
    /// Nobody at all where there was nobody to ask.
    Refused(Option<Refused>),
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

// ===== impl AllRefused =====

impl AllRefused {
    /// The endpoint that may admit a call soonest, as far as the gates say; else the first that was asked.
    pub fn endpoint(&self) -> &Endpoint {
        &self.by.endpoint
    }

    /// What its gate said.
    pub fn by(&self) -> &Rejected {
        &self.by.rejected
    }
}

impl fmt::Display for AllRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refused: {}", self.by.endpoint.id(), self.by.rejected)
    }
}

impl Error for AllRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
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
        let (kind, retry_after) = match &self {
            Self::Unresolved | Self::Orphaned => (Kind::NoEndpoints, None),
            Self::Empty { retry_after } => (Kind::NoEndpoints, *retry_after),
            Self::Refused(by) => {
                (Kind::AllRefused, by.as_ref().and_then(|by| by.rejected.retry_after()))
            }
        };
        let mut source = Rejected::new(kind).stamped(attempt);
        if let Some(name) = name {
            source = source.named(Arc::clone(name));
        }
        if let Some(wait) = retry_after {
            source = source.with_retry_after(wait);
        }
        match self {
            Self::Orphaned => Orphaned { source }.into(),
            Self::Refused(Some(by)) => AllRefused { by, source }.into(),
            Self::Unresolved | Self::Empty { .. } | Self::Refused(None) => source.into(),
        }
    }
}
