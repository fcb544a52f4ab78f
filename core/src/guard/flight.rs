use crate::{CallContext, Classify, Note, Now, Outcome, Permit, Rejected, Settle, Track, Verdict};
use std::{error::Error, fmt};
use tokio::time::Instant;

/// A call between its admission and the head of its response.
///
/// Dropping it settles the call: as a failure if the inner service is unwinding or the call's deadline has passed,
/// else as dropped. Middleware that finds its gate per call, as a balancer does, uses it directly; the rest is
/// [`Guard`](crate::Guard)'s.
#[must_use = "dropping it settles the call as dropped"]
pub struct Flight<G: Settle, O> {
    // Both are `Some` until the call settles.
    permit: Option<Permit<G>>,
    outcome: Option<O>,
    deadline: Option<Instant>,
    /// Set while the inner service runs: if we are dropped then, it panicked.
    running: bool,
}

impl<G: Settle, O> Flight<G, O> {
    /// Takes charge of an admitted call.
    pub fn new<Req: ?Sized, C: Classify<Req, Call = O>>(
        permit: Permit<G>,
        classify: &C,
        req: &Req,
        call: Option<&CallContext>,
    ) -> Self {
        let deadline = call.and_then(CallContext::deadline);
        let mut flight = Self { permit: Some(permit), outcome: None, deadline, running: true };
        flight.outcome = Some(classify.begin(req));
        flight.running = false;
        flight
    }

    /// Runs a part of the inner service. If it panics, the call has failed.
    pub fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        self.running = true;
        let out = part();
        self.running = false;
        out
    }

    /// The head has come: the permit goes where `T` keeps it.
    ///
    /// # Panics
    ///
    /// If the call has settled already.
    pub fn head<T: Track<Res>, Res>(&mut self, res: Res) -> T::Tracked<G, O::AtEnd>
    where
        O: Outcome<Res>,
    {
        let now = Now::lazy();
        self.running = true;
        let head = self.outcome.take().map(|outcome| outcome.head(&res));
        self.running = false;
        match (self.permit.take(), head) {
            (Some(permit), Some(head)) => T::follow(res, permit, head, &now),
            _ => panic!("a call settles once: `head` after `head` or `error`"),
        }
    }

    /// The call ended with an error.
    pub fn error<Res>(&mut self, error: &(dyn Error + 'static))
    where
        O: Outcome<Res>,
    {
        self.running = true;
        let verdict = self.outcome.take().map(|outcome| outcome.error(error));
        self.running = false;
        if let (Some(permit), Some(verdict)) = (self.permit.take(), verdict) {
            permit.settle(&verdict, &Now::lazy());
        }
    }

    /// The service failed to become ready for this very call, which therefore never started.
    pub fn unready(&mut self, error: &(dyn Error + 'static)) {
        if let Some(permit) = self.permit.take() {
            permit.settle(&unready_verdict(error), &Now::lazy());
        }
    }

    /// The call never started, and says nothing: leave no trace.
    pub fn refund(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.refund(&Now::lazy());
        }
    }

    /// The gate that let the call in, until the call has settled.
    pub fn gate(&self) -> Option<&G> {
        self.permit.as_ref().map(Permit::gate)
    }
}

impl<G: Settle, O> Drop for Flight<G, O> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let now = Now::lazy();
        let verdict = if self.running {
            Verdict::BROKEN
        } else if self.deadline.is_some_and(|deadline| now.get() >= deadline) {
            Verdict::TIMED_OUT
        } else {
            Verdict::DROPPED
        };
        permit.settle(&verdict, &now);
    }
}

impl<G: Settle, O> fmt::Debug for Flight<G, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// What an error of `poll_ready` says: no connection, unless this process itself refused.
pub(super) fn unready_verdict(error: &(dyn Error + 'static)) -> Verdict {
    match Rejected::find(error) {
        Some(_) => Verdict::REFUSED,
        None => Verdict::UNCONNECTED,
    }
}

/// Tells a gate that the service behind it failed to become ready.
pub(super) fn note_unready<G: Settle>(gate: &G, error: &(dyn Error + 'static)) {
    gate.note(None, Note::Unready(&unready_verdict(error)), &Now::lazy());
}
