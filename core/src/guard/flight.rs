use crate::{CallContext, Classify, Note, Now, Outcome, Permit, Rejected, Settle, Track, Verdict};
use std::{error::Error, fmt, mem};
use tokio::time::Instant;

/// A call between its admission and the head of its response.
///
/// Dropping it settles the call: as a failure if the inner service is unwinding or the call's deadline has passed,
/// else as dropped. Middleware that finds its gate per call, as a balancer does, uses it directly; the rest is
/// [`Guard`](crate::Guard)'s.
#[must_use = "dropping it settles the call as dropped"]
pub struct Flight<G: Settle, O> {
    /// Empty once the call has settled, or its permit has gone where the call ends.
    permit: Option<Permit<G>>,
    outcome: Option<O>,
    deadline: Option<Instant>,
    /// The inner service panicked. Set only while it unwinds, so that calls that end well pay nothing for it.
    broken: bool,
}

impl<G: Settle, O> Flight<G, O> {
    /// Takes charge of an admitted call.
    #[inline]
    pub fn new<Req: ?Sized, C: Classify<Req, Call = O>>(
        permit: Permit<G>,
        classify: &C,
        req: &Req,
        call: Option<&CallContext>,
    ) -> Self {
        let permit = Fuse::new(permit);
        let outcome = classify.begin(req);
        let deadline = call.and_then(CallContext::deadline);
        Self { permit: permit.unharmed(), outcome: Some(outcome), deadline, broken: false }
    }

    /// Runs a part of the inner service. If it panics, the call has failed.
    #[inline]
    pub fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let mark = Mark(&mut self.broken);
        let out = part();
        mem::forget(mark);
        out
    }

    /// The head has come: the permit goes where `T` keeps it.
    ///
    /// # Panics
    ///
    /// If the call has settled already.
    #[inline]
    pub fn head<T: Track<Res>, Res>(&mut self, res: Res) -> T::Tracked<G, O::AtEnd>
    where
        O: Outcome<Res>,
    {
        match (self.permit.take(), self.outcome.take()) {
            (Some(permit), Some(outcome)) => {
                let permit = Fuse::new(permit);
                let head = outcome.head(&res);
                match permit.unharmed() {
                    Some(permit) => T::follow(res, permit, head, &Now::lazy()),
                    None => unreachable!("a fuse keeps its permit until it is asked for it"),
                }
            }
            _ => panic!("a call settles once: `head` after `head` or `error`"),
        }
    }

    /// The call ended with an error.
    #[inline]
    pub fn error<Res>(&mut self, error: &(dyn Error + 'static))
    where
        O: Outcome<Res>,
    {
        if let (Some(permit), Some(outcome)) = (self.permit.take(), self.outcome.take()) {
            let permit = Fuse::new(permit);
            let verdict = outcome.error(error);
            if let Some(permit) = permit.unharmed() {
                permit.settle(verdict);
            }
        }
    }

    /// The service failed to become ready for this very call, which therefore never started.
    pub fn unready(&mut self, error: &(dyn Error + 'static)) {
        if let Some(permit) = self.permit.take() {
            permit.settle(unready_verdict(error));
        }
    }

    /// The call never started, and says nothing: leave no trace.
    pub fn refund(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.refund();
        }
    }

    /// The gate that let the call in, until the call has settled.
    pub fn gate(&self) -> Option<&G> {
        self.permit.as_ref().map(Permit::gate)
    }

    #[cold]
    fn abandoned(&self, permit: Permit<G>) {
        let now = Now::lazy();
        let verdict = if self.broken {
            Verdict::BROKEN
        } else if self.deadline.is_some_and(|deadline| now.get() >= deadline) {
            Verdict::TIMED_OUT
        } else {
            Verdict::DROPPED
        };
        permit.settle_at(&verdict, &now);
    }
}

impl<G: Settle, O> Drop for Flight<G, O> {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.abandoned(permit);
        }
    }
}

/// Sets the mark if it is dropped, which happens only where what it watches over unwinds.
struct Mark<'a>(&'a mut bool);

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        *self.0 = true;
    }
}

/// Settles the call as broken, unless it is asked for the permit: where a classifier may panic.
struct Fuse<G: Settle>(Option<Permit<G>>);

impl<G: Settle> Fuse<G> {
    #[inline]
    fn new(permit: Permit<G>) -> Self {
        Self(Some(permit))
    }

    #[inline]
    fn unharmed(mut self) -> Option<Permit<G>> {
        self.0.take()
    }
}

impl<G: Settle> Drop for Fuse<G> {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.settle(Verdict::BROKEN);
        }
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
