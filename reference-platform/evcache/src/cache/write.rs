//! All zones at once; the latch says how many successes to wait for.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use orlop_core::{Gate, Kind, Rejected};
use tokio::sync::mpsc;

use super::{
    Shared,
    error::{CacheError, CacheErrorKind, NodeError},
    key::CacheKey,
    latch::{Latch, WriteOutcome},
    member::Member,
};
use crate::{Value, protocol::Expiry};

/// Writes under way; each says whether it succeeded.
pub(super) type Running = FuturesUnordered<Pin<Box<dyn Future<Output = bool> + Send>>>;

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Set(Value, Expiry),
    Delete,
    Touch(Expiry),
}

/// Writes that a caller waits for. When the caller has heard enough, or leaves, the rest goes on in the background.
struct Waited<'a> {
    running: Running,
    spare: &'a mpsc::UnboundedSender<Running>,
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        if !self.running.is_empty() {
            // Err: the runtime has gone, and the connections with it.
            let _ = self.spare.send(std::mem::take(&mut self.running));
        }
    }
}

pub(super) async fn write<G>(
    shared: &Shared<G>,
    spare: &mpsc::UnboundedSender<Running>,
    key: CacheKey,
    write: Write,
    latch: Latch,
) -> Result<WriteOutcome, CacheError>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    let topology = shared.topology.load_full();
    let limit = shared.settings.write_timeout;
    let (key, write) = (Arc::new(key), Arc::new(write));
    let running: Running = topology
        .owners(&key.wire)
        .map(|(_, member)| -> Pin<Box<dyn Future<Output = bool> + Send>> {
            Box::pin(write_one(Arc::clone(member), Arc::clone(&key), Arc::clone(&write), limit))
        })
        .collect();
    if running.is_empty() {
        return Err(CacheError::unavailable(NodeError::Rejected(Rejected::new(Kind::NoEndpoints))));
    }
    let mut outcome = WriteOutcome::begun(running.len(), latch);
    let mut waited = Waited { running, spare };
    while !outcome.is_decided()
        && let Some(success) = waited.running.next().await
    {
        outcome.count(success);
    }
    Ok(outcome)
}

async fn write_one<G>(
    member: Arc<Member<G>>,
    key: Arc<CacheKey>,
    write: Arc<Write>,
    limit: Duration,
) -> bool
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    let client = &member.client;
    let command = async {
        match &*write {
            Write::Set(value, expiry) => client.set(&key.wire, value, *expiry).await.map(|()| true),
            // Not there is what was asked for.
            Write::Delete => client.delete(&key.wire).await.map(|_| true),
            Write::Touch(expiry) => client.touch(&key.wire, *expiry).await,
        }
    };
    match member.ask(&key.text, None, limit, command).await {
        Ok(done) => {
            member.count(|c| if done { &c.writes } else { &c.untouched });
            done
        }
        Err(_) => false,
    }
}

impl Write {
    pub(super) fn set<G>(
        shared: &Shared<G>,
        key: &CacheKey,
        value: Value,
        ttl: Duration,
    ) -> Result<Self, CacheError> {
        let max = shared.settings.connection.limits.value.saturating_sub(key.overhead());
        let len = value.data().len();
        if len > max {
            return Err(CacheErrorKind::TooLarge { len, max }.into());
        }
        Ok(Self::Set(key.wrap(value), expiry(shared, ttl)?))
    }

    pub(super) fn touch<G>(shared: &Shared<G>, ttl: Duration) -> Result<Self, CacheError> {
        expiry(shared, ttl).map(Self::Touch)
    }
}

/// Zero is refused: on the wire it would mean for ever, and a caller who computed it meant the opposite.
fn expiry<G>(shared: &Shared<G>, ttl: Duration) -> Result<Expiry, CacheError> {
    if ttl.is_zero() {
        return Err(CacheErrorKind::ZeroTtl.into());
    }
    Ok(Expiry::after(ttl, (shared.wall)()))
}
