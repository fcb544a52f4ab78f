//! The last N calls.

use super::{
    Counts, Sample,
    tagged::{Tagged, is_newer},
};
use crate::sync::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
    fence,
};

/// Bits of an outcome. Neither: a healthy call.
const FAILED: u32 = 1;
const SLOW: u32 = 2;
/// Above them in a place: the generation that wrote it. It comes again after a billion generations.
const OUTCOME_BITS: u32 = 2;

/// A ring of the last N outcomes of one generation.
///
/// A recorder takes the next place from `cursor`, exchanges the outcome in it, and adds the difference to the counts. An
/// exchange tells each recorder what it pushed out, so the differences add up to what the ring holds, in whichever
/// order two recorders meet at one place. Between its exchange and its addition a recorder is not yet counted: a
/// reader is behind by the recorders at work, never by more, and whoever adds last sees all.
///
/// Every word names its generation, and only takes a generation at least as new as its own. So a new generation begins with an
/// empty ring without anybody emptying it, and a recorder that belongs to an older one, however late, changes nothing that a
/// newer one reads.
///
/// Alone, a ring full of healthy calls is the same after one more, so that call writes nothing: healthy threads share
/// the ring without passing its cache lines around.
///
/// Additions to the counts are AcqRel, and they are read (Acquire) before `cursor`: who sees another's failure sees its
/// place taken, too. Relaxed, two recorders could each miss one half of the other's record, and both find too few
/// calls to trip; loom found that. The ring itself is Relaxed: nobody infers other memory from it.
#[derive(Debug)]
pub(crate) struct CountWindow {
    ring: Box<[AtomicU32]>,
    /// Places handed out: from the size of the ring on, it goes round below twice that.
    cursor: Tagged,
    /// Failures in the ring. Below 0 for a moment, if one is pushed out before it was added.
    failures: Tagged,
    /// Slow calls in the ring, likewise.
    slow: Tagged,
}

impl CountWindow {
    /// A window of the last `size` calls, at least one.
    pub(crate) fn new(size: u16) -> Self {
        Self {
            ring: (0..size.max(1)).map(|_| AtomicU32::new(0)).collect(),
            cursor: Tagged::new(),
            failures: Tagged::new(),
            slow: Tagged::new(),
        }
    }

    /// Whether one more healthy call of this generation would change nothing.
    #[inline]
    pub(crate) fn is_healthy(&self, generation: u32) -> bool {
        self.failures.is_zero(generation)
            && self.slow.is_zero(generation)
            && self.cursor.get(generation) as usize >= self.ring.len()
    }

    pub(crate) fn record(&self, sample: Sample, generation: u32) {
        let outcome = (FAILED * u32::from(sample.failed)) | (SLOW * u32::from(sample.slow));
        if outcome == 0 && self.is_healthy(generation) {
            return;
        }
        let size = self.ring.len() as i32;
        let next = |places: i32| if places + 1 == 2 * size { size } else { places + 1 };
        let Some(taken) = self.cursor.change(generation, next) else { return };
        let place = &self.ring[(taken % size) as usize];
        let new = generation << OUTCOME_BITS | outcome;
        let (mine, bits) = (new >> OUTCOME_BITS, 32 - OUTCOME_BITS);
        let free = |old: u32| (!is_newer(old >> OUTCOME_BITS, mine, bits)).then_some(new);
        // An error means that a newer generation has written there.
        let Ok(old) = place.fetch_update(Relaxed, Relaxed, free) else { return };
        // What an older generation left is an empty place.
        let pushed_out = if old >> OUTCOME_BITS == mine { old } else { 0 };
        for (count, bit) in [(&self.failures, FAILED), (&self.slow, SLOW)] {
            let change = i32::from(outcome & bit != 0) - i32::from(pushed_out & bit != 0);
            if change != 0 {
                count.change(generation, |held| held + change);
            }
        }
    }

