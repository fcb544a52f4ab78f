//! Exactly once, in one place.

use crate::{CallContext, End, Gate, Note, Now, Rejected, Settle, Verdict};
use std::{fmt, mem::ManuallyDrop};

/// An admitted call. It settles exactly once: by [`settle`](Permit::settle), by [`refund`](Permit::refund), or by drop.
///
/// `G` is whatever points to the gate: a handle, an `Arc`, a reference.
///
/// # Examples
///
/// ```
/// use orlop_core::{Now, Permit, Verdict};
///
/// let gate = (); // admits all; a `Circuit` or `Limit` goes here
/// let permit = Permit::enter(gate, "request", None, &Now::lazy())?;
/// permit.settle(Verdict::SUCCESS);
/// # Ok::<(), orlop_core::Rejected>(())
/// ```
#[must_use = "dropping a permit settles the call as dropped"]
pub struct Permit<G: Settle> {
    /// Both are there for as long as the permit is: they leave only with it, in [`into_parts`](Permit::into_parts) and in
    /// `drop`. An `Option` would have to be asked, and emptied, on the way of every healthy call: see
    /// `docs/decisions/005-two-unsafe-blocks-in-the-permit.md`.
    gate: ManuallyDrop<G>,
    ticket: ManuallyDrop<G::Ticket>,
}

impl<G: Settle> Permit<G> {
    /// Asks the gate to let the call in.
    ///
    /// # Errors
    ///
    /// The gate's refusal, stamped with the call's attempt.
    #[inline(always)]
    pub fn enter<Req>(
        gate: G,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<Self, Rejected>
    where
        Req: ?Sized,
        G: Gate<Req>,
    {
        match gate.enter(req, call, now) {
            Ok(ticket) => Ok(Self::new(gate, ticket)),
            Err(rejected) => Err(rejected.stamped(call.and_then(CallContext::attempt_id))),
        }
    }

    /// Takes charge of a ticket that `gate` has handed out.
    #[inline]
    pub fn new(gate: G, ticket: G::Ticket) -> Self {
        Self { gate: ManuallyDrop::new(gate), ticket: ManuallyDrop::new(ticket) }
    }

    /// The gate that let the call in.
    #[inline]
    pub fn gate(&self) -> &G {
        &self.gate
    }

    /// Tells the gate something that is not the end.
    #[inline]
    pub fn note(&mut self, note: Note<'_>, now: &Now) {
        self.gate.note(Some(&mut self.ticket), note, now);
    }

    /// The call is over, and this came of it.
    #[inline(always)]
    pub fn settle(self, verdict: Verdict) {
        self.settle_at(&verdict, &Now::lazy());
    }

    /// As [`settle`](Permit::settle), as part of an event that has its own clock.
    #[inline(always)]
    pub fn settle_at(self, verdict: &Verdict, now: &Now) {
        let (gate, ticket) = self.into_parts();
        gate.end(ticket, End::Verdict(verdict), now);
    }

    /// The call never ran: leave no trace.
    pub fn refund(self) {
        self.refund_at(&Now::lazy());
    }

    /// As [`refund`](Permit::refund), as part of an event that has its own clock.
    pub fn refund_at(self, now: &Now) {
        let (gate, ticket) = self.into_parts();
        gate.end(ticket, End::Refund, now);
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn into_parts(self) -> (G, G::Ticket) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: both fields are there, since they leave only here and in `drop`, and neither runs twice: this consumes the
        // permit, and keeps it from being dropped.
        unsafe { (ManuallyDrop::take(&mut this.gate), ManuallyDrop::take(&mut this.ticket)) }
    }
}

impl<G: Settle> Drop for Permit<G> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: both fields are there, since they leave only here and in `into_parts`, which keeps the permit from being
        // dropped; and nothing looks at them after `drop`.
        let (gate, ticket) =
            unsafe { (ManuallyDrop::take(&mut self.gate), ManuallyDrop::take(&mut self.ticket)) };
        dropped(gate, ticket);
    }
}

/// Out of the way of the calls that end well.
#[cold]
#[inline(never)]
fn dropped<G: Settle>(gate: G, ticket: G::Ticket) {
    gate.end(ticket, End::Verdict(&Verdict::DROPPED), &Now::lazy());
}

impl<G: Settle> fmt::Debug for Permit<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A ticket that ends even if what comes before its end panics.
pub(crate) struct Ending<'a, G: Settle> {
    gate: &'a G,
    ticket: Option<G::Ticket>,
    now: &'a Now,
    otherwise: End<'a>,
}

impl<'a, G: Settle> Ending<'a, G> {
    pub(crate) fn new(gate: &'a G, ticket: G::Ticket, otherwise: End<'a>, now: &'a Now) -> Self {
        Self { gate, ticket: Some(ticket), now, otherwise }
    }

    pub(crate) fn refunding(gate: &'a G, ticket: G::Ticket, now: &'a Now) -> Self {
        Self { gate, ticket: Some(ticket), now, otherwise: End::Refund }
    }

    pub(crate) fn end(mut self, end: End<'_>) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.end(ticket, end, self.now);
        }
    }

    pub(crate) fn keep(mut self) -> G::Ticket {
        match self.ticket.take() {
            Some(ticket) => ticket,
            None => unreachable!("the ticket leaves only with its holder"),
        }
    }
}

impl<G: Settle> Drop for Ending<'_, G> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.end(ticket, self.otherwise, self.now);
        }
    }
}
