//! A count that many threads add to while all is refused.

use orlop_core::{STRIPES, stripe};
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Counts in one place until it is [`spread`](Refusals::spread), then in a place for each stripe of threads: an open circuit
/// is asked more often than any, and refusing should not take longer for it.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    one: AtomicU64,
    spread: OnceLock<Box<[Place; STRIPES]>>,
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place(AtomicU64);

impl Refusals {
    #[inline]
    pub(crate) fn add(&self) {
        let place = match self.spread.get() {
            Some(places) => &places[stripe() % STRIPES].0,
            None => &self.one,
        };
        place.fetch_add(1, Relaxed);
    }

    /// Prepares for many threads. 1 KiB.
    pub(crate) fn spread(&self) {
        let _ = self.spread.get_or_init(Box::default);
    }

    pub(crate) fn count(&self) -> u64 {
        let places = self.spread.get().into_iter().flat_map(|places| places.iter());
        self.one.load(Relaxed) + places.map(|place| place.0.load(Relaxed)).sum::<u64>()
    }

    /// What is added meanwhile may be lost.
    pub(crate) fn reset(&self) {
        self.one.store(0, Relaxed);
        self.spread
            .get()
            .into_iter()
            .flat_map(|places| places.iter())
            .for_each(|place| place.0.store(0, Relaxed));
    }
}
