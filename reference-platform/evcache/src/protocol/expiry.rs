use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// memcached's expiry time: 0 is never, negative is already past, up to 30 days is seconds from now, more is seconds
/// since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Expiry(i64);

/// What an [`Expiry`] means at a given moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It does not end by itself.
    Forever,
    /// It ends then.
    Until(Instant),
    /// It has ended.
    Past,
}

// ===== impl Expiry =====

impl Expiry {
    /// Never.
    pub const NEVER: Self = Self(0);

    /// The longest time in seconds that is read as "from now".
    pub const MAX_RELATIVE_SECS: i64 = 60 * 60 * 24 * 30;

    /// The number as it goes over the wire.
    pub const fn from_wire(secs: i64) -> Self {
        Self(secs)
    }

    /// The number as it goes over the wire.
    pub const fn to_wire(self) -> i64 {
        self.0
    }

    /// This long after `wall`. Rounded up to whole seconds, so that nothing lives shorter than asked; zero is
    /// already past.
    pub fn after(ttl: Duration, wall: SystemTime) -> Self {
        let whole = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
        let secs = i64::try_from(whole).unwrap_or(i64::MAX);
        if secs == 0 {
            return Self(-1);
        }
        if secs <= Self::MAX_RELATIVE_SECS {
            return Self(secs);
        }
        let epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self(i64::try_from(epoch).unwrap_or(i64::MAX).saturating_add(secs))
    }

    /// What it means when the monotonic clock shows `now` and the wall clock `wall`.
    pub fn lifetime(self, now: Instant, wall: SystemTime) -> Lifetime {
        let secs = match u64::try_from(self.0) {
            Err(_) => return Lifetime::Past,
            Ok(0) => return Lifetime::Forever,
            Ok(secs) => secs,
        };
        let left = if self.0 <= Self::MAX_RELATIVE_SECS {
            Duration::from_secs(secs)
        } else {
            let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            match Duration::from_secs(secs).checked_sub(since_epoch) {
                Some(left) if !left.is_zero() => left,
                _ => return Lifetime::Past,
            }
        };
        // Past the end of the clock is as good as never.
        now.checked_add(left).map_or(Lifetime::Forever, Lifetime::Until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn thirty_days_is_the_last_relative_time() {
        let days30 = Duration::from_secs(30 * 24 * 3600);
        assert_eq!(Expiry::after(days30, wall()).to_wire(), 2_592_000);
        let longer = Expiry::after(days30 + Duration::from_millis(1), wall());
        assert_eq!(
            longer.to_wire(),
            1_800_000_000 + 2_592_001,
            "one more second is an absolute time"
        );
    }

    #[test]
    fn nothing_lives_shorter_than_asked() {
        assert_eq!(Expiry::after(Duration::from_millis(1), wall()).to_wire(), 1);
        assert_eq!(Expiry::after(Duration::from_millis(1001), wall()).to_wire(), 2);
        assert_eq!(
            Expiry::after(Duration::ZERO, wall()).to_wire(),
            -1,
            "0 on the wire would mean never"
        );
    }

    #[test]
    fn wire_numbers_mean_what_memcached_says() {
        let now = Instant::now();
        let at = |secs| Expiry::from_wire(secs).lifetime(now, wall());
        assert_eq!(at(0), Lifetime::Forever);
        assert_eq!(at(-1), Lifetime::Past);
        assert_eq!(at(i64::MIN), Lifetime::Past);
        assert_eq!(at(60), Lifetime::Until(now + Duration::from_secs(60)));
        assert_eq!(at(1_800_000_010), Lifetime::Until(now + Duration::from_secs(10)));
        assert_eq!(at(1_799_999_999), Lifetime::Past);
        assert_eq!(at(2_592_001), Lifetime::Past, "31 January 1970");
        assert!(matches!(at(i64::MAX), Lifetime::Forever | Lifetime::Until(_)));
    }
}
