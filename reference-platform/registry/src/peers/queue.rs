//! What one peer has not been told yet, in the order in which it happened.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use orlop_discovery_client::eureka::wire::{ReplicationAction, ReplicationItem};
use tokio::time::Instant;

use crate::store::Key;

/// At most one change of each kind for an instance: a newer one takes the older one's place, at the end, because
/// leaving and coming back must arrive in the order in which they happened last.
#[derive(Debug)]
pub(super) struct Queue {
    tasks: BTreeMap<u64, Task>,
    places: HashMap<(ReplicationAction, Key), u64>,
    next: u64,
    capacity: usize,
    dropped: u64,
}

#[derive(Debug)]
pub(super) struct Task {
    place: u64,
    since: Instant,
    until: Instant,
    pub(super) item: ReplicationItem,
}

/// As many changes as Netflix's server puts in a batch.
pub(super) const BATCH: usize = 250;

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { tasks: BTreeMap::new(), places: HashMap::new(), next: 0, capacity, dropped: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When the batch should go that the oldest change is in; `None` if there is none.
    pub(super) fn due(&self, delay: Duration) -> Option<Instant> {
        let (_, oldest) = self.tasks.first_key_value()?;
        Some(if self.tasks.len() >= BATCH { oldest.since } else { oldest.since + delay })
    }

    pub(super) fn push(&mut self, item: ReplicationItem, ttl: Duration, now: Instant) {
        if let Some(older) = self.places.get(&key(&item)) {
            self.tasks.remove(older);
        } else if self.tasks.len() >= self.capacity {
            self.drop_oldest();
        }
        let place = self.next;
        self.next += 1;
        self.insert(Task { place, since: now, until: now + ttl, item });
    }

    /// Takes the oldest changes, as many as go in a batch, without those that are outdated.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Task> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some((_, task)) = self.tasks.pop_first()
        {
            self.places.remove(&key(&task.item));
            if task.until <= now {
                self.dropped += 1;
            } else {
                batch.push(task);
            }
        }
        batch
    }

    /// Takes a batch back that the peer did not get, each change in its old place unless a newer one has replaced it.
    pub(super) fn put_back(&mut self, batch: Vec<Task>) {
        // From the newest on, so that in a full queue it is the oldest that is not taken back.
        for task in batch.into_iter().rev() {
            if self.places.contains_key(&key(&task.item)) {
                continue;
            }
            if self.tasks.len() >= self.capacity {
                self.dropped += 1;
                continue;
            }
            self.insert(task);
        }
    }

    fn insert(&mut self, task: Task) {
        self.places.insert(key(&task.item), task.place);
        self.tasks.insert(task.place, task);
    }

    fn drop_oldest(&mut self) {
        if let Some((_, task)) = self.tasks.pop_first() {
            self.places.remove(&key(&task.item));
            self.dropped += 1;
        }
    }
}

fn key(item: &ReplicationItem) -> (ReplicationAction, Key) {
    (item.action, Key::new(&item.app_name, &item.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReplicationAction::{Cancel, Heartbeat, Register};

    const TTL: Duration = Duration::from_secs(30);

    fn item(action: ReplicationAction, id: &str) -> ReplicationItem {
        ReplicationItem::new(action, "APP", id)
    }

    fn drain(queue: &mut Queue, now: Instant) -> Vec<(ReplicationAction, String)> {
        queue.take(now).into_iter().map(|task| (task.item.action, task.item.id)).collect()
    }

    #[test]
    fn the_newest_of_a_kind_wins_and_goes_to_the_end() {
        let now = Instant::now();
        let mut queue = Queue::new(10);
        for action in [Cancel, Register, Heartbeat, Cancel] {
            queue.push(item(action, "a"), TTL, now);
        }
        let order: Vec<_> = drain(&mut queue, now).into_iter().map(|(action, _)| action).collect();
        assert_eq!(order, [Register, Heartbeat, Cancel], "it left last, so that comes last");
    }

    #[test]
    fn a_full_queue_drops_the_oldest() {
        let now = Instant::now();
        let mut queue = Queue::new(2);
        for id in ["a", "b", "c"] {
            queue.push(item(Register, id), TTL, now);
        }
        assert_eq!((queue.len(), queue.dropped()), (2, 1));
        assert_eq!(drain(&mut queue, now)[0].1, "b");
    }

    #[test]
    fn what_is_outdated_is_not_told() {
        let now = Instant::now();
        let mut queue = Queue::new(10);
        queue.push(item(Heartbeat, "a"), Duration::from_secs(1), now);
        queue.push(item(Register, "b"), TTL, now);
        assert_eq!(drain(&mut queue, now + Duration::from_secs(1)).len(), 1);
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_batch_that_failed_keeps_its_place_unless_something_newer_came() {
        let now = Instant::now();
        let mut queue = Queue::new(10);
        queue.push(item(Cancel, "a"), TTL, now);
        queue.push(item(Heartbeat, "b"), TTL, now);
        let batch = queue.take(now);
        queue.push(item(Register, "a"), TTL, now);
        queue.push(item(Heartbeat, "b"), TTL, now);
        queue.put_back(batch);
        let order = drain(&mut queue, now);
        let order: Vec<_> = order.iter().map(|(action, id)| (*action, id.as_str())).collect();
        assert_eq!(order, [(Cancel, "a"), (Register, "a"), (Heartbeat, "b")]);
    }

    #[test]
    fn a_full_batch_is_due_at_once() {
        let now = Instant::now();
        let delay = Duration::from_millis(500);
        let mut queue = Queue::new(1000);
        assert_eq!(queue.due(delay), None);
        queue.push(item(Register, "first"), TTL, now);
        assert_eq!(queue.due(delay), Some(now + delay));
        for n in 1..BATCH {
            queue.push(item(Register, &n.to_string()), TTL, now);
        }
        assert_eq!(queue.due(delay), Some(now));
        queue.push(item(Register, "one too many"), TTL, now);
        assert_eq!(queue.take(now).len(), BATCH);
        assert_eq!(queue.len(), 1);
    }
}
