//! All that admissions race for, in one atomic word.

use crate::sync::{AtomicU64, Ordering};

/// What is in flight (low 32 bits), how much may be (31 bits), and whether somebody waits (the top bit).
///
/// Two atomics would let a caller compare the old limit with the new count. One word makes every admission exact, and
/// makes "a waiter registers" and "a slot frees" two read-modify-writes of one location, of which one sees the other:
/// no fence is needed against lost wake-ups.
///
/// Orderings: a slot that is given back (Release) happens before it is taken again (Acquire), so what a call did in its
/// slot is seen by the next call in it. The list of wakers has its own lock.
pub(crate) struct Word(AtomicU64);

const IN_FLIGHT: u64 = u32::MAX as u64;
const LIMIT_SHIFT: u32 = 32;
const LIMIT: u64 = (Word::MAX_LIMIT as u64) << LIMIT_SHIFT;
const WAITING: u64 = 1 << 63;

const fn limit_bits(limit: usize) -> u64 {
    let limit = if limit > Word::MAX_LIMIT { Word::MAX_LIMIT } else { limit };
    (limit as u64) << LIMIT_SHIFT
}

const fn in_flight(word: u64) -> u64 {
    word & IN_FLIGHT
}

const fn limit(word: u64) -> u64 {
    (word & LIMIT) >> LIMIT_SHIFT
}

const fn has_room(word: u64) -> bool {
    in_flight(word) < limit(word)
}

impl Word {
    pub(crate) const MAX_LIMIT: usize = (1 << 31) - 1;

    pub(crate) fn new(limit: usize) -> Self {
        Self(AtomicU64::new(limit_bits(limit)))
    }

    /// Takes a slot if one is free.
    pub(crate) fn take(&self) -> bool {
        // Acquire: pairs with the Release in `give_back`.
        self.0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |word| {
                has_room(word).then_some(word + 1)
            })
            .is_ok()
    }

    /// Gives a slot back. Says whether somebody waits who now has reason to ask again.
    #[must_use]
    pub(crate) fn give_back(&self) -> bool {
        // Release: pairs with the Acquire in `take`. Acquire: pairs with `waiting`, whose wakers we will read.
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(in_flight(before) > 0, "a slot goes back once");
        before & WAITING != 0 && has_room(before - 1)
    }

    /// Sets the limit. Says whether somebody waits who now has reason to ask again.
    #[must_use]
    pub(crate) fn set_limit(&self, limit: usize) -> bool {
        let set = |word: u64| Some(word & !LIMIT | limit_bits(limit));
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, set) {
            Ok(before) => before & WAITING != 0 && set(before).is_some_and(has_room),
            Err(_) => unreachable!("`set` never gives up"),
        }
    }

    /// Notes that somebody waits. Says whether there is room, so that they need not.
    #[must_use]
    pub(crate) fn waiting(&self) -> bool {
        has_room(self.0.fetch_or(WAITING, Ordering::AcqRel))
    }

    /// Notes that nobody waits any more.
    pub(crate) fn nobody_waits(&self) {
        self.0.fetch_and(!WAITING, Ordering::AcqRel);
    }

    // The following are snapshots: nothing hangs on their order.

    pub(crate) fn has_room(&self) -> bool {
        has_room(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn in_flight(&self) -> usize {
        in_flight(self.0.load(Ordering::Relaxed)) as usize
    }

    pub(crate) fn limit(&self) -> usize {
        limit(self.0.load(Ordering::Relaxed)) as usize
    }
}
