//! Telling the other registries.

mod copy;
mod queue;
mod worker;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use orlop_discovery_client::eureka::{
    Client,
    wire::{InstanceInfo, ReplicationAction, ReplicationItem},
};
use tokio::{sync::Notify, time::Instant};

use self::queue::Queue;
pub(crate) use self::{copy::copy, worker::work};

/// Another registry, and what it has not been told yet.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    client: Client,
    /// Taken while the store's lock is held, never the other way round.
    queue: Mutex<Queue>,
    /// Told whenever the queue has grown; the worker is the only one who waits.
    grown: Notify,
    sent: AtomicU64,
    failed: AtomicU64,
}

/// How a peer does, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerSnapshot {
    /// Its address.
    pub name: String,
    /// Changes it has not been told yet.
    pub queued: usize,
    /// Changes it has answered for.
    pub sent: u64,
    /// Batches it has not answered, or not with one answer for each change.
    pub failed: u64,
    /// Changes it was never told: the queue was full, or they were too old.
    pub dropped: u64,
}

/// How long a change is worth telling. A heartbeat is outdated by the next.
const TTL: Duration = Duration::from_secs(30);

impl Peer {
    pub(crate) fn new(client: Client, max_queue: usize) -> Self {
        Self {
            name: client.registries().collect::<Vec<_>>().join(", "),
            client,
            queue: Mutex::new(Queue::new(max_queue)),
            grown: Notify::new(),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(crate) fn tell(&self, item: ReplicationItem, ttl: Duration) {
        self.queue().push(item, ttl, Instant::now());
        self.grown.notify_one();
    }

    pub(crate) fn snapshot(&self) -> PeerSnapshot {
        let queue = self.queue();
        PeerSnapshot {
            name: self.name.clone(),
            queued: queue.len(),
            sent: self.sent.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dropped: queue.dropped(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The change that says what an instance is now.
pub(crate) fn registration(info: &InstanceInfo) -> (ReplicationItem, Duration) {
    let mut item = about(ReplicationAction::Register, info);
    item.status = Some(info.status);
    item.instance_info = Some(info.clone());
    (item, TTL)
}

/// The change that says that an instance lives.
pub(crate) fn heartbeat(info: &InstanceInfo) -> (ReplicationItem, Duration) {
    let mut item = about(ReplicationAction::Heartbeat, info);
    item.status = Some(info.status);
    item.overridden_status =
        (info.overridden_status != Default::default()).then_some(info.overridden_status);
    let interval = Duration::from_secs(info.lease_info.renewal_interval_in_secs.into());
    (item, interval.clamp(Duration::from_secs(1), TTL))
}

/// The change that says that an operator set or cleared a status.
pub(crate) fn status(
    action: ReplicationAction,
    info: &InstanceInfo,
) -> (ReplicationItem, Duration) {
    let mut item = about(action, info);
    item.status = Some(info.status);
    (item, TTL)
}

/// The change that says that an instance has left.
pub(crate) fn cancel(app: &str, id: &str) -> (ReplicationItem, Duration) {
    (ReplicationItem::new(ReplicationAction::Cancel, app, id), TTL)
}

fn about(action: ReplicationAction, info: &InstanceInfo) -> ReplicationItem {
    let mut item = ReplicationItem::new(action, &info.app, &info.instance_id);
    item.last_dirty_timestamp = Some(info.last_dirty_timestamp);
    item
}
