//! How long a circuit stays open.

use crate::Cause;
use fastrand::Rng;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

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
/// let as_the_other_side_asks = OpenTime::advised(Duration::from_secs(5));
/// let by_a_function = OpenTime::by(|opening| Duration::from_secs(1 + u64::from(opening.reopenings())));
/// # let _ = (always_the_same, longer_each_time, as_the_other_side_asks, by_a_function);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OpenTime(pub(crate) Rule);

#[derive(Clone)]
pub(crate) enum Rule {
    Fixed(Duration),
    Exponential { first: Duration, max: Duration },
    Advised { otherwise: Duration },
    By(Arc<dyn Fn(&Opening) -> Duration + Send + Sync>),
}

/// What an open time can be made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    pub(crate) reopenings: u32,
    pub(crate) cause: Cause,
    pub(crate) retry_after: Option<Duration>,
}

impl OpenTime {
    /// The same time at each opening, exactly. Zero means that the next call is a probe.
    pub const fn fixed(time: Duration) -> Self {
        Self(Rule::Fixed(time))
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
        Self(Rule::Exponential { first, max })
    }

    /// What the other side asked for, as it is, up to [`max_retry_after`](crate::Settings::max_retry_after); `otherwise`,
    /// where it asked for nothing, or for no time at all.
    pub const fn advised(otherwise: Duration) -> Self {
        Self(Rule::Advised { otherwise })
    }

    /// What the function says. It runs after the transition, on the task whose call caused it, with no lock held; until it has
    /// returned, refusals name no time. If it panics, the circuit stays open for 5 s.
    pub fn by(time: impl Fn(&Opening) -> Duration + Send + Sync + 'static) -> Self {
        Self(Rule::By(Arc::new(time)))
    }

    /// The open time in nanoseconds; `openings` is 1 for the first since the circuit was closed. `None` if a function must be
    /// asked. `advice` is clamped already.
    pub(crate) fn nanos(
        &self,
        openings: u32,
        advice: Option<Duration>,
        rng: &mut Rng,
    ) -> Option<u64> {
        let backoff = match &self.0 {
            Rule::Fixed(time) => nanos(*time),
            Rule::Exponential { first, max } => {
                let factor = 1_u64.checked_shl(openings.saturating_sub(1)).unwrap_or(u64::MAX);
                let full = nanos(*first).saturating_mul(factor).min(nanos(*max));
                full - full / 2 + rng.u64(0..=full / 2)
            }
            Rule::Advised { otherwise } => match advice {
                Some(advice) if !advice.is_zero() => return Some(nanos(advice)),
                // "At once" is no advice: a peer could switch the circuit off with it.
                _ => nanos(*otherwise),
            },
            Rule::By(_) => return None,
        };
        // The other side's advice only lengthens: it comes from a peer.
        Some(backoff.max(nanos(advice.unwrap_or_default())))
    }

    /// Asks the function, if there is one.
    pub(crate) fn ask(&self, opening: &Opening) -> Duration {
        const IF_IT_PANICS: Duration = Duration::from_secs(5);
        let Rule::By(time) = &self.0 else { return IF_IT_PANICS };
        // The panic hook has reported it already, and nothing of ours was in the function's hands.
        catch_unwind(AssertUnwindSafe(|| time(opening))).unwrap_or_else(|payload| {
            // To drop it may panic again.
            std::mem::forget(payload);
            IF_IT_PANICS
        })
    }
}

impl Opening {
    /// How often the circuit has opened again since it was last closed: 0 for the first opening.
    pub fn reopenings(&self) -> u32 {
        self.reopenings
    }

    /// Why it opened.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What the other side asked for, clamped to [`max_retry_after`](crate::Settings::max_retry_after).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) => a == b,
            (Self::Advised { otherwise: a }, Self::Advised { otherwise: b }) => a == b,
            (
                Self::Exponential { first, max },
                Self::Exponential { first: first_b, max: max_b },
            ) => (first, max) == (first_b, max_b),
            (Self::By(a), Self::By(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => f.debug_tuple("Fixed").field(time).finish(),
            Self::Exponential { first, max } => {
                f.debug_struct("Exponential").field("first", first).field("max", max).finish()
            }
            Self::Advised { otherwise } => {
                f.debug_struct("Advised").field("otherwise", otherwise).finish()
            }
            Self::By(_) => f.write_str("By(..)"),
        }
    }
}

/// 500 years at most, which is for ever here.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
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
                let nanos = time.nanos(openings, None, &mut rng).unwrap();
                assert!((full / 2..=full).contains(&nanos), "{nanos} of {full}");
            }
        }
    }

    #[test]
    fn equal_seeds_give_equal_open_times() {
        let time = OpenTime::exponential(Duration::from_secs(1), Duration::from_secs(30));
        let times = |seed| {
            let mut rng = Rng::with_seed(seed);
            (1..10).map(|n| time.nanos(n, None, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(times(7), times(7));
        assert_ne!(times(7), times(8));
    }

    #[test]
    fn a_fixed_open_time_has_no_jitter() {
        let time = OpenTime::fixed(Duration::from_nanos(9));
        assert_eq!(time.nanos(40, None, &mut Rng::with_seed(1)), Some(9));
    }
}
