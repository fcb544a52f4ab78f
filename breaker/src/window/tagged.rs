//! A count that belongs to a generation.

use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// A generation above, and a signed count of it below. It only takes generations at least as new as its own: a newer one starts
/// at 0, an older one is too late.
#[derive(Debug)]
pub(crate) struct Tagged(AtomicU64);

impl Tagged {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The count, if it is of this generation; else 0.
    #[inline]
    pub(crate) fn get(&self, generation: u32) -> i32 {
        count_in(self.0.load(Relaxed), generation).unwrap_or(0)
    }

    #[inline]
    pub(crate) fn is_zero(&self, generation: u32) -> bool {
        let seen = self.0.load(Relaxed);
        seen as u32 == 0 || of(seen) != generation
    }

    /// As [`get`](Tagged::get), and everything that those did before who added to it (Acquire: pairs with `change`).
    pub(crate) fn get_after(&self, generation: u32) -> i32 {
        count_in(self.0.load(Acquire), generation).unwrap_or(0)
    }

    /// Changes the count, and says what it was; `None` if the generation is over.
    #[inline]
    pub(crate) fn change(&self, generation: u32, next: impl Fn(i32) -> i32) -> Option<i32> {
        let mut seen = self.0.load(Relaxed);
        loop {
            let before = match count_in(seen, generation) {
                Some(count) => count,
                None if is_newer(of(seen), generation, 32) => return None,
                None => 0,
            };
            let new = whole(generation, next(before));
            // AcqRel: pairs with the Acquire of readers, and orders this record after those it builds on.
            match self.0.compare_exchange_weak(seen, new, AcqRel, Relaxed) {
                Ok(_) => return Some(before),
                Err(now) => seen = now,
            }
        }
    }
}

/// Whether generation `one` is newer than `other`, both of so many bits, wherever they have wrapped around.
#[inline]
pub(crate) const fn is_newer(one: u32, other: u32, bits: u32) -> bool {
    let ahead = one.wrapping_sub(other) << (32 - bits);
    ahead != 0 && ahead < 1 << 31
}

const fn whole(generation: u32, count: i32) -> u64 {
    (generation as u64) << 32 | count as u32 as u64
}

const fn of(word: u64) -> u32 {
    (word >> 32) as u32
}

#[inline]
fn count_in(word: u64, generation: u32) -> Option<i32> {
    (of(word) == generation).then_some(word as u32 as i32)
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_newer_generation_starts_at_0_and_an_older_one_is_too_late() {
        for first in [0, 7, u32::MAX] {
            let count = Tagged::new();
            if first != 0 {
                // A circuit starts in generation 0 and passes each on its way.
                count.change(first / 2, |n| n);
                count.change(first, |n| n);
            }
            assert_eq!(count.change(first, |n| n + 5), Some(0));
            assert_eq!(count.change(first, |n| n - 7), Some(5));
            assert_eq!(count.get(first), -2);
            let next = first.wrapping_add(1);
            assert_eq!(count.change(next, |n| n + 1), Some(0));
            assert_eq!(count.change(first, |n| n + 1), None);
            assert_eq!((count.get(first), count.get(next)), (0, 1));
        }
    }

    #[test]
    fn newer_is_what_lies_ahead_on_the_circle() {
        assert!(is_newer(1, 0, 30) && !is_newer(0, 1, 30) && !is_newer(5, 5, 30));
        assert!(is_newer(0, (1 << 30) - 1, 30), "it has wrapped around");
        assert!(is_newer(0, u32::MAX, 32));
    }
}
