//! How many of a kind came in a row.

use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// The run of failures since the last success, or of drops since the last head, with the generation it belongs to: one word, so that a late result
/// cannot add to the run of a later generation, nor end it.
///
/// While all goes well it is 0 and only read.
#[derive(Debug)]
pub(crate) struct Run(AtomicU64);

impl Run {
    pub(crate) fn new(generation: u32) -> Self {
        Self(AtomicU64::new(pack(generation, 0)))
    }

    /// A new stay begins. An exchange, not a store: it comes after any late addition in this word's own order, so that nobody
    /// can read that addition as the newer of the two. (A store does, too, since additions are exchanges; but loom does not
    /// infer it.) AcqRel: pairs with the others' Acquire and Release.
    pub(crate) fn restart(&self, generation: u32) {
        self.0.swap(pack(generation, 0), AcqRel);
    }

    /// Whether there is nothing to end. Relaxed would do: a run that another thread begins now ends with a later success.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        length(self.0.load(Acquire)) == 0
    }

    /// What ends the run has come.
    #[inline]
    pub(crate) fn end(&self, generation: u32) {
        let mut seen = self.0.load(Acquire);
        while of(seen) == generation && length(seen) > 0 {
            match self.0.compare_exchange_weak(seen, pack(generation, 0), Release, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// One more makes the run longer: its length then, or `None` if the generation is over.
    pub(crate) fn add(&self, generation: u32) -> Option<u64> {
        let mut seen = self.0.load(Acquire);
        while of(seen) == generation {
            let longer = length(seen).saturating_add(1).min(u32::MAX.into());
            match self.0.compare_exchange_weak(seen, pack(generation, longer), Release, Relaxed) {
                Ok(_) => return Some(longer),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// The run's length in this generation.
    pub(crate) fn get(&self, generation: u32) -> u64 {
        let seen = self.0.load(Acquire);
        if of(seen) == generation { length(seen) } else { 0 }
    }
}

fn pack(generation: u32, length: u64) -> u64 {
    u64::from(generation) << 32 | length
}

fn of(word: u64) -> u32 {
    (word >> 32) as u32
}

fn length(word: u64) -> u64 {
    word & u64::from(u32::MAX)
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_late_result_neither_adds_to_a_run_nor_ends_it() {
        let run = Run::new(1);
        assert_eq!(run.add(1), Some(1));
        run.restart(2);
        assert_eq!(run.add(1), None);
        assert_eq!((run.add(2), run.add(2)), (Some(1), Some(2)));
        run.end(1);
        assert_eq!(run.get(2), 2);
        run.end(2);
        assert_eq!(run.get(2), 0);
    }
}
