//! The last stretch of time.

use super::{Counts, Sample};
use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
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
/// failure without its call; a failure counts only beside calls of its own tick. 24 bytes a bucket; recording is one
/// exchange for a healthy call, and one more each for a failure and a slow one; reading visits every bucket.
///
/// A generation is a jump in time: each begins N + 1 ticks later than the clock says. So a new one begins with an empty window
/// without anybody emptying it, and a recorder that belongs to an older one is too late for every bucket that a newer one has
/// taken, and outside of the window in the others.
///
/// Where many threads record, each has a stripe: a run of buckets of its own, on cache lines of its own. Readers sum
/// the stripes.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    start: u64,
    width: u64,
    /// Buckets of one stripe.
    length: u32,
    /// Stripes, a power of two, less one.
    mask: u32,
    /// Where the first stripe begins, and how far from each other they do.
    gap: u32,
    stride: u32,
    /// All stripes, one after the other, with gaps around each if there are several.
    buckets: Box<[Bucket]>,
}

#[derive(Debug)]
struct Bucket {
    calls: AtomicU64,
    failures: AtomicU64,
    slow: AtomicU64,
}

/// 128 bytes between stripes: whatever the alignment, no two share a line, nor a pair of lines fetched together.
const GAP: usize = 128_usize.div_ceil(size_of::<Bucket>());

/// 28 bits: 268 million calls a bucket, then it stops counting. The other 36 hold the tick: 21 years of 10 ms, or, with 10
/// buckets, as many generations as there are.
const COUNT_BITS: u32 = 28;
const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;

impl TimeWindow {
    /// A window of `length` nanoseconds, in `buckets`, that starts at nanosecond `start`; with so many `stripes`,
    /// rounded up to a power of two.
    pub(crate) fn new(length: u64, buckets: usize, start: u64, stripes: usize) -> Self {
        let count = buckets.clamp(1, 1 << 16);
        let stripes = stripes.clamp(1, 1 << 8).next_power_of_two();
        let gap = if stripes == 1 { 0 } else { GAP };
        let total = gap + stripes * (count + gap);
        Self {
            start,
            width: length.div_ceil(count as u64).max(1),
            length: count as u32,
            mask: stripes as u32 - 1,
            gap: gap as u32,
            stride: (count + gap) as u32,
            buckets: (0..total).map(|_| Bucket::empty()).collect(),
        }
    }

    /// A call that is neither failed nor slow. `stripe` is taken modulo the number of stripes.
    #[inline(always)]
    pub(crate) fn record_good(&self, generation: u32, now: u64, stripe: usize) {
        let tick = self.tick(generation, now);
        add(&self.bucket(tick, stripe).calls, tick);
    }

    /// `stripe` is taken modulo the number of stripes.
    pub(crate) fn record(&self, sample: Sample, generation: u32, now: u64, stripe: usize) {
        let tick = self.tick(generation, now);
        let bucket = self.bucket(tick, stripe);
        add(&bucket.calls, tick);
        if sample.failed {
            add(&bucket.failures, tick);
        }
        if sample.slow {
            add(&bucket.slow, tick);
        }
    }

    pub(crate) fn counts(&self, generation: u32, now: u64) -> Counts {
        let mut sum = Counts::default();
        self.each(generation, now, |_, counts| {
            sum.calls += counts.calls;
            sum.failures += counts.failures;
            sum.slow += counts.slow;
        });
        sum
    }

    /// Shows each bucket that holds calls, with its age in buckets.
    pub(crate) fn each(&self, generation: u32, now: u64, mut show: impl FnMut(u64, Counts)) {
        // Of two recorders that read after they wrote, one sees the other: the second past this fence. They may write
        // to different buckets, and without it each could miss the other, and neither trip.
        fence(SeqCst);
        let now = self.tick(generation, now);
        let length = u64::from(self.length);
        for stripe in 0..=self.mask {
            for bucket in &self.buckets[self.first(stripe)..][..self.length as usize] {
                let (failures, slow) = (bucket.failures.load(Acquire), bucket.slow.load(Acquire));
                let word = bucket.calls.load(Relaxed);
                let (tick, calls) = (word >> COUNT_BITS, word & MAX_COUNT);
                if calls == 0 || tick + length <= now {
                    continue;
                }
                let beside = |other: u64| {
                    let same = other >> COUNT_BITS == tick;
                    if same { (other & MAX_COUNT).min(calls) } else { 0 }
                };
                let (failures, slow) = (beside(failures), beside(slow));
                show(now.saturating_sub(tick), Counts { calls, failures, slow });
            }
        }
    }

