//! A throttle as a gate.

use super::{
    Accepts, State, Throttle,
    ledger::{Ended, Sums},
};
use crate::open_time::nanos;
use orlop_core::{
    Again, CallContext, Class, End, Gate, Handle, Note, Now, Rejected, STRIPES, Sent, Settle,
    Verdict, stripe,
};
use std::task::Waker;

/// What a throttle remembers about a call that it let in.
#[derive(Debug)]
pub struct ThrottleTicket {
    generation: u32,
    stripe: usize,
    /// When it asked, in nanoseconds of the throttle: what comes of it is dated then.
    asked: u64,
    /// It has told all that it has to say.
    heard: bool,
}

impl Throttle {
    #[inline]
    fn ask(&self, now: &Now) -> Result<ThrottleTicket, Rejected> {
        let asked = self.shared.at(now);
        let stripe = stripe();
        let state = self.shared.state.load();
        let ticket = ThrottleTicket { generation: state.generation, stripe, asked, heard: false };
        if state.leeway.take(state.ledger.moment(asked), stripe) {
            state.ledger.ask(asked, stripe);
            return Ok(ticket);
        }
        self.weigh(&state, &ticket)?;
        Ok(ticket)
    }

    /// Looks at all that is counted, without the call itself, and decides.
    fn weigh(&self, state: &State, ticket: &ThrottleTicket) -> Result<(), Rejected> {
        let &ThrottleTicket { stripe, asked, .. } = ticket;
        let sums = state.ledger.sums(asked, nanos(state.settings.grace));
        state.ledger.ask(asked, stripe);
        let rejection = state.settings.rejection(&sums);
        if rejection > 0.0 && self.shared.chance.draw() < rejection {
            state.ledger.end(Ended::NotAccepted, asked, stripe);
            return Err(self.rejected());
        }
        let Sums { requests, accepts, .. } = sums;
        // One was taken by this call.
        let slack = (state.settings.k * accepts as f64 - requests as f64 - 1.0).max(0.0) as u64;
        state.leeway.grant(state.ledger.moment(asked), stripe, slack / STRIPES as u64);
        Ok(())
    }

    fn hear(&self, ticket: &mut ThrottleTicket, verdict: &Verdict, now: &Now) {
        let state = self.shared.state.load();
        if ticket.heard || ticket.generation != state.generation {
            return;
        }
        ticket.heard = true;
        let ended = match Ended::of(verdict, state.settings.accepts) {
            Ended::Withdrawn if verdict.is_dropped() => {
                let waited = self.shared.at(now).saturating_sub(ticket.asked);
                let grace = nanos(state.settings.grace);
                // Unanswered for so long, it has counted as not accepted already. Its caller's leave does not undo that.
                if grace > 0 && waited >= grace { Ended::NotAccepted } else { Ended::Withdrawn }
            }
            ended => ended,
        };
        state.ledger.end(ended, ticket.asked, ticket.stripe);
    }
}

impl Handle for Throttle {
    #[inline]
    fn lend(&self) -> Self {
        Self { shared: self.shared.lend() }
    }
}

impl Settle for Throttle {
    type Ticket = ThrottleTicket;

    #[inline]
    fn note(&self, ticket: Option<&mut ThrottleTicket>, note: Note<'_>, now: &Now) {
        match (ticket, note) {
            (Some(ticket), Note::Head(Some(verdict)) | Note::Unready(verdict)) => {
                self.hear(ticket, verdict, now);
            }
            (None, Note::Unready(verdict)) => {
                let state = self.shared.state.load();
                let ended = Ended::of(verdict, state.settings.accepts);
                if ended == Ended::NotAccepted {
                    let (asked, stripe) = (self.shared.at(now), stripe());
                    state.ledger.ask(asked, stripe);
                    state.ledger.end(ended, asked, stripe);
                }
            }
            // A head that does not decide, or a note not known here: the end will tell.
            _ => {}
        }
    }

    #[inline]
    fn end(&self, mut ticket: ThrottleTicket, end: End<'_>, now: &Now) {
        match end {
            End::Verdict(verdict) => self.hear(&mut ticket, verdict, now),
            // Also an end not known here: what is not understood counts for nobody.
            _ => self.hear(&mut ticket, &Verdict::REFUSED, now),
        }
    }
}

impl<Req: ?Sized> Gate<Req> for Throttle {
    #[inline]
    fn enter(
        &self,
        _: &Req,
        _: Option<&CallContext>,
        now: &Now,
    ) -> Result<ThrottleTicket, Rejected> {
        self.ask(now)
    }

    /// It refuses a share, never every call.
    #[inline]
    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    /// Whoever is refused may ask again at any time, and should not: that is the point.
    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

impl Ended {
    fn of(verdict: &Verdict, accepts: Accepts) -> Self {
        match verdict.class() {
            Class::Success => Self::Accepted,
            Class::Failure if accepts == Accepts::Answered && verdict.sent() == Sent::Yes => {
                Self::Accepted
            }
            Class::Failure | Class::Throttled => Self::NotAccepted,
            // Also classes of the future: what is not understood counts for nobody.
            _ => Self::Withdrawn,
        }
    }
}
