//! One node of a cache: its gate, its connection, its counters.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use orlop_core::{CallContext, Endpoint, Gate, Now, Permit, Verdict};
use tokio::time;

use super::{counts::Counters, error::NodeError};
use crate::client::{Client, ClientError, ConnectionState};

pub(super) struct Member<G> {
    pub(super) client: Client,
    pub(super) gate: G,
    pub(super) counters: Counters,
    /// The whole cache's counters.
    pub(super) all: Arc<Counters>,
}

impl<G> Member<G> {
    pub(super) fn endpoint(&self) -> &Endpoint {
        self.client.endpoint()
    }

    /// Counts at the node and for the whole.
    pub(super) fn count(&self, which: impl Fn(&Counters) -> &AtomicU64) {
        which(&self.counters).fetch_add(1, Ordering::Relaxed);
        which(&self.all).fetch_add(1, Ordering::Relaxed);
    }
}

impl<G> Member<G>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    /// Whether asking it now is most likely in vain.
    pub(super) fn is_unlikely(&self) -> bool {
        matches!(self.client.state(), ConnectionState::Down | ConnectionState::Closed)
            || self.gate.refusing(&Now::lazy()).is_some()
    }

    /// One command through the gate, within a time.
    ///
    /// A caller who leaves early settles the permit as dropped, which says nothing about the node.
    pub(super) async fn ask<T>(
        &self,
        key: &str,
        call: Option<&CallContext>,
        limit: Duration,
        command: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, NodeError> {
        let permit = match Permit::enter(&self.gate, key, call, &Now::lazy()) {
            Ok(permit) => permit,
            Err(rejected) => {
                self.count(|c| &c.refused);
                return Err(NodeError::Rejected(rejected));
            }
        };
        let outcome = match time::timeout(limit, command).await {
            Ok(answer) => answer.map_err(NodeError::Client),
            Err(_) => Err(NodeError::TimedOut),
        };
        let verdict = outcome.as_ref().err().map_or(Verdict::SUCCESS, NodeError::verdict);
        permit.settle(verdict);
        if outcome.is_err() {
            self.count(|c| &c.errors);
        }
        outcome
    }
}
