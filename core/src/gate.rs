//! The one trait pair behind circuits, limits, throttles, load estimates and outlier counters.

use crate::{CallContext, Now, Rejected, Verdict};
use std::{sync::Arc, task::Waker};
use tokio::time::Instant;

/// Learns how a call that it let in went.
///
/// Every ticket that [`Gate::enter`] hands out comes back through [`end`](Settle::end) exactly once; between the two
/// there may be notes. [`Permit`](crate::Permit) sees to that, also when the call is dropped.
///
/// All methods are required: a forwarder that forgets one loses events in silence.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a gate",
    label = "neither admits nor refuses calls",
    note = "settings make a gate, and are none: `Circuit::new(settings)`, `Limit::new(calls)`",
    note = "gates are shared handles such as `Circuit` or `Limit`, pairs of gates, and `()`, which admits all"
)]
pub trait Settle {
    /// What the gate must remember about one admitted call. Plain data.
    type Ticket;

    /// Something happened that is not the end. Without a ticket it concerns no admitted call: the service itself
    /// failed to become ready.
    fn note(&self, ticket: Option<&mut Self::Ticket>, note: Note<'_>, now: &Now);

    /// The call is over.
    fn end(&self, ticket: Self::Ticket, end: End<'_>, now: &Now);
}

/// Looks at a call before it starts and may refuse it.
///
/// # Examples
///
/// A gate of one's own, which admits what a switch allows:
///
/// ```
/// use orlop_core::{Again, CallContext, End, Gate, Kind, Note, Now, Rejected, Settle};
/// use std::{sync::atomic::{AtomicBool, Ordering}, task::Waker};
///
/// struct Switch(AtomicBool);
///
/// impl Settle for Switch {
///     type Ticket = ();
///     fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}
///     fn end(&self, (): (), _: End<'_>, _: &Now) {}
/// }
///
/// impl<Req: ?Sized> Gate<Req> for Switch {
///     fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
///         if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err(Rejected::new(Kind::Limit)) }
///     }
///     fn refusing(&self, _: &Now) -> Option<Rejected> {
///         None
///     }
///     fn wake(&self, _: &Waker, _: &Now) -> Again {
///         Again::Never
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a gate for requests of type `{Req}`",
    label = "neither admits nor refuses calls",
    note = "settings make a gate, and are none: `Circuit::new(settings)`, `Limit::new(calls)`",
    note = "gates are shared handles such as `Circuit` or `Limit`, pairs of gates, and `()`, which admits all"
)]
pub trait Gate<Req: ?Sized>: Settle {
    /// Admits the call with a ticket, or refuses it. Never waits.
    ///
    /// # Errors
    ///
    /// The refusal, with the time to come back where the gate knows it.
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<Self::Ticket, Rejected>;

    /// The refusal that any call would meet now, for gates that can tell without seeing one.
    ///
    /// It only saves work: a gate that answers `None` may still refuse in `enter`.
    fn refusing(&self, now: &Now) -> Option<Rejected>;

    /// Says when to ask again after a refusal, for callers that wait.
    ///
    /// A gate that would not refuse says [`Again::Never`] and wakes nobody: of a pair, the one that refuses decides. What
    /// changed between the refusal and this call is not told, so a caller asks once more after it, and then waits.
    fn wake(&self, waker: &Waker, now: &Now) -> Again;
}

/// What a gate hears before the end of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Note<'a> {
    /// The response's head is there. The verdict is given where the head decides it.
    Head(Option<&'a Verdict>),
    /// The service failed to become ready, so the call never started.
    Unready(&'a Verdict),
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum End<'a> {
    /// It ran, and this came of it.
    Verdict(&'a Verdict),
    /// It never ran: another gate refused it. Leave no trace.
    Refund,
}

/// When to ask a gate again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Again {
    /// At this time.
    At(Instant),
    /// The waker will be woken.
    Registered,
    /// Not foreseeable.
    Never,
}

impl Again {
    /// The sooner of two: a caller who waits for either asks then.
    #[must_use]
    pub fn or_sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(a), _) | (_, Self::At(a)) => Self::At(a),
            (Self::Registered, _) | (_, Self::Registered) => Self::Registered,
            _ => Self::Never,
        }
    }
}

