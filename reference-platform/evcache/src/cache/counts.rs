use std::sync::atomic::{AtomicU64, Ordering};

/// What happened in a cache, or at one of its nodes, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Reads answered by the local zone's copy.
    pub hits_local: u64,
    /// Reads answered by another zone's copy.
    pub hits_remote: u64,
    /// Answers that the key is not there.
    pub misses: u64,
    /// Values of another key with the same hash, taken for misses.
    pub collisions: u64,
    /// Copies written, removed or touched.
    pub writes: u64,
    /// Touches of a copy that was not there.
    pub untouched: u64,
    /// Reads and writes that a node did not answer, or answered with an error.
    pub errors: u64,
    /// Reads and writes that a node's gate refused.
    pub refused: u64,
}

/// Each is a statistic by itself: Relaxed, nothing is read through them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits_local: AtomicU64,
    pub(super) hits_remote: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) collisions: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) untouched: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Counters {
    pub(super) fn get(&self) -> Counts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            hits_local: get(&self.hits_local),
            hits_remote: get(&self.hits_remote),
            misses: get(&self.misses),
            collisions: get(&self.collisions),
            writes: get(&self.writes),
            untouched: get(&self.untouched),
            errors: get(&self.errors),
            refused: get(&self.refused),
        }
    }
}
