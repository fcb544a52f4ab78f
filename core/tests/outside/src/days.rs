use orlop_core::{Again, CallContext, End, Gate, Handle, Kind, Note, Now, Rejected, Settle};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};
use tokio::time::Instant;

/// A gate: lets calls in during the first part of each period, and counts what came of them.
#[derive(Clone, Debug)]
pub struct OpenHours {
    since: Instant,
    period: Duration,
    open: Duration,
    good: Arc<AtomicU64>,
}

impl OpenHours {
    pub fn new(period: Duration, open: Duration) -> Self {
        Self { since: Instant::now(), period, open, good: Arc::default() }
    }

    pub fn good(&self) -> u64 {
        self.good.load(Relaxed)
    }

    /// How long until it opens; zero while it is open.
    fn closed_for(&self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.since).as_nanos();
        let into = Duration::from_nanos((passed % self.period.as_nanos()) as u64);
        if into < self.open { Duration::ZERO } else { self.period - into }
    }
}

impl Handle for OpenHours {}

impl Settle for OpenHours {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), end: End<'_>, _: &Now) {
        if let End::Verdict(verdict) = end
            && verdict.is_success()
        {
            self.good.fetch_add(1, Relaxed);
        }
    }
}

impl<Req: ?Sized> Gate<Req> for OpenHours {
    fn enter(&self, _: &Req, _: Option<&CallContext>, now: &Now) -> Result<(), Rejected> {
        self.refusing_at(now.get()).map_or(Ok(()), Err)
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        self.refusing_at(now.get())
    }

    fn wake(&self, _: &Waker, now: &Now) -> Again {
        Again::At(now.get() + self.closed_for(now.get()))
    }
}

impl OpenHours {
    fn refusing_at(&self, now: Instant) -> Option<Rejected> {
        let wait = self.closed_for(now);
        (!wait.is_zero()).then(|| Rejected::new(Kind::RateLimit).with_retry_after(wait))
    }
}
