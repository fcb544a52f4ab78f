//! What all clones of a balancer share: from a request to an endpoint that has admitted it.

use crate::{
    Following, Node, Settings,
    error::Refusal,
    published::Published,
    set::{Avoid, Entry, Nothing},
};
use fastrand::Rng;
use orlop_core::{
    Again, Attempt, CallContext, Classify, Endpoint, Flight, Gate, Lens, Now, Permit,
};
use std::{convert::Infallible, sync::Arc, task::Waker, time::Duration};
use tokio::sync::oneshot;

pub(crate) struct Shared<S, G, C, L> {
    pub(crate) published: Arc<Published<S, G>>,
    pub(crate) classify: C,
    pub(crate) lens: L,
    pub(crate) settings: Settings,
    pub(crate) name: Option<Arc<str>>,
    /// Dropped with the last handle, and the task ends.
    pub(crate) _open: oneshot::Sender<Infallible>,
}

/// A call that an endpoint has admitted, and the service to make it with.
pub(crate) struct Bound<S, G: orlop_core::Settle, O> {
    pub(crate) service: S,
    pub(crate) flight: Flight<Arc<Node<G>>, O>,
}

impl<S, G, C, L> Shared<S, G, C, L> {
    /// Picks an endpoint for `req`, records the pick, and hands both to `then`.
    pub(crate) fn choose<Req, R>(
        &self,
        req: &Req,
        passed: &[Endpoint],
        rng: &mut Rng,
        then: impl FnOnce(&Entry<S, G>, Permit<Arc<Node<G>>>, Option<&CallContext>) -> R,
    ) -> Result<R, Refusal>
    where
        G: Gate<Req>,
        L: Lens<Req>,
    {
        if self.published.following() == Following::Gone {
            return Err(Refusal::Orphaned);
        }
        let set = self.published.set();
        let call = self.lens.get(req);
        let picks = call.and_then(CallContext::attempt).and_then(Attempt::picks);
        let avoid = Avoid::new(&self.settings, picks, passed);
        match set.pick(&self.settings, req, call, &avoid, &Now::lazy(), rng) {
            Ok((entry, permit)) => {
                if let Some(picks) = picks {
                    picks.record(&entry.endpoint);
                    picks.set_others(set.holds_another(entry, &avoid));
                }
                Ok(then(entry, permit, call))
            }
            Err(Nothing::Empty { .. }) if !set.staleness.resolved => Err(Refusal::Unresolved),
            Err(Nothing::Empty { retry_after }) => Err(Refusal::Empty { retry_after }),
            Err(Nothing::Refused(by)) => Err(Refusal::Refused(by)),
        }
    }

    /// [`choose`](Self::choose), with the call in flight.
    pub(crate) fn bind<Req>(
        &self,
        req: &Req,
        passed: &[Endpoint],
        rng: &mut Rng,
    ) -> Result<Bound<S, G, C::Call>, Refusal>
    where
        S: Clone,
        G: Gate<Req>,
        C: Classify<Req>,
        L: Lens<Req>,
    {
        self.choose(req, passed, rng, |entry, permit, call| {
            let mut flight = Flight::new(permit, &self.classify, req, call);
            Bound { service: flight.run(|| entry.service.clone()), flight }
        })
    }

    /// How long a call that met `refusal` may wait in all.
    pub(crate) fn patience(&self, refusal: &Refusal) -> Duration {
        match refusal {
            Refusal::Unresolved => self.settings.wait_for_endpoints,
            Refusal::Refused(_) => self.settings.wait_when_refused,
            Refusal::Empty { .. } | Refusal::Orphaned => Duration::ZERO,
        }
    }

    /// Asks the gates to wake the caller when one of them may admit.
    pub(crate) fn wake<Req>(&self, waker: &Waker, now: &Now) -> Woken
    where
        G: Gate<Req>,
    {
        let set = self.published.set();
        let mut woken = Woken { next: Again::Never, by_all: true };
        for entry in set.candidates() {
            let again = entry.node.wake(waker, now);
            woken.by_all &= again != Again::Never;
            woken.next = woken.next.or_sooner(again);
        }
        woken
    }
}

/// What the gates said when they were asked to wake a caller.
pub(crate) struct Woken {
    pub(crate) next: Again,
    /// Whether each of them will, or has named a time.
    pub(crate) by_all: bool,
}
