//! A success rate that forgets gradually.

use super::{
    Counts, Sample, TimeWindow,
    tagged::{Tagged, is_newer},
};
use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Acquire},
};

/// An exponentially weighted mean of successes.
#[derive(Debug)]
pub(crate) enum Ewma {
    /// Each call weighs `e^(-1/calls)` of the one after it.
    Calls(ByCalls),
    /// Each call weighs `e^(-age/time)`.
    Time(TimeWindow),
}

/// Finagle's `Ema` (util-stats) as its `SuccessRateFailureAccrualPolicy` uses it: the first sample is the mean; then
/// `mean = x * w + mean * (1 - w)` with `w = 1 - e^(-1/calls)`.
///
/// Two words. The second is the number of calls, with the generation. The first is the mean, with 28 bits of the generation
/// that it is of: a mean of another generation is none. A recorder of an older generation is told so by the second, which it
/// changes first. One exchange each a call, on a line that all threads share.
#[derive(Debug)]
pub(crate) struct ByCalls {
    w: f64,
    calls: Tagged,
    mean: AtomicU64,
}

/// 36 bits: 1.5e-11, so that also the mean of 65,535 calls, which a call moves by 1.5e-5 of its distance, gets within 5e-7 of
/// where it goes.
const MEAN_BITS: u32 = 36;
/// A generation half a round behind looks newer. With 16 bits that took 4.5 hours of one failed probe a second; with these 28,
/// two years.
const TAG_BITS: u32 = 64 - MEAN_BITS;
const ONE: f64 = ((1_u64 << MEAN_BITS) - 1) as f64;

/// By time, the mean over a window of 32 buckets of an eighth of the time: four time constants. What it leaves out would
/// weigh 1.8 %.
///
/// A call weighs by its bucket's age, so calls at one instant weigh alike. A recursion over the gaps between calls does not do
/// that: Finagle's, and failsafe's after it, give a call no weight if the one before came within the clock's resolution.
const BUCKETS: usize = 32;
const BUCKETS_IN_TIME: u64 = 8;

/// `e^(-1/8)`: what a bucket weighs of the next.
const FADING: f64 = 0.882_496_902_584_595_4;

impl Ewma {
    pub(crate) fn by_calls(calls: u16) -> Self {
        let w = 1.0 - (-1.0 / f64::from(calls.max(1))).exp();
        Self::Calls(ByCalls { w, calls: Tagged::new(), mean: AtomicU64::new(0) })
    }

    pub(crate) fn by_time(time: u64, start: u64, stripes: usize) -> Self {
        let length = time.saturating_mul(BUCKETS as u64 / BUCKETS_IN_TIME);
        Self::Time(TimeWindow::new(length, BUCKETS, start, stripes))
    }

    /// The clock is read only by the mean over time.
    #[inline]
    pub(crate) fn record(
        &self,
        success: bool,
        generation: u32,
        now: impl Fn() -> u64,
        stripe: usize,
    ) {
        match self {
            Self::Calls(mean) => mean.record(success, generation),
            Self::Time(window) => {
                let sample = Sample { failed: !success, slow: false };
                window.record(sample, generation, now(), stripe);
            }
        }
    }

    /// The success rate, 1 if there were no calls, and how many calls there were: since the start, or within the time.
    pub(crate) fn rate(&self, generation: u32, now: u64) -> (f64, u64) {
        match self {
            Self::Calls(mean) => mean.rate(generation),
            Self::Time(window) => {
                let (mut all, mut failed, mut recent) = (0.0, 0.0, 0);
                window.each(generation, now, |age, Counts { calls, failures, .. }| {
                    // The window's ages are below its 32 buckets.
                    let weight = FADING.powi(age as i32);
                    all += weight * calls as f64;
                    failed += weight * failures as f64;
                    recent += if age < BUCKETS_IN_TIME { calls } else { 0 };
                });
                (if all > 0.0 { 1.0 - failed / all } else { 1.0 }, recent)
            }
        }
    }
}

impl ByCalls {
    fn record(&self, success: bool, generation: u32) {
        let more = |calls: i32| calls.saturating_add(1);
        if self.calls.change(generation, more).is_none() {
            return;
        }
        let sample = if success { 1.0 } else { 0.0 };
        let tag = tag(generation);
        let next = |word: u64| match (word >> MEAN_BITS) as u32 {
            same if same == tag => {
                Some(word_of(tag, sample * self.w + mean(word) * (1.0 - self.w)))
            }
            // Too late after all.
            other if is_newer(other, tag, TAG_BITS) => None,
            _ => Some(word_of(tag, sample)),
        };
        // AcqRel and Acquire: who sees a call sees what its recorder did before.
        let _ = self.mean.fetch_update(AcqRel, Acquire, next);
    }

    fn rate(&self, generation: u32) -> (f64, u64) {
        let word = self.mean.load(Acquire);
        let calls = self.calls.get(generation).unsigned_abs();
        let known = calls > 0 && (word >> MEAN_BITS) as u32 == tag(generation);
        (if known { mean(word) } else { 1.0 }, calls.into())
    }
}

/// The generation's lower bits. Off by one, so that the first generation's is not that of a mean that was never set.
fn tag(generation: u32) -> u32 {
    generation.wrapping_add(1) & ((1 << TAG_BITS) - 1)
}

fn word_of(tag: u32, mean: f64) -> u64 {
    u64::from(tag) << MEAN_BITS | (mean * ONE).round() as u64
}

