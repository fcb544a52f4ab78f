//! Puts members' calls into the row of the table that is open, and sees that none is missing from it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::tally::{Call, Path, Tally};

/// A start that is later than this was not the platform's fault.
const LATE: Duration = Duration::from_millis(20);

/// Collects calls. Clones are the same collection.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Calls that have been started and have not ended, in the row or not.
    in_flight: u64,
    window: Option<Window>,
}

/// What was seen from a row's beginning to its end.
#[derive(Debug, Clone)]
pub struct Window {
    from: Instant,
    to: Option<Instant>,
    /// One for each path.
    pub tallies: BTreeMap<Path, Tally>,
    /// Calls that were to start in the window and have ended.
    pub starts: u64,
    /// Those that started more than 20 ms late.
    pub late: u64,
    /// Calls of the window that have not ended.
    pending: u64,
    /// Calls of the window that ended without a result: their task panicked.
    gone: u64,
}

/// A call that has been started. Dropped without landing, it is missed in the row.
#[derive(Debug)]
pub struct Flight {
    recorder: Recorder,
    intended: Instant,
    landed: bool,
}

impl Recorder {
    /// Opens a row: calls in flight at this moment are in it.
    pub fn open(&self, from: Instant) {
        let mut state = self.lock();
        let tallies = Path::ALL.into_iter().map(|path| (path, Tally::new())).collect();
        let pending = state.in_flight;
        state.window =
            Some(Window { from, to: None, tallies, starts: 0, late: 0, pending, gone: 0 });
    }

    /// Ends the row: calls that were to start later are not in it, those in flight still are.
    pub fn close(&self, to: Instant) {
        if let Some(window) = &mut self.lock().window {
            window.to = Some(to);
        }
    }

    /// Waits until every call of the closed row has ended, at most so long.
    pub async fn landed(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while self.lock().window.as_ref().is_some_and(|w| w.pending > 0)
            && Instant::now() < deadline
        {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The row.
    pub fn take(&self) -> Option<Window> {
        self.lock().window.take()
    }

    /// Calls of one path that the open row has so far.
    pub fn count(&self, path: Path) -> u64 {
        let state = self.lock();
        state.window.as_ref().and_then(|w| w.tallies.get(&path)).map_or(0, Tally::requests)
    }

    /// A call starts that was to start then.
    pub fn start(&self, intended: Instant) -> Flight {
        let mut state = self.lock();
        state.in_flight += 1;
        if let Some(window) = &mut state.window
            && window.has(intended)
        {
            window.pending += 1;
        }
        Flight { recorder: self.clone(), intended, landed: false }
    }

    // Guards the state for one call's arithmetic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// The call has ended.
    pub fn land(mut self, call: &Call) {
        self.landed = true;
        let mut state = self.recorder.lock();
        let Some(window) = &mut state.window else { return };
        if !window.has(self.intended) || call.ended < window.from {
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
}

impl Drop for Flight {
    fn drop(&mut self) {
        let (intended, landed) = (self.intended, self.landed);
        let mut state = self.recorder.lock();
        state.in_flight -= 1;
        if let Some(window) = &mut state.window
            && window.has(intended)
        {
            // A row that was opened between counts all that are in flight, so it was counted there.
            window.pending = window.pending.saturating_sub(1);
            window.gone += u64::from(!landed);
        }
    }
}

impl Window {
    /// Whether a call that was to start then is in the row, or was in flight when it began.
    fn has(&self, intended: Instant) -> bool {
        self.to.is_none_or(|to| intended < to)
    }

    /// Calls that should be in the row and are not.
    pub fn lost(&self) -> u64 {
        self.pending + self.gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::Outcome;

    fn call(zero: Instant, intended: u64, ended: u64) -> Call {
        Call {
            path: Path::Search,
            intended: zero + Duration::from_millis(intended),
            late: Duration::from_millis(if intended == 150 { 21 } else { 0 }),
            ended: zero + Duration::from_millis(ended),
            outcome: Outcome::Right,
            attempts: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_has_the_calls_in_flight_at_its_beginning_and_at_its_end() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let recorder = Recorder::default();
        recorder.start(at(0)).land(&call(zero, 0, 10));
        let before = recorder.start(at(90));
        recorder.open(at(100));
        before.land(&call(zero, 90, 110)); // in flight at the beginning
        recorder.start(at(150)).land(&call(zero, 150, 160)); // within, late
        let over = recorder.start(at(190));
        recorder.close(at(200));
        recorder.start(at(200)).land(&call(zero, 200, 210)); // after
        over.land(&call(zero, 190, 400)); // in flight at the end
        let window = recorder.take().unwrap();
        assert_eq!(window.tallies[&Path::Search].requests(), 3);
        assert_eq!((window.starts, window.late, window.lost()), (2, 1, 0));
        assert!(recorder.take().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_lands_is_missed() {
        let zero = Instant::now();
        let recorder = Recorder::default();
        recorder.open(zero);
        drop(recorder.start(zero)); // its task panicked
        let hangs = recorder.start(zero);
        recorder.close(zero + Duration::from_millis(1));
        recorder.landed(Duration::from_secs(3)).await;
        assert_eq!(recorder.take().unwrap().lost(), 2);
        drop(hangs);
    }
}
