//! Who wants to know that a slot is free.

use crate::{
    sync::{Mutex, MutexGuard},
    word::Word,
};
use std::{mem, sync::PoisonError, task::Waker, time::Duration};

/// A bounded list of wakers, all of which are woken when a slot frees.
///
/// All, and not one: a waker does not tell whether its task still waits, and a wake-up given to one that has left would
/// be lost to the others. Callers who queue in numbers stand in a [`Line`](crate::Line), which registers its head only.
pub(crate) struct Wakers {
    /// Guards the list. `Word`'s bit "somebody waits" is changed only while it is held.
    list: Mutex<Vec<Waker>>,
}

impl Wakers {
    /// A task may leave a waker behind when it gives up, so the list has an end: about 16 KiB.
    pub(crate) const MOST: usize = 1024;
    /// When those for whom the list had no room ask again.
    pub(crate) const ELSE_AFTER: Duration = Duration::from_millis(10);

    pub(crate) fn new() -> Self {
        Self { list: Mutex::new(Vec::new()) }
    }

    /// Registers a waker, which is woken at once if there is room already. `false` if the list is full.
    pub(crate) fn register(&self, waker: &Waker, word: &Word) -> bool {
        self.register_up_to(Self::MOST, waker, word)
    }

    /// The same for a line, which the list always has room for: it registers one and the same waker each time.
    pub(crate) fn register_line(&self, waker: &Waker, word: &Word) {
        self.register_up_to(usize::MAX, waker, word);
    }

    fn register_up_to(&self, most: usize, waker: &Waker, word: &Word) -> bool {
        let mut list = self.lock();
        if !list.iter().any(|known| known.will_wake(waker)) {
            if list.len() >= most {
                return false;
            }
            list.push(waker.clone());
        }
        // A slot that freed before this is seen here; one that frees after it sees the bit.
        if word.waiting() {
            let woken = Self::take(&mut list, word);
            drop(list);
            woken.into_iter().for_each(Waker::wake);
        }
        true
    }

    /// Wakes all. Called when a slot has freed and `word` says that somebody waits.
    pub(crate) fn wake_all(&self, word: &Word) {
        let woken = Self::take(&mut self.lock(), word);
        // No lock is held: a waker may run anything.
        woken.into_iter().for_each(Waker::wake);
    }

    fn take(list: &mut Vec<Waker>, word: &Word) -> Vec<Waker> {
        word.nobody_waits();
        mem::take(list)
    }

    // A panic while held cannot leave the list half-changed.
    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
