use super::{Flight, ResponseFuture, flight::note_unready};
use crate::{
    AsError, AttemptId, CallContext, Classify, Gate, Handle, Kind, Lens, NoContext, Now, OnReject,
    Outcome, Permit, Rejected, Settle, Track,
};
use std::{
    fmt,
    marker::PhantomData,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service behind a gate.
///
/// ```text
///  poll_ready: gate refuses every call? -- yes --> ready, and the next call is refused
///                     | no
///                     v
///              inner poll_ready  -- error --> gate hears of it
///
///  call:  gate.enter --- refused ---> `on reject`: error or response
///            | ticket
///            v
///        inner call --> head --> body --> end      the gate hears each once;
///            '----------'-------'----- drop        a drop anywhere settles the call
/// ```
///
/// An inner service that reserves something in `poll_ready`, as tower's `ConcurrencyLimit` and `Buffer` do, keeps the
/// reservation while the gate refuses in `call`: put such a service outside the guard, or use a limit that is a gate.
///
/// Made by [`GuardLayer`](crate::GuardLayer). Type parameters: service, gate, classifier, when a call is over, what a
/// refusal becomes, where the call's context is.
pub struct Guard<S, G, C, T, R = AsError, L = NoContext> {
    inner: S,
    gate: G,
    classify: C,
    track: PhantomData<fn() -> T>,
    on_reject: R,
    lens: L,
    /// The refusal that `poll_ready` promised. Ready stays ready until `call`: it is taken back only when the gate no longer
    /// refuses and the inner service is ready.
    promised: Option<Rejected>,
}

impl<S, G, C, T, R, L> Guard<S, G, C, T, R, L> {
    pub(super) fn new(inner: S, gate: G, classify: C, on_reject: R, lens: L) -> Self {
        Self { inner, gate, classify, track: PhantomData, on_reject, lens, promised: None }
    }

    /// The gate in front.
    pub fn gate(&self) -> &G {
        &self.gate
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<Req, S, G, C, T, R, L> Service<Req> for Guard<S, G, C, T, R, L>
where
    S: Service<Req>,
    G: Gate<Req> + Handle,
    C: Classify<Req>,
    C::Call: Outcome<S::Response>,
    T: Track<S::Response>,
    R: OnReject<S::Response, S::Error> + Clone,
    L: Lens<Req>,
{
    type Response = T::Tracked<G, <C::Call as Outcome<S::Response>>::AtEnd>;
    type Error = R::Error;
    type Future = ResponseFuture<S::Future, G, C::Call, T, R>;

    #[inline(always)]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let Some(rejected) = self.gate.refusing(&Now::lazy()) {
            // Whether promised before or not, this is the newest advice.
            self.promised = Some(rejected);
            return Poll::Ready(Ok(()));
        }
        let inner = self.inner.poll_ready(cx).map_err(|error| {
            let error = self.on_reject.error(error);
            note_unready(&self.gate, self.on_reject.view(&error));
            error
        });
        if self.promised.is_some() {
            match inner {
                // The gate would let the call in and the service take it: nothing is left to refuse for.
                Poll::Ready(Ok(())) => self.promised = None,
                // Ready stays ready until `call`: the promised refusal still stands.
                Poll::Pending => return Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => {}
            }
        }
        inner
    }

    #[inline(always)]
    fn call(&mut self, req: Req) -> Self::Future {
        let call = self.lens.get(&req);
        if self.promised.is_some() {
            return self.refuse(call.and_then(CallContext::attempt_id));
        }
        match self.gate.enter(&req, call, &Now::lazy()) {
            Ok(ticket) => {
                // Lent only now: a refused call needs none.
                let permit = Permit::new(self.gate.lend(), ticket);
                let mut flight = Flight::new(permit, &self.classify, &req, call);
                let future = flight.run(|| self.inner.call(req));
                ResponseFuture::running(future, flight, self.on_reject.clone())
            }
            Err(rejected) => self.refused(rejected.stamped(call.and_then(CallContext::attempt_id))),
        }
    }
}

impl<S, G: Settle, C, T, R: Clone, L> Guard<S, G, C, T, R, L> {
    #[cold]
    #[inline(never)]
    fn refused<F, O>(&self, rejected: Rejected) -> ResponseFuture<F, G, O, T, R> {
        ResponseFuture::refused(rejected, self.on_reject.clone())
    }

    /// Keeps the promise of `poll_ready`. `call` looks before this takes: `take` writes, and each call would pay for that.
    #[inline]
    fn refuse<F, O>(&mut self, attempt: Option<AttemptId>) -> ResponseFuture<F, G, O, T, R> {
        // There is one: the caller has looked.
        let rejected = self.promised.take().unwrap_or_else(|| Rejected::new(Kind::Circuit));
        ResponseFuture::refused(rejected.stamped(attempt), self.on_reject.clone())
    }
}

// A clone starts unready: a refusal promised to one handle is not owed to the other. Servers clone a service for each request,
// so its gate is lent, as to a call.
impl<S: Clone, G: Handle, C: Clone, T, R: Clone, L: Clone> Clone for Guard<S, G, C, T, R, L> {
    fn clone(&self) -> Self {
        Self::new(
            self.inner.clone(),
            self.gate.lend(),
            self.classify.clone(),
            self.on_reject.clone(),
            self.lens.clone(),
        )
    }
}

impl<S: fmt::Debug, G: fmt::Debug, C, T, R, L> fmt::Debug for Guard<S, G, C, T, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("inner", &self.inner)
            .field("gate", &self.gate)
            .field("promised", &self.promised)
            .finish_non_exhaustive()
    }
}
