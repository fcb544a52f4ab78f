//! The primitives of the state machine, exchanged for loom's when its interleavings are explored.

#[cfg(not(orlop_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, fence},
};

#[cfg(orlop_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, fence},
};

pub(crate) use std::sync::atomic::Ordering;

use std::sync::Arc;

/// Locks, also after a panic: what these mutexes guard is changed without calling foreign code.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A pointer that is read often, without a lock, and replaced seldom.
#[cfg(not(orlop_loom))]
#[derive(Debug)]
pub(crate) struct Swap<T>(arc_swap::ArcSwap<T>);

#[cfg(not(orlop_loom))]
impl<T> Swap<T> {
    pub(crate) fn from(value: Arc<T>) -> Self {
        Self(arc_swap::ArcSwap::new(value))
    }

    #[inline]
    pub(crate) fn load(&self) -> impl std::ops::Deref<Target = Arc<T>> {
        self.0.load()
    }

    pub(crate) fn replace(&self, value: Arc<T>) {
        self.0.store(value);
    }
}

/// The same with loom's mutex: arc-swap is not written in terms of loom.
#[cfg(orlop_loom)]
#[derive(Debug)]
pub(crate) struct Swap<T>(Mutex<Arc<T>>);

#[cfg(orlop_loom)]
impl<T> Swap<T> {
    pub(crate) fn from(value: Arc<T>) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn replace(&self, value: Arc<T>) {
        *lock(&self.0) = value;
    }

    pub(crate) fn load(&self) -> impl std::ops::Deref<Target = Arc<T>> {
        struct Held<T>(Arc<T>);
        impl<T> std::ops::Deref for Held<T> {
            type Target = Arc<T>;
            fn deref(&self) -> &Arc<T> {
                &self.0
            }
        }
        Held(Arc::clone(&lock(&self.0)))
    }
}
