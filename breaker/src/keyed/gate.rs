//! The gate that finds a call's circuit.

use crate::{Circuit, Circuits, Ticket};
use orlop_core::{Again, CallContext, End, Gate, Handle, Note, Now, Rejected, Settle};
use std::{fmt, hash::Hash, task::Waker};

/// A gate that finds each call's circuit by its request. Made by [`Circuits::keyed`].
///
/// Before it has seen a request it knows no key: it never says that it refuses every call, it cannot say when to ask
/// again, and an error of the service's readiness counts nowhere.
pub struct Keyed<K, F> {
    circuits: Circuits<K>,
    key: F,
}

/// What a keyed gate remembers about a call: its circuit, also if the key is forgotten meanwhile.
#[derive(Debug)]
pub struct KeyedTicket {
    circuit: Circuit,
    ticket: Ticket,
}

impl<K, F> Keyed<K, F> {
    pub(crate) fn new(circuits: Circuits<K>, key: F) -> Self {
        Self { circuits, key }
    }

    /// The circuits behind.
    pub fn circuits(&self) -> &Circuits<K> {
        &self.circuits
    }
}

impl<K, F: Clone> Clone for Keyed<K, F> {
    fn clone(&self) -> Self {
        Self { circuits: self.circuits.clone(), key: self.key.clone() }
    }
}

impl<K, F: Clone> Handle for Keyed<K, F> {
    fn lend(&self) -> Self {
        Self { circuits: self.circuits.lend(), key: self.key.clone() }
    }
}

impl<K, F> Settle for Keyed<K, F> {
    type Ticket = KeyedTicket;

    fn note(&self, ticket: Option<&mut KeyedTicket>, note: Note<'_>, now: &Now) {
        if let Some(KeyedTicket { circuit, ticket }) = ticket {
            circuit.note(Some(ticket), note, now);
        }
    }

    fn end(&self, KeyedTicket { circuit, ticket }: KeyedTicket, end: End<'_>, now: &Now) {
        circuit.end(ticket, end, now);
    }
}

impl<Req: ?Sized, K, F> Gate<Req> for Keyed<K, F>
where
    K: Hash + Eq + Clone,
    F: Fn(&Req) -> K,
{
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<KeyedTicket, Rejected> {
        let circuit = self.circuits.at(&(self.key)(req), now);
        let ticket = circuit.enter(req, call, now)?;
        Ok(KeyedTicket { circuit, ticket })
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

impl<K, F> fmt::Debug for Keyed<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("circuits", &self.circuits).finish_non_exhaustive()
    }
}
