use crate::{Line, line::Asked};
use orlop_core::{Kind, Permit, Rejected};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::time::Instant;

/// Waits for a slot in a [`Line`]. Made by [`Line::turn`].
///
/// It joins the line when it is first polled. A slot is kept for as long as its [`Permit`] lives.
///
/// # Errors
///
/// A refusal of kind [`Queue`](Kind::Queue), at once, if the line is full.
///
/// # Cancel safety
///
/// Dropping it leaves the line, and the next caller moves up; a slot that was about to be taken is not lost.
///
/// # Examples
///
/// ```
/// use orlop_bulkhead::{Line, Settings};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), orlop_bulkhead::core::BoxError> {
/// let line = Line::new(Settings::default());
/// let permit = tokio::time::timeout(Duration::from_millis(50), line.turn()).await??;
/// assert_eq!(line.limit().in_flight(), 1);
/// drop(permit);
/// # Ok(())
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Turn {
    /// `None` once the slot is had.
    line: Option<Line>,
    place: Option<u64>,
}

impl Turn {
    pub(crate) fn new(line: Line) -> Self {
        Self { line: Some(line), place: None }
    }

    /// The waker for the timer of a call that waits until then; `None` if it does not wait in the line.
    pub(crate) fn expiry(&self, until: Instant) -> Option<Waker> {
        Some(self.line.as_ref()?.expiry(self.place?, until))
    }

    /// Gives the place up: the caller waits no longer.
    pub(crate) fn leave(&mut self) {
        if let (Some(line), Some(place)) = (&self.line, self.place.take()) {
            line.leave(place);
        }
    }
}

impl Future for Turn {
    type Output = Result<Permit<Line>, Rejected>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let line = self.line.as_ref().expect("a future must not be polled after it completed");
        let asked = line.ask(self.place, cx.waker());
        if let Asked::Waits(place) = asked {
            self.place = Some(place);
            return Poll::Pending;
        }
        self.place = None;
        match (self.line.take(), asked) {
            (Some(line), Asked::Got(slot)) => Poll::Ready(Ok(Permit::new(line, slot))),
            (Some(line), _) => Poll::Ready(Err(line.refusal(Kind::Queue))),
            (None, _) => unreachable!("the line was here when it was asked"),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("waits", &self.place.is_some()).finish_non_exhaustive()
    }
}
