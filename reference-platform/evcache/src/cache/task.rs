//! The background: learns the nodes, and finishes the writes that nobody waits for.

use std::{future::poll_fn, pin::Pin, sync::Arc};

use futures_core::Stream;
use futures_util::stream::StreamExt as _;
use orlop_core::{Endpoint, Gate, Update};
use tokio::sync::mpsc;

use super::{
    Shared,
    counts::Counters,
    member::Member,
    topology::{Known, Topology},
    write::Running,
};
use crate::client::{Client, Dial};

/// What it takes to make a member.
pub(super) struct Maker<D, F> {
    pub(super) dial: Arc<D>,
    pub(super) gates: F,
    pub(super) rng: fastrand::Rng,
}

/// One dial function for all connections of a cache.
struct SharedDial<D>(Arc<D>);

impl<D: Dial> Dial for SharedDial<D> {
    type Io = D::Io;

    fn dial(&self, endpoint: &Endpoint) -> impl Future<Output = std::io::Result<D::Io>> + Send {
        self.0.dial(endpoint)
    }
}

impl<D, F> Maker<D, F> {
    /// Replaces the topology by what is known now.
    pub(super) fn publish<G>(&mut self, shared: &Shared<G>, known: &Known)
    where
        D: Dial,
        F: Fn(&Endpoint) -> G,
        G: Gate<str, Ticket: Send> + Send + Sync + 'static,
    {
        let settings = &shared.settings;
        let rng = std::cell::RefCell::new(&mut self.rng);
        let make = |endpoint: &Endpoint| Member {
            client: Client::new(
                endpoint.clone(),
                SharedDial(Arc::clone(&self.dial)),
                settings.connection,
                rng.borrow_mut().fork(),
            ),
            gate: (self.gates)(endpoint),
            counters: Counters::default(),
            all: Arc::clone(&shared.counters),
        };
        let next: Topology<G> = shared.topology.load().next(known, settings.naming, make);
        shared.topology.store(Arc::new(next));
    }
}

/// Runs until the last handle of the cache is dropped and the writes begun are done.
pub(super) async fn run<G, D, F, U>(
    shared: Arc<Shared<G>>,
    mut maker: Maker<D, F>,
    mut known: Known,
    updates: Option<U>,
    mut spare: mpsc::UnboundedReceiver<Running>,
) where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
    D: Dial,
    F: Fn(&Endpoint) -> G + Send + 'static,
    U: Stream<Item = Update> + Send + 'static,
{
    let mut updates = updates.map(Box::pin);
    let mut writes = Running::new();
    loop {
        tokio::select! {
            biased;
            update = next(&mut updates) => match update {
                Some(update) => if known.apply(update) {
                    maker.publish(&shared, &known);
                },
                // Discovery has ended; the last list stays.
                None => updates = None,
            },
            handed = spare.recv() => match handed {
                Some(handed) => writes.extend(handed),
                None => break,
            },
            Some(_) = writes.next(), if !writes.is_empty() => {}
        }
    }
    while writes.next().await.is_some() {}
}

/// The next update; pending for good where there is no stream.
async fn next<U: Stream<Item = Update>>(updates: &mut Option<Pin<Box<U>>>) -> Option<Update> {
    match updates {
        Some(updates) => poll_fn(|cx| updates.as_mut().poll_next(cx)).await,
        None => std::future::pending().await,
    }
}