    pub(crate) fn counts(&self, generation: u32) -> Counts {
        // Of two recorders that read after they wrote, one sees the other: the second past this fence. Without it a
        // success that fills the minimum and a failure could each miss the other, and neither trip.
        fence(SeqCst);
        let failures = self.failures.get_after(generation);
        let slow = self.slow.get_after(generation);
        let calls = self.cursor.get(generation).clamp(0, self.ring.len() as i32);
        let held = |count: i32| count.clamp(0, calls) as u64;
        Counts { calls: calls as u64, failures: held(failures), slow: held(slow) }
    }
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    /// `S`: success, `F`: failure; small letters: and slow.
    fn sample(outcome: char) -> Sample {
        Sample { failed: outcome.eq_ignore_ascii_case(&'f'), slow: outcome.is_ascii_lowercase() }
    }

    fn after(size: u16, outcomes: &str) -> Counts {
        let window = CountWindow::new(size);
        outcomes.chars().for_each(|outcome| window.record(sample(outcome), 0));
        window.counts(0)
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
        (0..50).for_each(|i| window.record(sample(if i % 3 == 0 { 'S' } else { 'F' }), 0));
        assert_eq!(window.counts(0), Counts { calls: 50, failures: 33, slow: 0 });
        (0..100).for_each(|_| window.record(sample('S'), 0));
        assert_eq!(window.counts(0), Counts { calls: 100, failures: 0, slow: 0 });
    }

    #[test]
    fn a_long_healthy_past_weighs_no_more_than_the_window() {
        // tower-resilience needs 10,000 failures here: it divides by all calls there ever were.
        let window = CountWindow::new(10);
        (0..10_000).for_each(|_| window.record(sample('S'), 0));
        let ratios: Vec<_> = (0..5)
            .map(|_| {
                window.record(sample('F'), 0);
                window.counts(0).failure_ratio()
            })
            .collect();
        assert_eq!(ratios, [0.1, 0.2, 0.3, 0.4, 0.5]);
    }

    #[test]
    fn a_healthy_call_in_a_full_healthy_count_window_writes_nothing() {
        let window = CountWindow::new(4);
        let healthy = |calls| (0..calls).for_each(|_| window.record(sample('S'), 0));
        healthy(4);
        assert_eq!(window.cursor.get(0), 4, "a window that fills is written");
        healthy(10);
        assert_eq!(window.cursor.get(0), 4, "a full one is not");
        window.record(sample('s'), 0);
        healthy(4);
        assert_eq!(window.counts(0), Counts { calls: 4, failures: 0, slow: 0 });
        assert_eq!(window.cursor.get(0), 5, "until the slow call has left");
        healthy(10);
        assert_eq!(window.cursor.get(0), 5);
    }

    #[test]
    fn a_new_generation_begins_with_an_empty_count_window_and_an_old_one_is_too_late() {
        let window = CountWindow::new(4);
        "FFsF".chars().for_each(|outcome| window.record(sample(outcome), 6));
        assert_eq!(window.counts(6), Counts { calls: 4, failures: 3, slow: 1 });
        assert_eq!(window.counts(7), Counts::default());
        window.record(sample('S'), 7);
        (0..3).for_each(|_| window.record(sample('F'), 6));
        assert_eq!(window.counts(7), Counts { calls: 1, failures: 0, slow: 0 });
        "FFFS".chars().for_each(|outcome| window.record(sample(outcome), 7));
        assert_eq!(window.counts(7), Counts { calls: 4, failures: 3, slow: 0 });
    }

    #[test]
    fn threads_lose_no_outcome_of_a_count_window() {
        let window = CountWindow::new(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..10_000).for_each(|i| {
                        window.record(Sample { failed: i % 3 == 0, slow: i % 5 == 0 }, 0);
                    });
                });
            }
        });
        let held =
            |bit| window.ring.iter().filter(|place| place.load(Relaxed) & bit != 0).count() as u64;
        let sums = Counts { calls: 64, failures: held(FAILED), slow: held(SLOW) };
        assert_eq!(window.counts(0), sums, "the sums of the ring");
    }
}
