//! The endpoints of one application as a stream.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use orlop_core::Update;
use tokio::sync::watch;

use super::discovery::Known;
use crate::diff::{Set, diff};

/// The endpoints of one application: a stream of [`Update`]s.
///
/// * Nothing, until a registry has answered once; [`Update::Failed`] for each time that none does.
/// * Then [`Update::Reset`] with what is listed, also if that is nothing.
/// * Then [`Update::Remove`] and [`Update::Upsert`] for what changes. A watch that is polled late gets what it takes to
///   come from what it last told to what is known now, not every step between.
/// * [`Update::Stale`] for each time that no registry answers, with the age of what is known, which stays in force.
///   When one answers again: [`Update::Reset`].
/// * When the fetching task ends before the watch, because its runtime has ended: [`Update::Failed`] with [`Stopped`],
///   and the end of the stream.
///
/// Instances that are not `UP` are not listed. When more than half of the endpoints vanish at once (and there were two
/// or more), they stay listed for one lease; what is added meanwhile is listed at once. A registry that is told by the
/// instances themselves that they leave says the same, so those are held too.
///
/// # Cancel safety
///
/// A watch that is dropped has no effect on others.
#[must_use = "a stream does nothing until it is polled"]
pub struct Watch {
    app: String,
    changed: Changed,
    /// What has been told so far; `None` before the first reset.
    told: Option<Arc<Set>>,
    stale: bool,
    queue: VecDeque<Update>,
    ended: bool,
}

/// The task that fetches has ended: its runtime is gone, or the future from `pair` was dropped.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stopped;

type Changed = Pin<
    Box<dyn Future<Output = (watch::Receiver<Known>, Result<(), watch::error::RecvError>)> + Send>,
>;

async fn changed(
    mut known: watch::Receiver<Known>,
) -> (watch::Receiver<Known>, Result<(), watch::error::RecvError>) {
    let result = known.changed().await;
    (known, result)
}

// ===== impl Watch =====

impl Watch {
    pub(super) fn new(app: String, mut known: watch::Receiver<Known>) -> Self {
        // So that what is known already is told at the first poll.
        known.mark_changed();
        Self {
            app,
            changed: Box::pin(changed(known)),
            told: None,
            stale: false,
            queue: VecDeque::new(),
            ended: false,
        }
    }

    /// Queues what it takes to come from what has been told to `known`.
    fn take(&mut self, known: &Known) {
        if known.fresh_at.is_some() {
            let now =
                known.apps.get(&self.app).map(|app| app.endpoints.clone()).unwrap_or_default();
            let recovered = self.stale && known.failure.is_none();
            match self.told.replace(now.clone()) {
                Some(told) if !recovered => self.queue.extend(diff(&told, &now)),
                _ => self.queue.push_back(Update::Reset(now.values().cloned().collect())),
            }
        }
        self.stale = known.failure.is_some();
        match (&known.failure, known.fresh_at) {
            (Some(_), Some(at)) => self.queue.push_back(Update::Stale(at.elapsed())),
            (Some(failure), None) => self.queue.push_back(Update::Failed(failure.clone())),
            (None, _) => {}
        }
    }
}

impl Stream for Watch {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        loop {
            if let Some(update) = self.queue.pop_front() {
                return Poll::Ready(Some(update));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let (mut known, result) = ready!(self.changed.as_mut().poll(cx));
            if result.is_ok() {
                let now = known.borrow_and_update().clone();
                self.take(&now);
            } else {
                self.ended = true;
                self.queue.push_back(Update::Failed(Arc::new(Stopped)));
            }
            self.changed = Box::pin(changed(known));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("app", &self.app)
            .field("told", &self.told.as_ref().map(|told| told.len()))
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

// ===== impl Stopped =====

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("discovery has stopped: the task that fetches has ended")
    }
}

impl Error for Stopped {}