fn mean(word: u64) -> f64 {
    (word & ((1 << MEAN_BITS) - 1)) as f64 / ONE
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    fn timeless() -> u64 {
        unreachable!("a mean over calls reads no clock")
    }

    #[test]
    fn a_mean_over_calls_begins_with_its_first_sample() {
        // Finagle's FailureAccrualPolicyTest, success rate .5 over 5 calls: four failures are too few, the fifth is not.
        let mean = Ewma::by_calls(5);
        assert_eq!(mean.rate(0, 0), (1.0, 0));
        for calls in 1..=5 {
            mean.record(false, 0, timeless, 0);
            assert_eq!(mean.rate(0, 0), (0.0, calls));
        }
    }

    #[test]
    fn the_70th_failure_halves_a_mean_over_100_calls() {
        // The same test: 100 ln 2 is 69.3.
        let mean = Ewma::by_calls(100);
        (0..100).for_each(|_| mean.record(true, 0, timeless, 0));
        assert_eq!(mean.rate(0, 0), (1.0, 100));
        (0..69).for_each(|_| mean.record(false, 0, timeless, 0));
        assert!(mean.rate(0, 0).0 >= 0.5, "{:?}", mean.rate(0, 0));
        mean.record(false, 0, timeless, 0);
        assert!(mean.rate(0, 0).0 < 0.5, "{:?}", mean.rate(0, 0));
    }

    #[test]
    fn a_mean_over_time_counts_the_calls_within_its_time() {
        // The same test: over 30 s, at least 5 calls.
        let mean = Ewma::by_time(30 * S, 0, 1);
        for calls in 1..=5 {
            mean.record(false, 0, || 30 * S, 0);
            assert_eq!(mean.rate(0, 30 * S), (0.0, calls));
        }
        assert_eq!(
            mean.rate(0, 60 * S),
            (0.0, 0),
            "they still weigh, but are no longer within 30 s"
        );
        assert_eq!(mean.rate(0, 150 * S), (1.0, 0));
    }

    #[test]
    fn calls_of_one_instant_weigh_alike() {
        // The first call of each millisecond succeeds, 12 more fail. failsafe's mean over time sees 100 % of success.
        let mean = Ewma::by_time(S, 0, 1);
        for ms in 0..4_000 {
            (0..13).for_each(|i| mean.record(i == 0, 0, || ms * MS, 0));
        }
        let (rate, _) = mean.rate(0, 4 * S);
        assert!((rate - 1.0 / 13.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn a_call_weighs_a_third_of_one_a_time_constant_later() {
        let mean = Ewma::by_time(8 * S, 0, 1);
        mean.record(true, 0, || 0, 0);
        mean.record(false, 0, || 8 * S, 0);
        let weight = (-1.0_f64).exp();
        assert!((mean.rate(0, 8 * S).0 - weight / (1.0 + weight)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_mean_over_calls_equals_the_recursion(
            calls in 1..=u16::MAX,
            outcomes in prop::collection::vec(prop::bool::weighted(0.6), 1..500),
        ) {
            let mean = Ewma::by_calls(calls);
            let w = 1.0 - (-1.0 / f64::from(calls)).exp();
            let mut expected = None;
            for success in outcomes {
                mean.record(success, 0, timeless, 0);
                let x = if success { 1.0 } else { 0.0 };
                let now = expected.map_or(x, |mean: f64| x * w + mean * (1.0 - w));
                expected = Some(now);
                // 500 roundings of half of 2.3e-10, at most, where none decays.
                prop_assert!((mean.rate(0, 0).0 - now).abs() < 1e-7, "{:?}, {now}", mean.rate(0, 0));
            }
        }

        // The oracle keeps every call and quantises to the same buckets.
        #[test]
        fn a_mean_over_time_equals_the_weighted_mean_of_all_calls(
            stripes in 1_usize..5,
            steps in prop::collection::vec(
                (prop_oneof![Just(0_u64), 0..3_000_u64, 0..60_000_u64], any::<bool>(), 0_usize..5),
                1..200,
            ),
        ) {
            let (width, start) = (1_000, 77);
            let mean = Ewma::by_time(8 * width, start, stripes);
            let mut calls: Vec<(u64, bool)> = Vec::new();
            let mut now = start;
            for (gap, success, stripe) in steps {
                now += gap;
                mean.record(success, 0, || now, stripe);
                calls.push(((now - start) / width, success));
                let tick = (now - start) / width;
                let live = || calls.iter().filter(|(at, _)| at + 32 > tick);
                let sum = |only: &dyn Fn(bool) -> bool| -> f64 {
                    live()
                        .filter(|(_, success)| only(*success))
                        .map(|(at, _)| (-((tick - at) as f64) / 8.0).exp())
                        .sum()
                };
                let expected = sum(&|success| success) / sum(&|_| true);
                let recent = live().filter(|(at, _)| at + 8 > tick).count() as u64;
                let (rate, counted) = mean.rate(0, now);
                prop_assert!((rate - expected).abs() < 1e-9, "{rate}, {expected}");
                prop_assert_eq!(counted, recent);
            }
        }
    }

    #[test]
    fn threads_lose_no_call_of_a_mean_over_calls() {
        let mean = Ewma::by_calls(100);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|i| mean.record(i % 2 == 0, 0, timeless, 0)));
            }
        });
        let (rate, calls) = mean.rate(0, 0);
        assert_eq!(calls, 40_000);
        assert!((0.0..=1.0).contains(&rate), "{rate}");
    }
}