    #[inline]
    fn bucket(&self, tick: u64, stripe: usize) -> &Bucket {
        let place = tick % u64::from(self.length);
        &self.buckets[self.first(stripe as u32 & self.mask) + place as usize]
    }

    /// Where a stripe begins.
    #[inline]
    fn first(&self, stripe: u32) -> usize {
        (self.gap + stripe * self.stride) as usize
    }

    #[inline]
    fn tick(&self, generation: u32, now: u64) -> u64 {
        let jumps = u64::from(generation) * u64::from(self.length + 1);
        now.saturating_sub(self.start) / self.width + jumps
    }
}

impl Bucket {
    fn empty() -> Self {
        let zero = || AtomicU64::new(0);
        Self { calls: zero(), failures: zero(), slow: zero() }
    }
}

#[inline]
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

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    const GOOD: Sample = Sample { failed: false, slow: false };
    const BAD: Sample = Sample { failed: true, slow: false };
    const SLOW: Sample = Sample { failed: false, slow: true };
    const SLOW_BAD: Sample = Sample { failed: true, slow: true };

    fn counts(calls: u64, failures: u64, slow: u64) -> Counts {
        Counts { calls, failures, slow }
    }

    fn window(length: u64, buckets: usize) -> TimeWindow {
        TimeWindow::new(length, buckets, 0, 1)
    }

    #[test]
    fn a_time_window_forgets_calls_older_than_itself() {
        // resilience4j's SlidingTimeWindowMetricsTest: 5 s in buckets of 1 s.
        let window = window(5 * S, 5);
        window.record(BAD, 0, 0, 0);
        window.record(GOOD, 0, 100 * MS, 0);
        window.record(SLOW_BAD, 0, 800 * MS, 0);
        assert_eq!(window.counts(0, 800 * MS), counts(3, 2, 1));
        assert_eq!(window.counts(0, 4_800 * MS), counts(3, 2, 1));
        assert_eq!(window.counts(0, 5_800 * MS), counts(0, 0, 0), "reading expires, too");
        window.record(GOOD, 0, 5_800 * MS, 0);
        assert_eq!(window.counts(0, 5_800 * MS), counts(1, 0, 0));
        window.record(GOOD, 0, 10_800 * MS, 0);
        assert_eq!(window.counts(0, 10_800 * MS), counts(1, 0, 0));
    }

    #[test]
    fn a_time_window_slides_by_a_bucket_at_a_time() {
        // Polly's RollingHealthMetricsTests: 10 s in 10, two calls each 2 s, the first of the first two a failure.
        let window = window(10 * S, 10);
        let seen: Vec<_> = (0..5)
            .map(|i| {
                window.record(if i < 2 { BAD } else { GOOD }, 0, 2 * i * S, 0);
                window.record(GOOD, 0, 2 * i * S, 0);
                let Counts { calls, failures, .. } = window.counts(0, 2 * (i + 1) * S);
                (calls, failures)
            })
            .collect();
        assert_eq!(seen, [(2, 1), (4, 2), (6, 2), (8, 2), (8, 1)]);
        assert_eq!(window.counts(0, 12 * S), counts(6, 0, 0));
    }

    #[test]
    fn a_silence_leaves_empty_buckets_in_the_window() {
        // Hystrix's rolling number, 200 ms in 10: one call, three buckets later another; two empty ones between them.
        let window = window(200 * MS, 10);
        window.record(GOOD, 0, 0, 0);
        window.record(GOOD, 0, 60 * MS, 0);
        let mut ages = Vec::new();
        window.each(0, 60 * MS, |age, counts| ages.push((age, counts.calls)));
        assert_eq!(ages, [(3, 1), (0, 1)]);
    }

    #[test]
    fn a_time_window_sums_each_kind_of_outcome() {
        // Hystrix's rolling number: 4 successes, 2 failures, 1 too late, at once.
        let at_once = window(200 * MS, 10);
        for sample in [GOOD, GOOD, GOOD, GOOD, BAD, BAD, SLOW] {
            at_once.record(sample, 0, 0, 0);
        }
        assert_eq!(at_once.counts(0, 0), counts(7, 2, 1));
        // Spread over the buckets: 6 successes, 5 failures, 3 too late; then silence, and one success.
        let spread = window(200 * MS, 10);
        for (i, sample) in
            [GOOD, BAD, SLOW, GOOD, BAD, SLOW, GOOD, BAD, SLOW, GOOD, BAD, GOOD, BAD, GOOD]
                .into_iter()
                .enumerate()
        {
            spread.record(sample, 0, i as u64 * 12 * MS, 0);
        }
        assert_eq!(spread.counts(0, 13 * 12 * MS), counts(14, 5, 3));
        let later = 13 * 12 * MS + 200 * MS;
        spread.record(GOOD, 0, later, 0);
        assert_eq!(spread.counts(0, later), counts(1, 0, 0));
    }

    #[test]
    fn an_empty_time_window_holds_nothing_and_never_grows() {
        // Hystrix's rolling number: 20 ms in 2, rolled 20 times.
        let window = window(20 * MS, 2);
        assert_eq!(window.counts(0, 0), counts(0, 0, 0));
        for roll in 0..20 {
            window.record(BAD, 0, roll * 10 * MS, 0);
            let mut live = 0;
            window.each(0, roll * 10 * MS, |_, _| live += 1);
            assert_eq!(live, if roll == 0 { 1 } else { 2 }, "at roll {roll}");
            assert_eq!(window.buckets.len(), 2);
        }
    }

    #[test]
    fn a_clock_that_goes_back_loses_no_calls() {
        // resilience4j loses a bucket with each read: 100, 90, .. 0 calls in 10 reads.
        let window = window(10 * S, 10);
        (0..100).for_each(|i| window.record(BAD, 0, 20 * S + i * 50 * MS, 0));
        let before = window.counts(0, 25 * S);
        assert_eq!(before, counts(100, 100, 0));
        for _ in 0..10 {
            assert_eq!(window.counts(0, 20 * S), before, "reading in the past changes nothing");
        }
        assert_eq!(window.counts(0, 25 * S), before);
    }

    #[test]
    fn failures_of_an_older_tick_are_not_those_of_newer_calls() {
        // A reader whose clock was read a whole window ago finds a bucket half taken over.
        let window = window(10 * S, 10);
        window.record(BAD, 0, 5 * S, 0);
        window.record(GOOD, 0, 15 * S, 0);
        assert_eq!(window.counts(0, 8 * S), counts(1, 0, 0));
        window.record(BAD, 0, 5 * S, 0);
        assert_eq!(window.counts(0, 15 * S), counts(1, 0, 0), "too late");
    }

    #[test]
    fn a_new_generation_begins_with_an_empty_time_window_and_an_old_one_is_too_late() {
        let window = window(10 * S, 10);
        (0..10).for_each(|i| window.record(BAD, 6, i * S, 0));
        assert_eq!(window.counts(6, 9 * S), counts(10, 10, 0));
        assert_eq!(window.counts(7, 9 * S), counts(0, 0, 0));
        window.record(GOOD, 7, 9 * S, 0);
        (0..10).for_each(|i| window.record(BAD, 6, i * S, 0));
        assert_eq!(window.counts(7, 9 * S), counts(1, 0, 0));
    }

    #[test]
    fn one_stripe_costs_no_padding() {
        assert_eq!(size_of::<Bucket>(), 24);
        assert_eq!(window(10 * S, 10).buckets.len(), 10);
        assert!(size_of::<TimeWindow>() <= 48);
    }

    #[test]
    fn stripes_share_no_pair_of_cache_lines() {
        let window = TimeWindow::new(10 * S, 10, 0, 8);
        let address = |place: usize| std::ptr::from_ref(&window.buckets[place]).addr();
        for stripe in 0..7 {
            let last_byte = address(window.first(stripe) + 9) + size_of::<Bucket>() - 1;
            let next = address(window.first(stripe + 1));
            assert!(last_byte / 128 < next / 128, "stripe {stripe}: {last_byte}, {next}");
        }
        assert!(window.buckets.len() >= window.first(7) + 10 + GAP, "nor with what lies behind");
    }

    #[test]
    fn threads_lose_no_call_of_a_time_window() {
        for stripes in [1, 4] {
            let window = TimeWindow::new(10 * S, 10, 0, stripes);
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let window = &window;
                    scope.spawn(move || {
                        for i in 0..10_000 {
                            let sample = Sample { failed: i % 4 == 0, slow: i % 5 == 0 };
                            window.record(sample, 0, i % 10 * S, thread);
                        }
                    });
                }
            });
            assert_eq!(window.counts(0, 9 * S), counts(40_000, 10_000, 8_000));
        }
    }
}
