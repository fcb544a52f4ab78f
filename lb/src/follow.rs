//! The task that follows discovery: it takes in updates while no call is under way, and connects.

use crate::{
    Node, Settings,
    connect::connect,
    node::Meter,
    published::Publisher,
    set::{Entry, Set},
    snapshot::{Failing, Staleness},
};
use fastrand::Rng;
use futures_core::Stream;
use orlop_core::{BoxError, Endpoint, EndpointId, Update};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// What is known of the endpoints, and how to make more of them.
pub(crate) struct Follow<M, F, S, G> {
    pub(crate) connect: M,
    pub(crate) gate: F,
    pub(crate) settings: Settings,
    pub(crate) meter: Meter,
    pub(crate) rng: Rng,
    pub(crate) publisher: Publisher<S, G>,
    /// Ordered by id, so that a set is the same whatever order its endpoints came in.
    pub(crate) known: BTreeMap<EndpointId, Known<S, G>>,
    pub(crate) staleness: Staleness,
}

pub(crate) enum Known<S, G> {
    Up(Entry<S, G>),
    Failing(Failing),
}

enum Event {
    Update(Update),
    Ended,
    Reconnect,
    /// No handle is left.
    Closed,
}

/// How many updates are taken in before the set is published, if that many are there at once: a list of 10,000 that
/// comes one by one must not be published 10,000 times.
const BATCH: usize = 256;
/// The longest wait before a reconnect: never, for all who run this. Every platform's clock can represent it.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

