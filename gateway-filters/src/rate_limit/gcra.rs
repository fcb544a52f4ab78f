//! The generic cell rate algorithm, exactly.
//!
//! Source: ITU-T I.371 annex A, the virtual scheduling form. Changed: time is counted in units of 1/`count` ns, so that
//! the emission interval `per / count` is a whole number and nothing is rounded.
//!
//! With `T` the emission interval, `tau = T * (burst - 1)` and `tat` the theoretical arrival time:
//! a call at `t` conforms if `max(tat, t) - t <= tau`, and then `tat = max(tat, t) + T`. One addition and two
//! comparisons; 16 bytes a key.

use std::{num::NonZeroU32, time::Duration};

/// How many calls in how much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per `per`.
    count: NonZeroU32,
    /// In ns, 1 ns to a day.
    per: u64,
    burst: NonZeroU32,
}

/// A bucket's whole state: the theoretical arrival time, in units of 1/`count` ns since the start of the clock.
///
/// Up to now it is full, and as good as one that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tat(u128);

pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

// ===== impl Rate =====

impl Rate {
    /// `count` calls in every `per`, spread evenly, and `count` at once after a pause.
    ///
    /// `per` is taken into 1 ns ..= 24 h.
    pub fn new(count: NonZeroU32, per: Duration) -> Self {
        let per = per.clamp(Duration::from_nanos(1), LONGEST);
        // At most 24 h, which are 8.64e13 ns.
        Self { count, per: per.as_nanos() as u64, burst: count }
    }

    /// Sets how many calls may come at once after a pause. Defaults to the count.
    #[must_use]
    pub fn burst(mut self, burst: NonZeroU32) -> Self {
        self.burst = burst;
        self
    }

    /// Takes one call at `now`, ns since the start of the clock.
    ///
    /// # Errors
    ///
    /// The bucket is empty: how long until it is not.
    pub(crate) fn take(&self, tat: &mut Tat, now: u64) -> Result<(), Duration> {
        let (now, interval) = (self.scale(now).0, u128::from(self.per));
        let tolerance = interval * u128::from(self.burst.get() - 1);
        let due = tat.0.max(now);
        let ahead = due - now;
        if ahead > tolerance {
            let wait = (ahead - tolerance).div_ceil(u128::from(self.count.get()));
            // At most the interval, since ahead is at most tolerance + interval.
            return Err(Duration::from_nanos(wait as u64));
        }
        tat.0 = due + interval;
        Ok(())
    }

    /// A time as a [`Tat`] to compare with: a bucket is full if its tat is not after it.
    pub(crate) fn scale(&self, now: u64) -> Tat {
        Tat(u128::from(now) * u128::from(self.count.get()))
    }

    /// One emission interval, in ns, rounded up.
    pub(crate) fn interval(&self) -> u64 {
        self.per.div_ceil(u64::from(self.count.get()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A token bucket with whole numbers: a ns is worth `count` grains, a call costs `per` grains, the bucket holds `burst`
    /// calls.
    struct Slow {
        rate: Rate,
        grains: u128,
        at: u64,
    }

    impl Slow {
        fn take(&mut self, now: u64) -> Result<(), Duration> {
            let per = u128::from(self.rate.per);
            let count = u128::from(self.rate.count.get());
            let full = per * u128::from(self.rate.burst.get());
            self.grains = (self.grains + u128::from(now - self.at) * count).min(full);
            self.at = now;
            if self.grains >= per {
                self.grains -= per;
                return Ok(());
            }
            // Nanosecond by nanosecond would be slower still; this is the first at which there is enough.
            let mut wait = (per - self.grains) / count;
            while self.grains + wait * count < per {
                wait += 1;
            }
            Err(Duration::from_nanos(wait as u64))
        }
    }

    proptest! {
        #[test]
        fn is_a_token_bucket(
            count in 1u32..50,
            per in 1u64..1_000_000,
            burst in 1u32..20,
            steps in proptest::collection::vec((0u64..200_000, 1usize..6), 1..80),
        ) {
            let rate = Rate::new(NonZeroU32::new(count).unwrap(), Duration::from_nanos(per))
                .burst(NonZeroU32::new(burst).unwrap());
            let mut slow = Slow { rate, grains: u128::from(per) * u128::from(burst), at: 0 };
            let (mut tat, mut now) = (Tat::default(), 0);
            for (pause, calls) in steps {
                now += pause;
                for _ in 0..calls {
                    prop_assert_eq!(rate.take(&mut tat, now), slow.take(now));
                }
            }
        }

        #[test]
        fn a_caller_that_waits_as_told_is_admitted_and_one_ns_earlier_is_not(
            count in 1u32..50, per in 1u64..1_000_000, burst in 1u32..20, calls in 1usize..40,
        ) {
            let rate = Rate::new(NonZeroU32::new(count).unwrap(), Duration::from_nanos(per))
                .burst(NonZeroU32::new(burst).unwrap());
            let (mut tat, mut now) = (Tat::default(), 1_000);
            for _ in 0..calls {
                if let Err(wait) = rate.take(&mut tat, now) {
                    let wait = wait.as_nanos() as u64;
                    prop_assert!(wait > 0);
                    prop_assert!(rate.take(&mut tat.clone(), now + wait - 1).is_err());
                    now += wait;
                    prop_assert_eq!(rate.take(&mut tat, now), Ok(()));
                }
            }
        }

        #[test]
        fn no_window_lets_through_more_than_burst_and_rate(
            count in 1u32..20, per in 1u64..10_000, burst in 1u32..10,
            pauses in proptest::collection::vec(0u64..3_000, 1..60),
        ) {
            let rate = Rate::new(NonZeroU32::new(count).unwrap(), Duration::from_nanos(per))
                .burst(NonZeroU32::new(burst).unwrap());
            let (mut tat, mut now, mut admitted) = (Tat::default(), 0, Vec::new());
            for pause in pauses {
                now += pause;
                if rate.take(&mut tat, now).is_ok() {
                    admitted.push(now);
                }
            }
            for (from, first) in admitted.iter().enumerate() {
                for (to, last) in admitted.iter().enumerate().skip(from) {
                    let calls = (to - from + 1) as u128;
                    let earned = u128::from(last - first) * u128::from(count);
                    prop_assert!(calls * u128::from(per) <= u128::from(per) * u128::from(burst) + earned);
                }
            }
        }
    }
}
