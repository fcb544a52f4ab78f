//! The wall clock as services see it: the machine's, or one that follows virtual time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// 2026-01-01T00:00:00Z: where virtual wall clocks begin, so that leases and signed URLs are the same in every run.
pub fn epoch() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// Tells the time of day. For measuring durations use `tokio::time::Instant`: wall clocks jump.
#[derive(Debug, Clone)]
pub struct Wall(Source);

#[derive(Debug, Clone)]
enum Source {
    Machine,
    Follows {
        start: Instant,
    },
    #[cfg(feature = "sim")]
    Simulated,
}

impl Wall {
    /// The machine's clock.
    pub const fn machine() -> Self {
        Self(Source::Machine)
    }

    /// [`epoch`] plus what tokio's clock has moved since `start`: stands still when tokio's time is paused.
    pub const fn following(start: Instant) -> Self {
        Self(Source::Follows { start })
    }

    /// [`epoch`] plus the simulation's elapsed time, equal on all simulated hosts whenever they were started.
    #[cfg(feature = "sim")]
    pub const fn simulated() -> Self {
        Self(Source::Simulated)
    }

    /// The time of day.
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Source::Machine => machine_now(),
            Source::Follows { start } => epoch() + start.elapsed(),
            #[cfg(feature = "sim")]
            Source::Simulated => epoch() + turmoil::sim_elapsed().unwrap_or_default(),
        }
    }

    /// Whole seconds since 1970, as tokens and signed URLs carry them.
    pub fn unix_seconds(&self) -> u64 {
        self.since_1970().as_secs()
    }

    /// Milliseconds since 1970, as the registry's wire format carries them.
    pub fn unix_millis(&self) -> u64 {
        u64::try_from(self.since_1970().as_millis()).unwrap_or(u64::MAX)
    }

    fn since_1970(&self) -> Duration {
        // A machine set before 1970 reads as 1970.
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
fn machine_now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn following_clock_moves_only_with_virtual_time() {
        let wall = Wall::following(Instant::now());
        assert_eq!(wall.now(), epoch());
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(wall.now(), epoch() + Duration::from_millis(1500));
        assert_eq!(wall.unix_seconds(), 1_767_225_601);
        assert_eq!(wall.unix_millis(), 1_767_225_601_500);
    }

    #[test]
    fn machine_clock_is_later_than_this_code() {
        assert!(Wall::machine().unix_seconds() > 1_700_000_000);
    }
}
