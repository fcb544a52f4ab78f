//! Puts members' calls into the row of the table that is open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::tally::{Call, Path, Tally};

/// A start that is later than this was not the platform's fault.
const LATE: Duration = Duration::from_millis(20);

/// Collects calls. Clones are the same collection.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Option<Window>>>);

/// What was seen from a row's beginning to its end.
#[derive(Debug, Clone)]
pub struct Window {
    from: Instant,
    to: Option<Instant>,
    /// One for each path.
    pub tallies: BTreeMap<Path, Tally>,
    /// Calls that started in the window.
    pub starts: u64,
    /// Those that started more than 20 ms late.
    pub late: u64,
}

impl Recorder {
    /// Opens a row: calls in flight at this moment are in it.
    pub fn open(&self, from: Instant) {
        let tallies = Path::ALL.into_iter().map(|path| (path, Tally::new())).collect();
        *self.lock() = Some(Window { from, to: None, tallies, starts: 0, late: 0 });
    }

    /// Ends the row: calls that were to start later are not in it, those in flight still are.
    pub fn close(&self, to: Instant) {
        if let Some(window) = self.lock().as_mut() {
            window.to = Some(to);
        }
    }

    /// The row, once its last call can be over.
    pub fn take(&self) -> Option<Window> {
        self.lock().take()
    }

    /// Calls of one path that the open row has so far.
    pub fn count(&self, path: Path) -> u64 {
        let window = self.lock();
        window.as_ref().and_then(|w| w.tallies.get(&path)).map_or(0, Tally::requests)
    }

    /// Adds a call to the open row, if it belongs there.
    pub fn record(&self, call: &Call) {
        let mut window = self.lock();
        let Some(window) = window.as_mut() else { return };
        if call.ended < window.from || window.to.is_some_and(|to| call.intended >= to) {
            return;
        }
        if call.intended >= window.from {
            window.starts += 1;
            window.late += u64::from(call.late > LATE);
        }
        if let Some(tally) = window.tallies.get_mut(&call.path) {
            tally.add(call);
        }
    }

    // Guards the window for one call's arithmetic.
    fn lock(&self) -> MutexGuard<'_, Option<Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::Outcome;

    #[tokio::test(start_paused = true)]
    async fn a_row_has_the_calls_in_flight_at_its_beginning_and_at_its_end() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let call = |intended, ended| Call {
            path: Path::Search,
            intended: at(intended),
            late: Duration::from_millis(if intended == 150 { 21 } else { 0 }),
            ended: at(ended),
            outcome: Outcome::Right,
            attempts: 1.0,
        };
        let recorder = Recorder::default();
        recorder.record(&call(0, 10));
        recorder.open(at(100));
        recorder.record(&call(50, 99)); // over before
        recorder.record(&call(90, 110)); // in flight at the beginning
        recorder.record(&call(150, 160)); // within, late
        recorder.close(at(200));
        recorder.record(&call(190, 400)); // in flight at the end
        recorder.record(&call(200, 210)); // after
        let window = recorder.take().unwrap();
        assert_eq!(window.tallies[&Path::Search].requests(), 3);
        assert_eq!((window.starts, window.late), (2, 1));
        assert!(recorder.take().is_none());
    }
}
