//! What a balancer knows at one moment, for people to look at.

use orlop_core::Endpoint;
use std::{error::Error, fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// What a balancer knows at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The endpoints that calls may go to, those to prefer first.
    pub endpoints: Vec<EndpointSnapshot>,
    /// The endpoints that are left out because `connect` failed.
    pub failing: Vec<Failing>,
    /// Whether discovery has answered yet.
    pub resolved: bool,
    /// How old the set is, where discovery cannot be reached.
    pub stale_for: Option<Duration>,
    /// The last failure of discovery since the set last changed.
    pub failure: Option<Arc<dyn Error + Send + Sync>>,
    /// How often `connect` has failed since the balancer began.
    pub failed_connects: u64,
    /// Whether updates are still taken in.
    pub following: Following,
}

/// One endpoint at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// Which, with id, zone, weight and health.
    pub endpoint: Endpoint,
    /// Calls admitted and not yet over.
    pub in_flight: u64,
    /// The response-time estimate after the last sample.
    pub estimate: Option<Duration>,
    /// The time since that sample.
    pub estimate_age: Option<Duration>,
    /// Calls that its gate refused while picking.
    pub refused: u64,
}

/// An endpoint that has no service because `connect` failed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Failing {
    /// Which.
    pub endpoint: Endpoint,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again.
    pub retry_at: Instant,
    /// Why, the last time.
    pub error: Arc<dyn Error + Send + Sync>,
}

/// Whether a balancer still takes in updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Following {
    /// Yes.
    Running,
    /// The stream of updates has ended: the set is fixed.
    Ended,
    /// No: the task, or its runtime, is gone. Calls are refused.
    Gone,
}

/// How current the set is.
#[derive(Clone, Default)]
pub(crate) struct Staleness {
    pub(crate) resolved: bool,
    /// So old, at this time.
    pub(crate) stale: Option<(Duration, Instant)>,
    pub(crate) failure: Option<Arc<dyn Error + Send + Sync>>,
    pub(crate) failed_connects: u64,
}

impl Staleness {
    pub(crate) fn stale_for(&self, now: Instant) -> Option<Duration> {
        self.stale.map(|(age, at)| age.saturating_add(now.saturating_duration_since(at)))
    }

    /// Discovery has told the set.
    pub(crate) fn heard(&mut self) {
        (self.resolved, self.stale, self.failure) = (true, None, None);
    }
}

impl fmt::Debug for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} failed to connect {} times: {}", self.endpoint, self.failures, self.error)
    }
}
