use crate::BudgetSettings;
use std::{num::NonZeroU32, time::Duration};

/// How often, how soon and for how long a call is tried.
///
/// # Examples
///
/// ```
/// use orlop_retry::Settings;
/// use std::time::Duration;
///
/// let settings = Settings::default()
///     .with_timeout(Duration::from_secs(1))
///     .with_attempt_timeout(Duration::from_millis(300));
/// assert_eq!(settings.max_attempts.get(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Settings {
    /// Attempts at most, the first included. Default: 3; 1 never retries.
    pub max_attempts: NonZeroU32,
    /// The time for the whole call, all attempts and waits. The call's own deadline counts if it is earlier. Default: none.
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration_option"))]
    pub timeout: Option<Duration>,
    /// The time for one attempt, from getting the inner service ready to the head of the response. Default: none.
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration_option"))]
    pub attempt_timeout: Option<Duration>,
    /// Whether repeating a call does no harm. Default: unset, which leaves it to the request's method, and says no where
    /// there is none. What the call's context says goes first.
    pub idempotent: Option<bool>,
    /// The wait before a retry.
    pub backoff: Backoff,
    /// The longest wait that the other side may ask for; a longer one is not waited for, the answer goes to the caller.
    /// Default: 10 s.
    ///
    /// What a failing endpoint asks for is not waited for where a balancer below has another one to go to; what a
    /// throttling service asks for is.
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub max_retry_after: Duration,
    /// What retries are paid from. It is read when a [`Policy`](crate::Policy) makes a budget of its own; an update does
    /// not touch a budget that is there.
    pub budget: BudgetSettings,
}

/// The wait before retry `n`, counted from 0: a random time from 0 to `min(max, base * 2^n)`.
///
/// It comes on top of the wait that the other side asks for.
///
/// Source: "full jitter", Amazon Builders' Library; clients that failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Backoff {
    /// The longest wait before the first retry. Default: 25 ms.
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub base: Duration,
    /// The longest wait before any retry. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_attempts: const { NonZeroU32::new(3).unwrap() },
            timeout: None,
            attempt_timeout: None,
            idempotent: None,
            backoff: Backoff::default(),
            max_retry_after: Duration::from_secs(10),
            budget: BudgetSettings::default(),
        }
    }
}

impl Settings {
    /// Sets how many attempts there are at most.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: NonZeroU32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets the time for the whole call.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time for one attempt.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// States whether repeating a call does no harm.
    #[must_use]
    pub fn with_idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    /// Sets the wait before a retry.
    #[must_use]
    pub fn with_backoff(mut self, base: Duration, max: Duration) -> Self {
        self.backoff = Backoff { base, max };
        self
    }

    /// Sets the longest wait that the other side may ask for.
    #[must_use]
    pub fn with_max_retry_after(mut self, at_most: Duration) -> Self {
        self.max_retry_after = at_most;
        self
    }

    /// Sets what retries are paid from.
    #[must_use]
    pub fn with_budget(mut self, budget: BudgetSettings) -> Self {
        self.budget = budget;
        self
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(25), max: Duration::from_secs(1) }
    }
}

impl Backoff {
    /// A wait before retry `n`, counted from 0.
    pub(crate) fn wait(&self, n: u32, rng: &mut fastrand::Rng) -> Duration {
        let longest = match 2_u32.checked_pow(n).and_then(|factor| self.base.checked_mul(factor)) {
            Some(wait) => wait.min(self.max),
            None => self.max,
        };
        let nanos = longest.as_nanos().try_into().unwrap_or(u64::MAX);
        Duration::from_nanos(rng.u64(0..=nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_fill_their_range_and_never_leave_it() {
        let backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_millis(350) };
        let mut rng = fastrand::Rng::with_seed(7);
        for (n, longest) in
            [(0, 100), (1, 200), (2, 350), (3, 350), (31, 350), (32, 350), (u32::MAX, 350)]
        {
            let waits: Vec<_> = (0..1000).map(|_| backoff.wait(n, &mut rng).as_millis()).collect();
            assert!(waits.iter().all(|&wait| wait <= longest), "retry {n}");
            // Uniform over 0..=longest: of 1000 draws, none in the lowest or highest tenth has a chance of 10^-46.
            assert!(waits.iter().any(|&wait| wait < longest / 10), "retry {n}: down to 0");
            assert!(
                waits.iter().any(|&wait| wait > longest * 9 / 10),
                "retry {n}: up to {longest} ms"
            );
        }
    }

    #[test]
    fn no_base_is_no_wait() {
        let backoff = Backoff { base: Duration::ZERO, max: Duration::from_secs(1) };
        assert_eq!(backoff.wait(9, &mut fastrand::Rng::with_seed(1)), Duration::ZERO);
    }
}