impl<M, F, S, G, E> Follow<M, F, S, G>
where
    M: Fn(&Endpoint) -> Result<S, E>,
    E: Into<BoxError>,
    F: Fn(&Endpoint) -> G,
    S: Clone,
{
    /// Follows `updates` until there are no more, or until no handle is left.
    pub(crate) async fn run<U>(mut self, updates: U, mut closed: oneshot::Receiver<Infallible>)
    where
        U: Stream<Item = Update>,
    {
        let mut updates = pin!(updates);
        let mut open = true;
        loop {
            match next(updates.as_mut(), open, self.next_reconnect(), &mut closed).await {
                Event::Update(update) => {
                    self.apply(update, Instant::now());
                    open = self.drain(updates.as_mut()).await;
                }
                Event::Ended => open = false,
                Event::Reconnect => self.reconnect(Instant::now()),
                Event::Closed => return,
            }
            if !open {
                // No answer will come: from now on "not resolved yet" is "empty".
                self.staleness.resolved = true;
            }
            self.publish();
            if !open {
                self.publisher.ended();
                if self.next_reconnect().is_none() {
                    return;
                }
            }
        }
    }

    /// Takes in what more is there already. Returns whether the stream goes on.
    async fn drain<U>(&mut self, mut updates: Pin<&mut U>) -> bool
    where
        U: Stream<Item = Update>,
    {
        for _ in 1..BATCH {
            let next = poll_fn(|cx| Poll::Ready(updates.as_mut().poll_next(cx))).await;
            match next {
                Poll::Ready(Some(update)) => self.apply(update, Instant::now()),
                Poll::Ready(None) => return false,
                Poll::Pending => return true,
            }
        }
        // A stream that always has more must not keep the thread.
        tokio::task::yield_now().await;
        true
    }

    fn apply(&mut self, update: Update, now: Instant) {
        match update {
            Update::Reset(endpoints) => {
                let mut before = std::mem::take(&mut self.known);
                for endpoint in endpoints {
                    // An id that comes twice is the same instance: the later one counts.
                    let known = self.known.remove(endpoint.id()).or(before.remove(endpoint.id()));
                    self.upsert(known, endpoint, now);
                }
                self.staleness.heard();
            }
            Update::Upsert(endpoint) => {
                let known = self.known.remove(endpoint.id());
                self.upsert(known, endpoint, now);
                self.staleness.heard();
            }
            Update::Remove(id) => {
                // Calls in flight there have their own handle on service and gate, and end in their own time.
                self.known.remove(&id);
                self.staleness.heard();
            }
            Update::Stale(age) => self.staleness.stale = Some((age, now)),
            Update::Failed(error) => self.staleness.failure = Some(error),
            _ => {}
        }
    }

    fn upsert(&mut self, known: Option<Known<S, G>>, endpoint: Endpoint, now: Instant) {
        let id = endpoint.id().clone();
        let known = match known {
            // Weight, health, zone or metadata: connection, gate and estimate stay.
            Some(Known::Up(entry)) if entry.endpoint.same_connection(&endpoint) => {
                Known::Up(Entry { endpoint, ..entry })
            }
            // It is tried again in its time, not sooner because discovery repeats itself.
            Some(Known::Failing(failing)) if failing.endpoint.same_connection(&endpoint) => {
                Known::Failing(Failing { endpoint, ..failing })
            }
            _ => self.connect(endpoint, 0, now),
        };
        self.known.insert(id, known);
    }

    fn connect(&mut self, endpoint: Endpoint, failures: u32, now: Instant) -> Known<S, G> {
        match connect(&self.connect, &self.gate, &endpoint) {
            Ok((service, gate)) => {
                let node = Arc::new(Node::new(endpoint.clone(), gate, self.meter));
                Known::Up(Entry { endpoint, service, node })
            }
            Err(error) => {
                self.staleness.failed_connects += 1;
                let wait = self.backoff(failures);
                Known::Failing(Failing {
                    endpoint,
                    failures: failures.saturating_add(1),
                    retry_at: now + wait,
                    error: Arc::new(error),
                })
            }
        }
    }

    /// Doubled for each failure before, capped, then between half of that and all of it.
    fn backoff(&mut self, failures: u32) -> Duration {
        // A wait of zero would spin.
        let after = self.settings.reconnect_after.max(Duration::from_millis(1));
        let doubled = after.saturating_mul(1 << failures.min(20));
        let wait = doubled.min(self.settings.reconnect_at_most.max(after)).min(NEVER);
        wait.mul_f64(0.5 + 0.5 * self.rng.f64())
    }

    fn reconnect(&mut self, now: Instant) {
        let due = |known: &Known<S, G>| matches!(known, Known::Failing(f) if f.retry_at <= now);
        let ids: Vec<_> =
            self.known.iter().filter(|(_, known)| due(known)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(Known::Failing(failing)) = self.known.remove(&id) {
                let known = self.connect(failing.endpoint, failing.failures, now);
                self.known.insert(id, known);
            }
        }
    }

    fn next_reconnect(&self) -> Option<Instant> {
        let at = |known: &Known<S, G>| match known {
            Known::Failing(failing) => Some(failing.retry_at),
            Known::Up(_) => None,
        };
        self.known.values().filter_map(at).min()
    }

    fn publish(&self) {
        let (mut entries, mut failing) = (Vec::with_capacity(self.known.len()), Vec::new());
        for known in self.known.values() {
            match known {
                Known::Up(entry) => entries.push(entry.clone()),
                Known::Failing(endpoint) => failing.push(endpoint.clone()),
            }
        }
        let zone = self.settings.local_zone.as_deref();
        self.publisher.publish(Set::new(entries, failing, self.staleness.clone(), zone));
    }
}

/// The next thing to do. It borrows nothing of `Follow`, whose closures need not be `Sync`.
async fn next<U>(
    mut updates: Pin<&mut U>,
    open: bool,
    reconnect: Option<Instant>,
    closed: &mut oneshot::Receiver<Infallible>,
) -> Event
where
    U: Stream<Item = Update>,
{
    let mut reconnect = pin!(reconnect.map(tokio::time::sleep_until));
    poll_fn(|cx| {
        if Pin::new(&mut *closed).poll(cx).is_ready() {
            return Poll::Ready(Event::Closed);
        }
        if open && let Poll::Ready(update) = updates.as_mut().poll_next(cx) {
            return Poll::Ready(update.map_or(Event::Ended, Event::Update));
        }
        match reconnect.as_mut().as_pin_mut().map(|timer| timer.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Event::Reconnect),
            _ => Poll::Pending,
        }
    })
    .await
}

impl<S: Clone, G> Clone for Entry<S, G> {
    fn clone(&self) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            service: self.service.clone(),
            node: Arc::clone(&self.node),
        }
    }
}
