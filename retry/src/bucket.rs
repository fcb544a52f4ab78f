//! A bucket of tokens that leak out after a while.

use crate::sync::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::array;

/// Tokens put in leave again after a time to live, and so does the memory of tokens taken out. Time is in ticks, of which
/// [`SLOTS`](Bucket::SLOTS) make one time to live.
///
/// Source: Finagle's leaky `TokenBucket` over a `WindowedAdder`. There, each operation takes a lock. Here the sum is one
/// atomic, so that taking is exact under races, and the slots only remember what is to leave the sum and when.
///
/// Every amount reaches the sum once and a slot once, and what is swapped out of a slot leaves the sum; so the two agree
/// whenever nobody is between the steps. Between them the sum is too low, never too high: who puts fills the slot first,
/// who takes lowers the sum first.
///
/// Costs a handful of atomic operations; after any pause at most [`SLOTS`](Bucket::SLOTS) are cleared, however long it was.
pub(crate) struct Bucket {
    /// What is always there: taking from it is remembered in the slots and so comes back after the time to live.
    reserve: i64,
    sum: AtomicI64,
    slots: [AtomicI64; Bucket::SLOTS],
    /// The tick whose slot is in use.
    tick: AtomicU64,
    /// Held by whoever clears slots. Nobody waits for it: the others go on in the old tick.
    clearing: AtomicBool,
}

impl Bucket {
    /// As many as Finagle's: tokens live between 9 and 10 tenths of their time.
    pub(crate) const SLOTS: usize = 10;

    pub(crate) fn new(reserve: i64) -> Self {
        Self {
            reserve,
            sum: AtomicI64::new(0),
            slots: array::from_fn(|_| AtomicI64::new(0)),
            tick: AtomicU64::new(0),
            clearing: AtomicBool::new(false),
        }
    }

    /// Puts `amount` in.
    pub(crate) fn put(&self, amount: i64, tick: u64) {
        self.advance(tick);
        // Relaxed throughout: each is one read-modify-write of one location, and no other data hangs on them.
        self.slot().fetch_add(amount, Ordering::Relaxed);
        self.sum.fetch_add(amount, Ordering::Relaxed);
    }

    /// Takes `amount` out, if it is there.
    pub(crate) fn take(&self, amount: i64, tick: u64) -> bool {
        self.advance(tick);
        let taken = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sum| {
            (self.reserve.saturating_add(sum) >= amount).then(|| sum - amount)
        });
        if taken.is_ok() {
            self.slot().fetch_sub(amount, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// What is there.
    pub(crate) fn level(&self, tick: u64) -> i64 {
        self.advance(tick);
        self.reserve.saturating_add(self.sum.load(Ordering::Relaxed))
    }

    fn slot(&self) -> &AtomicI64 {
        // Acquire: pairs with the Release in `advance`: the slot of this tick has been cleared.
        &self.slots[(self.tick.load(Ordering::Acquire) % Self::SLOTS as u64) as usize]
    }

    /// Lets what is too old leave. Returns how many slots it cleared.
    fn advance(&self, to: u64) -> usize {
        // Acquire: pairs with the Release stores below, here and in the swap of `clearing`.
        if to <= self.tick.load(Ordering::Acquire) || self.clearing.swap(true, Ordering::Acquire) {
            return 0;
        }
        let from = self.tick.load(Ordering::Acquire);
        let passed = to.saturating_sub(from);
        let old = passed.min(Self::SLOTS as u64);
        for tick in to - old + 1..=to {
            // Not the slot in use unless a whole time to live has passed, so nobody puts into it meanwhile; and should a
            // very late caller do so, its amount merely leaves early, from sum and slot alike.
            let gone = self.slots[(tick % Self::SLOTS as u64) as usize].swap(0, Ordering::Relaxed);
            self.sum.fetch_sub(gone, Ordering::Relaxed);
        }
        self.tick.fetch_max(to, Ordering::Release);
        self.clearing.store(false, Ordering::Release);
        old as usize
    }
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::Bucket;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn an_idle_year_costs_one_round_of_slots() {
        let bucket = Bucket::new(0);
        bucket.put(5, 0);
        let year = 365 * 24 * 60 * 60; // ticks of a second each
        assert_eq!(bucket.advance(year), Bucket::SLOTS, "not one step for each tick that passed");
        assert_eq!(bucket.level(year), 0, "and all that was in has left");
        assert_eq!(bucket.advance(year + 1), 1);
        assert_eq!(bucket.advance(year + 1), 0);
    }

    #[test]
    fn time_that_goes_back_changes_nothing() {
        let bucket = Bucket::new(0);
        bucket.put(5, 100);
        assert_eq!(bucket.level(3), 5);
        bucket.put(1, 3);
        assert_eq!(bucket.level(100), 6);
    }

    proptest! {
        /// The obvious model keeps every amount with its tick and sums what is younger than a round.
        #[test]
        fn agrees_with_a_list_of_all_amounts(
            reserve in 0_i64..50,
            ops in prop::collection::vec((0_u64..4, any::<bool>(), 1_i64..20), 1..200),
        ) {
            let bucket = Bucket::new(reserve);
            let mut model: VecDeque<(u64, i64)> = VecDeque::new();
            let mut tick = 0;
            for (step, put, amount) in ops {
                tick += step;
                model.retain(|&(at, _)| at + Bucket::SLOTS as u64 > tick);
                let level = reserve + model.iter().map(|&(_, amount)| amount).sum::<i64>();
                prop_assert_eq!(bucket.level(tick), level);
                if put {
                    bucket.put(amount, tick);
                    model.push_back((tick, amount));
                } else {
                    let taken = bucket.take(amount, tick);
                    prop_assert_eq!(taken, level >= amount);
                    if taken {
                        model.push_back((tick, -amount));
                    }
                }
            }
        }
    }
}
