//! The last stretch of time.

use super::Counts;
use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Counts of the last N buckets of time.
///
/// Time is cut into ticks of `width` nanoseconds. A tick's counts live in bucket `tick % N` until the tick N later
/// needs the bucket. The window at tick `t` is the ticks `t - N + 1 ..= t`: the current one, begun, and the N - 1
/// before it, so it is never longer than the length asked for and shorter by less than one bucket.
///
/// Each count is one word with the tick it belongs to, so that a bucket is taken over in one exchange and no count of
/// an old tick can be read as one of a new tick. A recorder that comes so late that its bucket has been taken over is
/// outside of the window and is dropped. Reading changes nothing. If the clock stands behind ticks already recorded,
/// those stay in the window.
///
/// Calls are added before failures (Release) and failures read before calls (Acquire), so a reader does not see a
/// failure without its call. 16 bytes a bucket; recording is one exchange, or two for a failure; reading N pairs.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    start: u64,
    width: u64,
    buckets: Box<[Bucket]>,
}

#[derive(Debug)]
struct Bucket {
    calls: AtomicU64,
    failures: AtomicU64,
}

/// 28 bits: 268 million calls a bucket, then it stops counting. The other 36 hold the tick: 21 years of 10 ms.
const COUNT_BITS: u32 = 28;
const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;
const MAX_TICK: u64 = (1 << (64 - COUNT_BITS)) - 1;

impl TimeWindow {
    /// A window of `length` nanoseconds, in `buckets`, that starts at nanosecond `start`.
    pub(crate) fn new(length: u64, buckets: usize, start: u64) -> Self {
        let buckets = buckets.max(1);
        let empty = || Bucket { calls: AtomicU64::new(0), failures: AtomicU64::new(0) };
        Self {
            start,
            width: length.div_ceil(buckets as u64).max(1),
            buckets: (0..buckets).map(|_| empty()).collect(),
        }
    }

    pub(crate) fn record(&self, failed: bool, now: u64) {
        let tick = self.tick(now);
        let bucket = &self.buckets[(tick % self.buckets.len() as u64) as usize];
        add(&bucket.calls, tick);
        if failed {
            add(&bucket.failures, tick);
        }
    }

    pub(crate) fn counts(&self, now: u64) -> Counts {
        let tick = self.tick(now);
        let of = |word: u64| {
            let live = (word >> COUNT_BITS) + self.buckets.len() as u64 > tick;
            if live { word & MAX_COUNT } else { 0 }
        };
        let mut counts = Counts::default();
        for bucket in &self.buckets {
            let failures = of(bucket.failures.load(Acquire));
            let calls = of(bucket.calls.load(Relaxed));
            counts.calls += calls;
            counts.failures += failures.min(calls);
        }
        counts
    }

    fn tick(&self, now: u64) -> u64 {
        (now.saturating_sub(self.start) / self.width).min(MAX_TICK)
    }
}

fn add(count: &AtomicU64, tick: u64) {
    let next = |word: u64| match word >> COUNT_BITS {
        held if held == tick => (word & MAX_COUNT < MAX_COUNT).then_some(word + 1),
        held if held < tick => Some(tick << COUNT_BITS | 1),
        _ => None,
    };
    // An error means that there is nothing to add: full, or too late.
    let _ = count.fetch_update(Release, Relaxed, next);
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    fn counts(calls: u64, failures: u64) -> Counts {
        Counts { calls, failures }
    }

    #[test]
    fn a_time_window_forgets_calls_older_than_itself() {
        // resilience4j's SlidingTimeWindowMetricsTest: 5 s in buckets of 1 s.
        let window = TimeWindow::new(5 * S, 5, 0);
        window.record(true, 0);
        window.record(false, 100 * MS);
        window.record(true, 800 * MS);
        assert_eq!(window.counts(800 * MS), counts(3, 2));
        assert_eq!(window.counts(4_800 * MS), counts(3, 2));
        assert_eq!(window.counts(5_800 * MS), counts(0, 0), "reading expires, too");
        window.record(false, 5_800 * MS);
        assert_eq!(window.counts(5_800 * MS), counts(1, 0));
        window.record(false, 10_800 * MS);
        assert_eq!(window.counts(10_800 * MS), counts(1, 0));
    }

    #[test]
    fn a_time_window_slides_by_a_bucket_at_a_time() {
        // Polly's RollingHealthMetricsTests: 10 s in 10, two calls each 2 s, the first of the first two a failure.
        let window = TimeWindow::new(10 * S, 10, 0);
        let seen: Vec<_> = (0..5)
            .map(|i| {
                window.record(i < 2, 2 * i * S);
                window.record(false, 2 * i * S);
                window.counts(2 * (i + 1) * S)
            })
            .collect();
        assert_eq!(seen, [counts(2, 1), counts(4, 2), counts(6, 2), counts(8, 2), counts(8, 1)]);
        assert_eq!(window.counts(12 * S), counts(6, 0));
    }

    #[test]
    fn a_clock_that_goes_back_loses_no_calls() {
        let window = TimeWindow::new(10 * S, 10, 0);
        (0..100).for_each(|i| window.record(true, 20 * S + i * 50 * MS));
        let before = window.counts(25 * S);
        for _ in 0..10 {
            assert_eq!(window.counts(20 * S), before, "reading in the past changes nothing");
        }
        assert_eq!(window.counts(25 * S), before);
    }

    #[test]
    fn a_silence_longer_than_the_window_empties_it() {
        // Hystrix's rolling number: 200 ms in 10; silence, then one.
        let window = TimeWindow::new(200 * MS, 10, 0);
        (0..16).for_each(|i| window.record(i % 3 == 0, i * 12 * MS));
        window.record(false, 16 * 12 * MS + 200 * MS);
        assert_eq!(window.counts(16 * 12 * MS + 200 * MS), counts(1, 0));
    }

    proptest! {
        // The oracle keeps every call and quantises to the same buckets.
        #[test]
        fn a_time_window_equals_all_calls_of_its_last_ticks(
            buckets in 1_u64..12,
            steps in prop::collection::vec(
                (prop_oneof![Just(0_u64), 0..3_000_u64, 0..200_000_u64], any::<bool>()),
                0..200,
            ),
        ) {
            let (width, start) = (1_000, 500);
            let window = TimeWindow::new(width * buckets, buckets as usize, start);
            let mut calls: Vec<(u64, bool)> = Vec::new();
            let mut now = start;
            for (gap, failed) in steps {
                now += gap;
                window.record(failed, now);
                calls.push(((now - start) / width, failed));
                for ahead in [0, width, width * buckets / 2, width * buckets] {
                    let tick = (now + ahead - start) / width;
                    let live = calls.iter().filter(|(at, _)| at + buckets > tick);
                    let expected = counts(
                        live.clone().count() as u64,
                        live.filter(|(_, failed)| *failed).count() as u64,
                    );
                    prop_assert_eq!(window.counts(now + ahead), expected);
                }
            }
        }
    }

    #[test]
    fn threads_lose_no_call_of_a_time_window() {
        let window = TimeWindow::new(10 * S, 10, 0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|i| window.record(i % 4 == 0, i % 10 * S)));
            }
        });
        assert_eq!(window.counts(9 * S), counts(40_000, 10_000));
    }
}
