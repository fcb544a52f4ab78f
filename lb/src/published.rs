//! The set in force, whether somebody still follows discovery, and the bell that rings when either changes.

use crate::{Following, set::Set};
use arc_swap::ArcSwap;
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use tokio::sync::{Notify, futures::OwnedNotified};

/// Shared by a balancer and its task.
pub(crate) struct Published<S, G> {
    /// Replaced whole. Who has loaded it picks from it to the end, whatever is published meanwhile.
    set: ArcSwap<Set<S, G>>,
    following: AtomicU8,
    changed: Arc<Notify>,
}

/// The task's side. Dropping it before the stream has ended says that the task is gone.
pub(crate) struct Publisher<S, G> {
    published: Arc<Published<S, G>>,
}

impl<S, G> Published<S, G> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            set: ArcSwap::from_pointee(Set::unresolved()),
            following: AtomicU8::new(Following::Running as u8),
            changed: Arc::new(Notify::new()),
        })
    }

    pub(crate) fn set(&self) -> arc_swap::Guard<Arc<Set<S, G>>> {
        self.set.load()
    }

    pub(crate) fn following(&self) -> Following {
        // Acquire: pairs with the Release in `follow`; who sees "ended" also sees the last set.
        match self.following.load(Ordering::Acquire) {
            gone if gone == Following::Gone as u8 => Following::Gone,
            ended if ended == Following::Ended as u8 => Following::Ended,
            _ => Following::Running,
        }
    }

    /// Completes at the next change after this call, whenever it is first polled.
    pub(crate) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }

    fn follow(&self, following: Following) {
        self.following.store(following as u8, Ordering::Release);
        self.changed.notify_waiters();
    }
}

impl<S, G> Publisher<S, G> {
    pub(crate) fn new(published: Arc<Published<S, G>>) -> Self {
        Self { published }
    }

    pub(crate) fn publish(&self, set: Set<S, G>) {
        self.published.set.store(Arc::new(set));
        // After the store: who is woken by it finds the new set.
        self.published.changed.notify_waiters();
    }

    /// The list is fixed from now on.
    pub(crate) fn ended(&self) {
        self.published.follow(Following::Ended);
    }
}

impl<S, G> Drop for Publisher<S, G> {
    fn drop(&mut self) {
        if self.published.following() == Following::Running {
            self.published.follow(Following::Gone);
        }
    }
}
