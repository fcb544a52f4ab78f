//! The last N calls.

use super::Counts;
use crate::sync::{
    AtomicI64, AtomicU8, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

const EMPTY: u8 = 0;
const SUCCESS: u8 = 1;
const FAILURE: u8 = 2;

/// A ring of the last N outcomes, one byte each.
///
/// A recorder takes the next place from `cursor`, exchanges the outcome in it, and adds the difference to `failures`.
/// An exchange tells each recorder what it pushed out, so the differences add up to what the ring holds, in whichever
/// order two recorders meet at one place. Between its exchange and its addition a recorder is not yet counted: a
/// reader is behind by the recorders at work, never by more, and whoever adds last sees all.
///
/// Alone, a ring full of successes is the same after one more, so that success writes nothing: healthy threads share
/// the ring without passing its cache lines around.
///
/// Additions to `failures` are AcqRel, and `failures` is read (Acquire) before `cursor`: who sees another's failure sees
/// its place taken, too. Relaxed, two recorders could each miss one half of the other's record, and both find too few
/// calls to trip; loom found that. The ring itself is Relaxed: nobody infers other memory from it.
#[derive(Debug)]
pub(crate) struct CountWindow {
    ring: Box<[AtomicU8]>,
    /// Places handed out.
    cursor: AtomicU64,
    /// Failures in the ring. Below 0 for a moment, if a failure is pushed out before it was added.
    failures: AtomicI64,
}

impl CountWindow {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            ring: (0..size.max(1)).map(|_| AtomicU8::new(EMPTY)).collect(),
            cursor: AtomicU64::new(0),
            failures: AtomicI64::new(0),
        }
    }

    pub(crate) fn record(&self, failed: bool) {
        let size = self.ring.len() as u64;
        if !failed && self.failures.load(Relaxed) == 0 && self.cursor.load(Relaxed) >= size {
            return;
        }
        let place = (self.cursor.fetch_add(1, Relaxed) % size) as usize;
        let new = if failed { FAILURE } else { SUCCESS };
        let old = self.ring[place].swap(new, Relaxed);
        match (old == FAILURE, failed) {
            (false, true) => self.failures.fetch_add(1, AcqRel),
            (true, false) => self.failures.fetch_sub(1, AcqRel),
            _ => return,
        };
    }

    pub(crate) fn counts(&self) -> Counts {
        let failures = u64::try_from(self.failures.load(Acquire)).unwrap_or(0);
        let calls = self.cursor.load(Relaxed).min(self.ring.len() as u64);
        let failures = failures.min(calls);
        Counts { calls, failures }
    }
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn after(size: usize, outcomes: &str) -> Counts {
        let window = CountWindow::new(size);
        for outcome in outcomes.chars() {
            window.record(outcome == 'F');
        }
        window.counts()
    }

    #[test]
    fn a_count_window_forgets_the_call_before_its_last_n() {
        // resilience4j's FixedSizeSlidingWindowMetricsTest, window 4.
        let rates = ["F", "FS", "FSS", "FSSS", "FSSSS"].map(|calls| after(4, calls).ratio());
        assert_eq!(rates, [1.0, 0.5, 1.0 / 3.0, 0.25, 0.0]);
        // resilience4j's CircuitBreakerMetricsTest, window 10.
        assert_eq!(after(10, "SSFFFFFFSSSS"), Counts { calls: 10, failures: 6 });
        assert_eq!(after(10, "SSFFFFFFSSSSSSS"), Counts { calls: 10, failures: 3 });
    }

    #[test]
    fn a_count_window_of_100_holds_the_last_100() {
        // failsafe-go's stats_test.go: of 50, every third a success; then 100 successes.
        let window = CountWindow::new(100);
        (0..50).for_each(|i| window.record(i % 3 != 0));
        assert_eq!(window.counts(), Counts { calls: 50, failures: 33 });
        (0..100).for_each(|_| window.record(false));
        assert_eq!(window.counts(), Counts { calls: 100, failures: 0 });
    }

    proptest! {
        #[test]
        fn a_count_window_equals_a_queue_of_its_last_calls(
            size in 1_usize..20,
            outcomes in prop::collection::vec(prop::bool::weighted(0.3), 0..200),
        ) {
            let window = CountWindow::new(size);
            let mut queue = VecDeque::new();
            for failed in outcomes {
                window.record(failed);
                queue.push_back(failed);
                if queue.len() > size {
                    queue.pop_front();
                }
                let failures = queue.iter().filter(|&&failed| failed).count() as u64;
                prop_assert_eq!(window.counts(), Counts { calls: queue.len() as u64, failures });
            }
        }
    }

    #[test]
    fn threads_lose_no_failure_of_a_count_window() {
        let window = CountWindow::new(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|i| window.record(i % 3 == 0)));
            }
        });
        let held = window.ring.iter().filter(|place| place.load(Relaxed) == FAILURE).count() as u64;
        assert_eq!(window.counts(), Counts { calls: 64, failures: held }, "the sum of the ring");
    }
}
