//! A clock that is cheap to read and a little late.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// A clock that a task advances, for gates that would rather be a millisecond late than read the clock for each call.
///
/// Reading it is one load. It is late by the resolution, and by as long as its runtime is too busy to advance it. When the
/// [`Ticker`] is dropped, for instance because its runtime ends, the clock says so, and gates read the real one again.
///
/// It shows tokio's time: while that is paused, so is this.
///
/// # Examples
///
/// ```
/// use orlop_core::CoarseClock;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (clock, ticker) = CoarseClock::pair(Duration::from_millis(1));
/// tokio::spawn(ticker);
/// # let _ = clock;
/// # }
/// ```
#[derive(Clone)]
pub struct CoarseClock {
    ticks: Arc<Ticks>,
}

/// Advances a [`CoarseClock`]: to be spawned. It ends when the clock's last handle is gone.
#[must_use = "the clock stands still unless this is spawned"]
pub struct Ticker {
    ticks: Weak<Ticks>,
    resolution: Duration,
    /// Made at the first poll, in the runtime that advances the clock.
    interval: Option<Interval>,
}

struct Ticks {
    base: Instant,
    /// Nanoseconds since `base`, or [`STOPPED`]. Relaxed: it orders nothing else.
    nanos: AtomicU64,
}

const STOPPED: u64 = u64::MAX;

impl CoarseClock {
    /// A clock, and what advances it every `resolution`: at least 1 ms, and at most 1 s. Until that is first polled, and
    /// after it is dropped, the clock says that it does not run.
    pub fn pair(resolution: Duration) -> (Self, Ticker) {
        let nanos = AtomicU64::new(STOPPED);
        let ticks = Arc::new(Ticks { base: Instant::now(), nanos });
        let resolution = resolution.clamp(Duration::from_millis(1), Duration::from_secs(1));
        let ticker = Ticker { ticks: Arc::downgrade(&ticks), resolution, interval: None };
        (Self { ticks }, ticker)
    }

    /// When the clock was made: what [`nanos`](Self::nanos) count from.
    pub fn base(&self) -> Instant {
        self.ticks.base
    }

    /// Nanoseconds since the clock was made; `None` if nobody advances it.
    #[inline]
    pub fn nanos(&self) -> Option<u64> {
        match self.ticks.nanos.load(Relaxed) {
            STOPPED => None,
            nanos => Some(nanos),
        }
    }
}

impl Future for Ticker {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let interval = this.interval.get_or_insert_with(|| {
            let mut interval = tokio::time::interval(this.resolution);
            // A task that was late owes no ticks: each says what time it is.
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        loop {
            let Some(ticks) = this.ticks.upgrade() else { return Poll::Ready(()) };
            ticks.advance();
            drop(ticks);
            if interval.poll_tick(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(ticks) = self.ticks.upgrade() {
            ticks.nanos.store(STOPPED, Relaxed);
        }
    }
}

impl Ticks {
    fn advance(&self) {
        let since = Instant::now().saturating_duration_since(self.base).as_nanos();
        self.nanos.store(u64::try_from(since).unwrap_or(STOPPED - 1).min(STOPPED - 1), Relaxed);
    }
}

impl fmt::Debug for CoarseClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoarseClock").field("nanos", &self.nanos()).finish()
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").field("resolution", &self.resolution).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    async fn pass(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
        tokio::task::yield_now().await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_late_by_less_than_its_resolution() {
        let (clock, ticker) = CoarseClock::pair(Duration::from_millis(10));
        assert_eq!(clock.nanos(), None, "nobody advances it yet");
        let ticker = tokio::spawn(ticker);
        tokio::task::yield_now().await;
        for ms in 1..100 {
            pass(1).await;
            let shown = clock.nanos().expect("it runs");
            assert!(shown <= ms * MS && shown + 10 * MS > ms * MS, "{shown} at {ms} ms");
        }
        ticker.abort();
        let _ = ticker.await;
        assert_eq!(clock.nanos(), None, "it says that it has stopped");
    }

    #[tokio::test(start_paused = true)]
    async fn its_task_ends_with_its_last_handle() {
        let (clock, ticker) = CoarseClock::pair(Duration::ZERO);
        let ticker = tokio::spawn(ticker);
        pass(5).await;
        assert!(clock.clone().nanos().is_some());
        drop(clock);
        pass(2).await;
        ticker.await.expect("it ends by itself");
    }

    #[test]
    fn it_stops_with_its_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (clock, ticker) = CoarseClock::pair(Duration::from_millis(1));
        runtime.block_on(async {
            tokio::spawn(ticker);
            tokio::task::yield_now().await;
        });
        assert!(clock.nanos().is_some());
        drop(runtime);
        assert_eq!(clock.nanos(), None);
    }
}
