use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counts what a fallback did. Clones, and all services of the layer it came from, share the counts.
#[derive(Clone, Debug, Default)]
pub struct Handle {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    // Nothing hangs on their order.
    rescued: AtomicU64,
    failed: AtomicU64,
}

impl Handle {
    /// Calls that the fallback answered.
    pub fn rescued(&self) -> u64 {
        self.counts.rescued.load(Ordering::Relaxed)
    }

    /// Calls for which the fallback failed as well.
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, rescued: bool) {
        let count = if rescued { &self.counts.rescued } else { &self.counts.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
