//! A circuit as a gate.

use crate::{Circuit, Ticket};
use orlop_core::{Again, CallContext, End, Gate, Handle, Note, Now, Rejected, Settle};
use std::task::Waker;

impl Handle for Circuit {}

impl Settle for Circuit {
    type Ticket = Ticket;

    fn note(&self, ticket: Option<&mut Ticket>, note: Note<'_>, now: &Now) {
        let owed = match (ticket, note) {
            (Some(ticket), Note::Head(Some(verdict)) | Note::Unready(verdict)) => {
                self.machine().hear(ticket, verdict, now)
            }
            (None, Note::Unready(verdict)) => self.machine().unready(verdict, now),
            // A head that does not decide, or a note not known here: the end will tell.
            _ => return,
        };
        self.pay(owed);
    }

    fn end(&self, mut ticket: Ticket, end: End<'_>, now: &Now) {
        let owed = match end {
            End::Verdict(verdict) => self.machine().hear(&mut ticket, verdict, now),
            // Also an end not known here: a slot must come back in any case.
            _ => self.machine().refund(&ticket, now),
        };
        self.pay(owed);
    }
}

impl<Req: ?Sized> Gate<Req> for Circuit {
    fn enter(&self, _: &Req, _: Option<&CallContext>, now: &Now) -> Result<Ticket, Rejected> {
        let (entered, owed) = self.machine().enter(now);
        self.pay(owed);
        entered.map_err(|refused| self.rejected(refused))
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        self.machine().refusing(now).map(|refused| self.rejected(refused))
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        let (again, owed) = self.machine().wake(waker, now);
        self.pay(owed);
        again
    }
}
