//! A circuit as a gate.

use crate::{Circuit, Ticket, machine::Entered, ticket::Heard};
use orlop_core::{Again, CallContext, End, Gate, Note, Now, Rejected, Settle, Verdict};
use std::task::Waker;

impl Settle for Circuit {
    type Ticket = Ticket;

    #[inline]
    fn note(&self, ticket: Option<&mut Ticket>, note: Note<'_>, now: &Now) {
        match (ticket, note) {
            (Some(ticket), Note::Head(Some(verdict)) | Note::Unready(verdict)) => {
                self.hear(ticket, verdict, now);
            }
            (Some(ticket), Note::Head(None)) => self.machine().hear_head(ticket, now),
            (None, Note::Unready(verdict)) => self.unready(verdict, now),
            // A note not known here: the end will tell.
            _ => {}
        }
    }

    #[inline(always)]
    fn end(&self, mut ticket: Ticket, end: End<'_>, now: &Now) {
        match end {
            End::Verdict(verdict) => {
                let machine = self.machine();
                let old = verdict.is_success() && machine.is_old_news(&ticket);
                // Only here, not at the head, is it known that the body did not break off.
                if !(old && machine.broken.is_empty()) {
                    self.hear_news(&mut ticket, verdict, true, now);
                }
            }
            // Also an end not known here: a slot must come back in any case.
            _ => self.refund(&ticket, now),
        }
    }
}

impl Circuit {
    /// A verdict at the head.
    #[inline]
    fn hear(&self, ticket: &mut Ticket, verdict: &Verdict, now: &Now) {
        if verdict.is_success() && self.machine().is_old_news(ticket) {
            ticket.hear(Heard::Success);
        } else {
            self.hear_news(ticket, verdict, false, now);
        }
        if !verdict.is_dropped() {
            ticket.head_at(|| self.machine().nanos(now));
        }
    }

    /// A verdict that changes something, at the head or at the end.
    #[inline(never)]
    fn hear_news(&self, ticket: &mut Ticket, verdict: &Verdict, ended: bool, now: &Now) {
        let machine = self.machine();
        if verdict.is_success() {
            if ended {
                machine.body_ended(ticket);
            }
            if machine.hear_success(ticket, now) {
                return;
            }
        }
        self.hear_out(ticket, verdict, now);
    }

    #[inline(never)]
    fn hear_out(&self, ticket: &mut Ticket, verdict: &Verdict, now: &Now) {
        let owed = self.machine().hear(ticket, verdict, now);
        self.pay(owed);
    }

    #[cold]
    fn refund(&self, ticket: &Ticket, now: &Now) {
        let owed = self.machine().refund(ticket, now);
        self.pay(owed);
    }

    #[cold]
    fn unready(&self, verdict: &Verdict, now: &Now) {
        let owed = self.machine().unready(verdict, now);
        self.pay(owed);
    }

    #[inline(always)]
    fn refusal(&self, now: &Now) -> Option<Rejected> {
        self.machine().refusing(now).map(|refused| self.rejected(refused))
    }

    /// The circuit is not closed.
    #[cold]
    #[inline(never)]
    fn enter_slowly(&self, now: &Now) -> Result<Ticket, Rejected> {
        // The outage path: most calls end here.
        match self.machine().refusing(now) {
            Some(refused) => Err(self.rejected(refused)),
            None => self.enter_in_time(now),
        }
    }

    #[inline(never)]
    fn enter_in_time(&self, now: &Now) -> Result<Ticket, Rejected> {
        let (entered, owed) = self.machine().enter(now);
        self.pay(owed);
        match entered {
            Entered::Admitted(ticket) => Ok(ticket),
            Entered::LetThrough(ticket) => {
                self.would_have_refused();
                Ok(ticket)
            }
            Entered::Refused(refused) => Err(self.rejected(refused)),
        }
    }
}

impl<Req: ?Sized> Gate<Req> for Circuit {
    #[inline(always)]
    fn enter(&self, _: &Req, _: Option<&CallContext>, now: &Now) -> Result<Ticket, Rejected> {
        match self.machine().enter_closed(now) {
            Some(ticket) => Ok(ticket),
            None => self.enter_slowly(now),
        }
    }

    #[inline]
    fn refusing(&self, now: &Now) -> Option<Rejected> {
        if self.machine().word().is_closed() { None } else { self.refusal(now) }
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        let (again, owed) = self.machine().wake(waker, now);
        self.pay(owed);
        again
    }
}
