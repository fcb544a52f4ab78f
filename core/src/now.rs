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
    pub fn get(&self) -> Instant {
        self.at.get().unwrap_or_else(|| {
            let at = Instant::now();
            self.at.set(Some(at));
            at
        })
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Now({:?})", self.at.get())
    }
}
