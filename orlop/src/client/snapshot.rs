use orlop_breaker::State;
use orlop_core::{Endpoint, EndpointId};
use orlop_lb::Failing;
use orlop_retry as retry;
use std::{sync::Arc, time::Duration};

/// A client at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Its endpoints, those to prefer first.
    pub endpoints: Vec<EndpointSnapshot>,
    /// Endpoints that are left out because `connect` failed for them, and when it is tried again.
    pub failing: Vec<Failing>,
    /// How often `connect` has failed since the client was made.
    pub failed_connects: u64,
    /// Calls and retries so far.
    pub retries: retry::Snapshot,
    /// How old the list of endpoints is, where discovery cannot be reached.
    pub stale_for: Option<Duration>,
}

/// One endpoint of a client at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// Which.
    pub id: EndpointId,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its circuit; `None` while it is not connected.
    pub circuit: Option<State>,
    /// Calls in flight there.
    pub in_flight: u64,
    /// What a call there took lately; `None` before the first.
    pub estimate: Option<Duration>,
    /// Calls that its gates refused while an endpoint was picked.
    pub refused: u64,
}

impl ClientSnapshot {
    pub(crate) fn empty(name: Arc<str>) -> Self {
        Self {
            name,
            endpoints: Vec::new(),
            failing: Vec::new(),
            failed_connects: 0,
            retries: retry::Snapshot::default(),
            stale_for: None,
        }
    }
}
