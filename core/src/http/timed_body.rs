use super::BodyTime;
use crate::BoxError;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// A body that ends with [`BodyTimedOut`] when it takes longer than a [`BodyTime`] allows.
    ///
    /// The time is looked at when somebody asks for a frame, and whoever asks is woken when it is up. A body that nobody asks
    /// is not ended by it: the deadline of the call, or whoever holds the body, has to let go.
    ///
    /// One timer, in place: it is set when the body first keeps somebody waiting, and set again at most once per idle time,
    /// not per frame.
    ///
    /// # Cancel safety
    ///
    /// Asking for a frame loses nothing: a frame that comes after the asker has gone is there for the next, who also finds the
    /// idle time as far gone as it is.
    pub struct TimedBody<B> {
        #[pin]
        body: B,
        #[pin]
        timer: Option<Sleep>,
        time: BodyTime,
        // When the total is up.
        total_at: Option<Instant>,
        // When the wait that is going on becomes too long. None: nobody is kept waiting.
        idle_at: Option<Instant>,
        timed_out: bool,
    }
}

/// A body took longer than its [`BodyTime`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTimedOut {
    limit: Limit,
    time: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Idle,
    Total,
}

impl<B> TimedBody<B> {
    /// Gives the body its time. The total counts from now.
    pub fn new(body: B, time: BodyTime) -> Self {
        // A time that the clock cannot hold never comes.
        let total_at = time.total_time().and_then(|total| Instant::now().checked_add(total));
        Self { body, timer: None, time, total_at, idle_at: None, timed_out: false }
    }

    /// The body behind.
    pub fn get_ref(&self) -> &B {
        &self.body
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if *this.timed_out {
            return Poll::Ready(None);
        }
        // The body first: a frame that is there has come in time, however late it is fetched.
        let timed_out = match this.body.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                *this.idle_at = None;
                // A body that always has a frame never waits for the timer.
                match *this.total_at {
                    Some(at) if Instant::now() >= at => Limit::Total,
                    _ => return Poll::Ready(Some(Ok(frame))),
                }
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                if this.idle_at.is_none()
                    && let Some(idle) = this.time.idle_time()
                {
                    *this.idle_at = Instant::now().checked_add(idle);
                }
                ready!(poll_limit(this.timer, *this.idle_at, *this.total_at, cx))
            }
        };
        *this.timed_out = true;
        let error = BodyTimedOut::of(timed_out, *this.time);
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.timed_out || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.timed_out { SizeHint::with_exact(0) } else { self.body.size_hint() }
    }
}

/// Waits for the earlier of the two.
fn poll_limit(
    mut timer: Pin<&mut Option<Sleep>>,
    idle_at: Option<Instant>,
    total_at: Option<Instant>,
    cx: &mut Context<'_>,
) -> Poll<Limit> {
    let (at, limit) = match (idle_at, total_at) {
        (Some(idle), Some(total)) if total <= idle => (total, Limit::Total),
        (Some(idle), _) => (idle, Limit::Idle),
        (None, Some(total)) => (total, Limit::Total),
        (None, None) => return Poll::Pending,
    };
    if timer.is_none() {
        timer.set(Some(sleep_until(at)));
    }
    let Some(mut timer) = timer.as_pin_mut() else {
        unreachable!("set just above");
    };
    loop {
        ready!(timer.as_mut().poll(cx));
        // Frames that came since it was set have moved the time. They left the timer alone: to set it costs more than to
        // wake up once too early. It never stands later than `at`, since both times only move forward.
        if timer.deadline() >= at {
            return Poll::Ready(limit);
        }
        timer.as_mut().reset(at);
    }
}

impl BodyTimedOut {
    fn of(limit: Limit, time: BodyTime) -> Self {
        let time = match limit {
            Limit::Idle => time.idle_time(),
            Limit::Total => time.total_time(),
        };
        Self { limit, time: time.unwrap_or_default() }
    }

    /// Whether no frame came for too long; else the body as a whole took too long.
    pub const fn is_idle(&self) -> bool {
        matches!(self.limit, Limit::Idle)
    }

    /// The time that was allowed.
    pub const fn allowed(&self) -> Duration {
        self.time
    }
}

impl fmt::Display for BodyTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::Idle => write!(f, "no frame of the body within {:?}", self.time),
            Limit::Total => write!(f, "body not at its end within {:?}", self.time),
        }
    }
}

impl Error for BodyTimedOut {}

/// An empty body has all the time it wants: what a refusal answers with.
impl<B: Default> Default for TimedBody<B> {
    fn default() -> Self {
        Self::new(B::default(), BodyTime::new())
    }
}

impl<B: fmt::Debug> fmt::Debug for TimedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedBody")
            .field("body", &self.body)
            .field("time", &self.time)
            .field("timed_out", &self.timed_out)
            .finish_non_exhaustive()
    }
}
