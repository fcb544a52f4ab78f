//! A clock that is read at most once an event, and only if somebody asks.

use std::{cell::Cell, fmt};
use tokio::time::Instant;

/// The time of one event. The first [`get`](Now::get) reads the clock, the following ones repeat it.
///
/// A clock read costs about as much as the rest of a healthy call's bookkeeping, and many gates need none.
pub struct Now {
    at: Cell<Option<Instant>>,
}

impl Now {
    /// The time at which it is first asked.
    pub const fn lazy() -> Self {
        Self { at: Cell::new(None) }
    }

    /// A given time.
    pub const fn at(at: Instant) -> Self {
        Self { at: Cell::new(Some(at)) }
    }

    /// The time of the event.
    #[inline]
    pub fn get(&self) -> Instant {
        self.at.get().unwrap_or_else(|| {
            let at = Instant::now();
            self.at.set(Some(at));
            at
        })
    }

    /// The time since `base` in nanoseconds; 0 where `base` lies ahead. It wraps in 584 years.
    #[inline(always)]
    pub fn nanos_since(&self, base: Instant) -> u64 {
        // In 64 bits: what the wider `as_nanos` would keep, or saturating, costs as much again, for each call.
        let since = self.get().into_std().saturating_duration_since(base.into_std());
        since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos()))
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Now({:?})", self.at.get())
    }
}
