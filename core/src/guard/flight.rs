use crate::{
    CallContext, Classify, Note, Now, Outcome, Permit, Rejected, Settle, Track, Verdict,
    unwinding::marking,
};
use std::{error::Error, fmt, mem::ManuallyDrop};
use tokio::time::Instant;

/// A call between its admission and the head of its response.
///
/// Dropping it settles the call: as a failure if the inner service is unwinding or the call's deadline has passed,
/// else as dropped. Middleware that finds its gate per call, as a balancer does, uses it directly; the rest is
/// [`Guard`](crate::Guard)'s.
#[must_use = "dropping it settles the call as dropped"]
pub struct Flight<G: Settle, O> {
    /// Empty once the call has settled, or its permit has gone where the call ends.
    // `ManuallyDrop`: our own `drop` sees to it, and the compiler need not look a second time.
    held: ManuallyDrop<Option<(Permit<G>, O)>>,
    deadline: Option<Instant>,
    /// The inner service panicked. Set only while it unwinds, so that calls that end well pay nothing for it.
    broken: bool,
}

impl<G: Settle, O> Flight<G, O> {
    /// Takes charge of an admitted call.
    #[inline(always)]
    pub fn new<Req: ?Sized, C: Classify<Req, Call = O>>(
        permit: Permit<G>,
        classify: &C,
        req: &Req,
        call: Option<&CallContext>,
    ) -> Self {
        let permit = Fuse::new(permit);
        let outcome = classify.begin(req);
        let deadline = call.and_then(CallContext::deadline);
        let held = ManuallyDrop::new(Some((permit.unharmed(), outcome)));
        Self { held, deadline, broken: false }
    }

    /// Runs a part of the inner service. If it panics, the call has failed.
    #[inline(always)]
    pub fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        marking(&mut self.broken, part)
    }

    /// The head has come: the permit goes where `T` keeps it.
    ///
    /// # Panics
    ///
    /// If the call has settled already.
    #[inline(always)]
    pub fn head<T: Track<Res>, Res>(&mut self, res: Res) -> T::Tracked<G, O::AtEnd>
    where
        O: Outcome<Res>,
    {
        let Some((permit, outcome)) = self.held.take() else { settled() };
        let permit = Fuse::new(permit);
        let head = outcome.head(&res);
        T::follow(res, permit.unharmed(), head, &Now::lazy())
    }

    /// The call ended with an error.
    #[inline]
    pub fn error<Res>(&mut self, error: &(dyn Error + 'static))
    where
        O: Outcome<Res>,
    {
        if let Some((permit, outcome)) = self.held.take() {
            let permit = Fuse::new(permit);
            let verdict = outcome.error(error);
            permit.unharmed().settle(verdict);
        }
    }

    /// The service failed to become ready for this very call, which therefore never started.
    pub fn unready(&mut self, error: &(dyn Error + 'static)) {
        if let Some((permit, _)) = self.held.take() {
            permit.settle(unready_verdict(error));
        }
    }

    /// The call never started, and says nothing: leave no trace.
    pub fn refund(&mut self) {
        if let Some((permit, _)) = self.held.take() {
            permit.refund();
        }
    }

    /// The gate that let the call in, until the call has settled.
    pub fn gate(&self) -> Option<&G> {
        self.held.as_ref().map(|(permit, _)| permit.gate())
    }

    #[cold]
    #[inline(never)]
    fn abandoned(&mut self) {
        let Some((permit, outcome)) = self.held.take() else { return };
        let now = Now::lazy();
        let verdict = if self.broken {
            Verdict::BROKEN
        } else if self.deadline.is_some_and(|deadline| now.get() >= deadline) {
            Verdict::TIMED_OUT
        } else {
            Verdict::DROPPED
        };
        permit.settle_at(&verdict, &now);
        // After the permit, lest a classifier's own drop panics.
        drop(outcome);
    }
}

impl<G: Settle, O> Drop for Flight<G, O> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.held.is_some() {
            self.abandoned();
        }
    }
}

/// Settles the call as broken, unless it is asked for the permit: where a classifier may panic.
struct Fuse<G: Settle>(Option<Permit<G>>);

impl<G: Settle> Fuse<G> {
    #[inline(always)]
    fn new(permit: Permit<G>) -> Self {
        Self(Some(permit))
    }

    #[inline(always)]
    fn unharmed(mut self) -> Permit<G> {
        match self.0.take() {
            Some(permit) => permit,
            None => unreachable!("a fuse keeps its permit until it is asked for it"),
        }
    }
}

impl<G: Settle> Drop for Fuse<G> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            broken(permit);
        }
    }
}

#[cold]
#[inline(never)]
fn settled() -> ! {
    panic!("a call settles once: `head` after `head` or `error`")
}

/// Out of the way of the calls that end well.
#[cold]
#[inline(never)]
fn broken<G: Settle>(permit: Permit<G>) {
    permit.settle(Verdict::BROKEN);
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
