//! The last N calls.

use super::{Counts, Sample};
use crate::sync::{
    AtomicI64, AtomicU8, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};

#[cfg(orlop_loom)]
use loom::sync::atomic::fence;
#[cfg(not(orlop_loom))]
use std::sync::atomic::fence;

/// Bits of a place in the ring. Neither: a healthy call, or none yet.
const FAILED: u8 = 1;
const SLOW: u8 = 2;

/// A ring of the last N outcomes, one byte each.
///
/// A recorder takes the next place from `cursor`, exchanges the outcome in it, and adds the difference to `bad`. An
/// exchange tells each recorder what it pushed out, so the differences add up to what the ring holds, in whichever
/// order two recorders meet at one place. Between its exchange and its addition a recorder is not yet counted: a
/// reader is behind by the recorders at work, never by more, and whoever adds last sees all.
///
/// Alone, a ring full of healthy calls is the same after one more, so that call writes nothing: healthy threads share
/// the ring without passing its cache lines around.
///
/// Additions to `bad` are AcqRel, and `bad` is read (Acquire) before `cursor`: who sees another's failure sees its
/// place taken, too. Relaxed, two recorders could each miss one half of the other's record, and both find too few
/// calls to trip; loom found that. The ring itself is Relaxed: nobody infers other memory from it.
#[derive(Debug)]
pub(crate) struct CountWindow {
    ring: Box<[AtomicU8]>,
    /// Places handed out.
    cursor: AtomicU64,
    /// Failures in the ring, plus 2^32 times the slow calls in it. Either is below 0 for a moment if one is pushed out
    /// before it was added; neither ever reaches 2^31.
    bad: AtomicI64,
}

impl CountWindow {
    /// A window of the last `size` calls, at least one.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            ring: (0..size.max(1)).map(|_| AtomicU8::new(0)).collect(),
            cursor: AtomicU64::new(0),
            bad: AtomicI64::new(0),
        }
    }

    #[inline]
    pub(crate) fn record(&self, sample: Sample) {
        let size = self.ring.len() as u64;
        let new = (FAILED * u8::from(sample.failed)) | (SLOW * u8::from(sample.slow));
        if new == 0 && self.bad.load(Relaxed) == 0 && self.cursor.load(Relaxed) >= size {
            return;
        }
        let place = (self.cursor.fetch_add(1, Relaxed) % size) as usize;
        let old = self.ring[place].swap(new, Relaxed);
        if old != new {
            self.bad.fetch_add(weight(new) - weight(old), AcqRel);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        // Of two recorders that read after they wrote, one sees the other: the second past this fence. Without it a
        // success that fills the minimum and a failure could each miss the other, and neither trip.
        fence(SeqCst);
        let bad = self.bad.load(Acquire);
        let calls = self.cursor.load(Relaxed).min(self.ring.len() as u64);
        let failures = bad as i32;
        let slow = (bad - i64::from(failures)) >> 32;
        let held = |count: i64| u64::try_from(count).unwrap_or(0).min(calls);
        Counts { calls, failures: held(failures.into()), slow: held(slow) }
    }
}

const fn weight(outcome: u8) -> i64 {
    let (failed, slow) = (outcome & FAILED != 0, outcome & SLOW != 0);
    failed as i64 + ((slow as i64) << 32)
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    /// `S`: success, `F`: failure; small letters: and slow.
    fn sample(outcome: char) -> Sample {
        Sample { failed: outcome.eq_ignore_ascii_case(&'f'), slow: outcome.is_ascii_lowercase() }
    }

    fn after(size: usize, outcomes: &str) -> Counts {
        let window = CountWindow::new(size);
        outcomes.chars().for_each(|outcome| window.record(sample(outcome)));
        window.counts()
    }

    #[test]
    fn a_count_window_forgets_the_call_before_its_last_n() {
        // resilience4j's FixedSizeSlidingWindowMetricsTest, window 4.
        let rates =
            ["F", "FS", "FSS", "FSSS", "FSSSS"].map(|calls| after(4, calls).failure_ratio());
        assert_eq!(rates, [1.0, 0.5, 1.0 / 3.0, 0.25, 0.0]);
        // resilience4j's CircuitBreakerMetricsTest, window 10.
        assert_eq!(after(10, "SSFFFFFFSSSS"), Counts { calls: 10, failures: 6, slow: 0 });
        assert_eq!(after(10, "SSFFFFFFSSSSSSS"), Counts { calls: 10, failures: 3, slow: 0 });
    }

    #[test]
    fn a_count_window_forgets_slow_calls_as_it_does_failures() {
        // The same test, window 2.
        let slow = ["f", "fs", "fsS", "fsSS"].map(|calls| after(2, calls).slow);
        assert_eq!(slow, [1, 2, 1, 0]);
        assert_eq!(after(2, "fs"), Counts { calls: 2, failures: 1, slow: 2 });
        assert_eq!(after(4, "fs").slow_ratio(), 1.0);
    }

    #[test]
    fn a_count_window_of_100_holds_the_last_100() {
        // failsafe-go's stats_test.go: of 50, every third a success; then 100 successes.
        let window = CountWindow::new(100);
        (0..50).for_each(|i| window.record(sample(if i % 3 == 0 { 'S' } else { 'F' })));
        assert_eq!(window.counts(), Counts { calls: 50, failures: 33, slow: 0 });
        (0..100).for_each(|_| window.record(sample('S')));
        assert_eq!(window.counts(), Counts { calls: 100, failures: 0, slow: 0 });
    }

    #[test]
    fn a_long_healthy_past_weighs_no_more_than_the_window() {
        // tower-resilience needs 10,000 failures here: it divides by all calls there ever were.
        let window = CountWindow::new(10);
        (0..10_000).for_each(|_| window.record(sample('S')));
        let ratios: Vec<_> = (0..5)
            .map(|_| {
                window.record(sample('F'));
                window.counts().failure_ratio()
            })
            .collect();
        assert_eq!(ratios, [0.1, 0.2, 0.3, 0.4, 0.5]);
    }

    #[test]
    fn a_healthy_call_in_a_full_healthy_count_window_writes_nothing() {
        let window = CountWindow::new(4);
        let healthy = |calls| (0..calls).for_each(|_| window.record(sample('S')));
        healthy(4);
        assert_eq!(window.cursor.load(Relaxed), 4, "a window that fills is written");
        healthy(10);
        assert_eq!(window.cursor.load(Relaxed), 4, "a full one is not");
        window.record(sample('s'));
        healthy(4);
        assert_eq!(window.counts(), Counts { calls: 4, failures: 0, slow: 0 });
        assert_eq!(window.cursor.load(Relaxed), 9, "until the slow call has left");
        healthy(10);
        assert_eq!(window.cursor.load(Relaxed), 9);
    }

    #[test]
    fn threads_lose_no_outcome_of_a_count_window() {
        let window = CountWindow::new(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..10_000).for_each(|i| {
                        window.record(Sample { failed: i % 3 == 0, slow: i % 5 == 0 });
                    });
                });
            }
        });
        let held =
            |bit| window.ring.iter().filter(|place| place.load(Relaxed) & bit != 0).count() as u64;
        let sums = Counts { calls: 64, failures: held(FAILED), slow: held(SLOW) };
        assert_eq!(window.counts(), sums, "the sums of the ring");
    }
}
