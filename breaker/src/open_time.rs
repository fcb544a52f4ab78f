//! How long a circuit stays open.

use fastrand::Rng;
use std::time::Duration;

/// How long a circuit stays open before it lets probes through.
///
/// # Examples
///
/// ```
/// use orlop_breaker::OpenTime;
/// use std::time::Duration;
///
/// let always_the_same = OpenTime::fixed(Duration::from_secs(5));
/// let longer_each_time = OpenTime::exponential(Duration::from_secs(1), Duration::from_secs(30));
/// # let _ = (always_the_same, longer_each_time);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTime {
    pub(crate) first: Duration,
    /// `None` if the time never grows, and is not jittered.
    pub(crate) max: Option<Duration>,
}

impl OpenTime {
    /// The same time at each opening, exactly. Zero means that the next call is a probe.
    pub const fn fixed(time: Duration) -> Self {
        Self { first: time, max: None }
    }

    /// Doubles with each opening since the circuit was last closed, from `first` up to `max`, with equal jitter: half
    /// of the time is certain, the other half random, so that many clients do not probe at one instant.
    ///
    /// ```text
    /// full = min(max, first * 2^(openings - 1))
    /// time = full / 2 + random(0 ..= full / 2)
    /// ```
    ///
    /// A `max` below `first` counts as `first`.
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        let max = if max.as_nanos() < first.as_nanos() { first } else { max };
        Self { first, max: Some(max) }
    }

    /// The open time in nanoseconds; `openings` is 1 for the first since the circuit was closed.
    pub(crate) fn nanos(self, openings: u32, rng: &mut Rng) -> u64 {
        let first = nanos(self.first);
        let Some(max) = self.max else {
            return first;
        };
        let factor = 1_u64.checked_shl(openings.saturating_sub(1)).unwrap_or(u64::MAX);
        let full = first.saturating_mul(factor).min(nanos(max));
        full - full / 2 + rng.u64(0..=full / 2)
    }
}

/// 500 years at most, which is for ever here.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    #[test]
    fn open_time_doubles_up_to_its_maximum() {
        let time = OpenTime::exponential(Duration::from_nanos(100), Duration::from_nanos(500));
        let mut rng = Rng::with_seed(1);
        for (openings, full) in [(1, 100), (2, 200), (3, 400), (4, 500), (5, 500), (u32::MAX, 500)]
        {
            for _ in 0..200 {
                let nanos = time.nanos(openings, &mut rng);
                assert!((full / 2..=full).contains(&nanos), "{nanos} of {full}");
            }
        }
    }

    #[test]
    fn equal_seeds_give_equal_open_times() {
        let time = OpenTime::exponential(Duration::from_secs(1), Duration::from_secs(30));
        let times = |seed| {
            let mut rng = Rng::with_seed(seed);
            (1..10).map(|n| time.nanos(n, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(times(7), times(7));
        assert_ne!(times(7), times(8));
    }

    #[test]
    fn a_fixed_open_time_has_no_jitter() {
        let time = OpenTime::fixed(Duration::from_nanos(9));
        assert_eq!(time.nanos(40, &mut Rng::with_seed(1)), 9);
    }
}
