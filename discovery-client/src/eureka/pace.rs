//! How long to wait: even intervals with jitter, and back-off after failures.

use std::time::Duration;

/// Draws waiting times from a seed.
#[derive(Debug)]
pub(super) struct Pace {
    rng: fastrand::Rng,
    failures: u32,
}

/// The first wait after a failure.
const FIRST: Duration = Duration::from_millis(250);

impl Pace {
    pub(super) fn new(seed: Option<u64>) -> Self {
        let rng = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self { rng, failures: 0 }
    }

    /// The wait after a success: the interval less up to a tenth, so that clients which started together drift apart
    /// and a lease is never kept waiting.
    pub(super) fn after_success(&mut self, interval: Duration) -> Duration {
        self.failures = 0;
        interval.mul_f64(1.0 - 0.1 * self.rng.f64())
    }

    /// The wait after a failure: 250 ms, doubling up to `cap`, of which the upper half is drawn.
    pub(super) fn after_failure(&mut self, cap: Duration) -> Duration {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(16)).min(cap);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(0.5 + 0.5 * self.rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_over_after_a_success() {
        let cap = Duration::from_secs(2);
        let mut pace = Pace::new(Some(1));
        let waits: Vec<Duration> = (0..6).map(|_| pace.after_failure(cap)).collect();
        for (wait, ceiling) in waits.iter().zip([250, 500, 1000, 2000, 2000, 2000]) {
            let ceiling = Duration::from_millis(ceiling);
            assert!(*wait <= ceiling && *wait >= ceiling / 2, "{wait:?} for {ceiling:?}");
        }
        let interval = Duration::from_secs(10);
        let wait = pace.after_success(interval);
        assert!(wait <= interval && wait >= interval.mul_f64(0.9), "{wait:?}");
        assert!(pace.after_failure(cap) <= FIRST);
    }

    #[test]
    fn the_same_seed_waits_the_same() {
        let draw = |seed| {
            let mut pace = Pace::new(Some(seed));
            (0..5).map(|_| pace.after_failure(Duration::from_secs(9))).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