// ===== forwarders =====

macro_rules! forward_settle {
    ($($of:tt)*) => {
        $($of)* {
            type Ticket = G::Ticket;

            fn note(&self, ticket: Option<&mut Self::Ticket>, note: Note<'_>, now: &Now) {
                (**self).note(ticket, note, now);
            }

            fn end(&self, ticket: Self::Ticket, end: End<'_>, now: &Now) {
                (**self).end(ticket, end, now);
            }
        }
    };
}

forward_settle!(impl<G: Settle + ?Sized> Settle for &G);
forward_settle!(impl<G: Settle + ?Sized> Settle for Arc<G>);

impl<Req: ?Sized, G: Gate<Req> + ?Sized> Gate<Req> for &G {
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<G::Ticket, Rejected> {
        (**self).enter(req, call, now)
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        (**self).refusing(now)
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        (**self).wake(waker, now)
    }
}

impl<Req: ?Sized, G: Gate<Req> + ?Sized> Gate<Req> for Arc<G> {
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<G::Ticket, Rejected> {
        (**self).enter(req, call, now)
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        (**self).refusing(now)
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        (**self).wake(waker, now)
    }
}

/// `()` admits every call.
impl Settle for () {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), _: End<'_>, _: &Now) {}
}

impl<Req: ?Sized> Gate<Req> for () {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
        Ok(())
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

/// `None` admits every call.
impl<G: Settle> Settle for Option<G> {
    type Ticket = Option<G::Ticket>;

    fn note(&self, ticket: Option<&mut Self::Ticket>, note: Note<'_>, now: &Now) {
        let Some(gate) = self else { return };
        match ticket {
            None => gate.note(None, note, now),
            Some(Some(ticket)) => gate.note(Some(ticket), note, now),
            Some(None) => {}
        }
    }

    fn end(&self, ticket: Self::Ticket, end: End<'_>, now: &Now) {
        if let (Some(gate), Some(ticket)) = (self, ticket) {
            gate.end(ticket, end, now);
        }
    }
}

impl<Req: ?Sized, G: Gate<Req>> Gate<Req> for Option<G> {
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<Self::Ticket, Rejected> {
        self.as_ref().map(|gate| gate.enter(req, call, now)).transpose()
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        self.as_ref().and_then(|gate| gate.refusing(now))
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        self.as_ref().map_or(Again::Never, |gate| gate.wake(waker, now))
    }
}

/// Both must admit. If the second refuses, the first is refunded.
impl<A: Settle, B: Settle> Settle for (A, B) {
    type Ticket = (A::Ticket, B::Ticket);

    fn note(&self, ticket: Option<&mut Self::Ticket>, note: Note<'_>, now: &Now) {
        let (a, b) = match ticket {
            Some((a, b)) => (Some(a), Some(b)),
            None => (None, None),
        };
        self.0.note(a, note, now);
        self.1.note(b, note, now);
    }

    fn end(&self, (a, b): Self::Ticket, end: End<'_>, now: &Now) {
        // If ending `a` panics, the permit of `b` still ends, and in the same way.
        let b = crate::permit::Ending::new(&self.1, b, end, now);
        self.0.end(a, end, now);
        b.end(end);
    }
}

impl<Req: ?Sized, A: Gate<Req>, B: Gate<Req>> Gate<Req> for (A, B) {
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<Self::Ticket, Rejected> {
        let a = crate::permit::Ending::refunding(&self.0, self.0.enter(req, call, now)?, now);
        let b = self.1.enter(req, call, now)?;
        Ok((a.keep(), b))
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        self.0.refusing(now).or_else(|| self.1.refusing(now))
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        self.0.wake(waker, now).or_sooner(self.1.wake(waker, now))
    }
}
