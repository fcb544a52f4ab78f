//! The response of a [`Balance`](crate::Balance).

use crate::{
    EndpointError, Node,
    shared::{Bound, Shared},
    wait::Wait,
};
use fastrand::Rng;
use orlop_core::{
    AttemptId, BoxError, CallContext, Classify, Endpoint, Flight, Gate, Lens, Outcome, Settle,
    Track,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_service::Service;

pin_project! {
    /// The response of a [`Balance`](crate::Balance).
    ///
    /// ```text
    ///  waiting --admitted--> readying --ready--> running --head--> response, its body holds the permit
    ///     |                   |  ^  |
    ///  refused           failed  |  failed, no rebind left
    ///                         '--'  (to another endpoint)
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping it settles the call at the endpoint it had been admitted to, if any: as a failure if the call's
    /// deadline has passed, else as dropped. A waiting call leaves nothing behind.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, G, C, T, L>
    where
        S: Service<Req>,
        G: Settle,
        C: Classify<Req>,
    {
        #[pin]
        state: State<S, Req, G, C>,
        // Where it waits or can be rebound.
        link: Option<Link<S, G, C, L>>,
        attempt: Option<AttemptId>,
        track: PhantomData<fn() -> T>,
    }
}

pin_project! {
    #[project = StateProject]
    #[project_replace = StateOwned]
    enum State<S, Req, G, C>
    where
        S: Service<Req>,
        G: Settle,
        C: Classify<Req>,
    {
        Waiting { req: Req, wait: Pin<Box<Wait>> },
        Readying { req: Req, service: S, flight: Flight<Arc<Node<G>>, C::Call>, looked: bool },
        Running { #[pin] inner: S::Future, flight: Flight<Arc<Node<G>>, C::Call> },
        Failed { error: BoxError },
        Done,
    }
}

/// The way back to the balancer.
struct Link<S, G, C, L> {
    shared: Arc<Shared<S, G, C, L>>,
    rebinds: u32,
    /// What this attempt moved on from.
    passed: Vec<Endpoint>,
    rng: Rng,
}

impl<S, Req, G, C, T, L> ResponseFuture<S, Req, G, C, T, L>
where
    S: Service<Req> + Clone,
    G: Gate<Req>,
    C: Classify<Req>,
    L: Lens<Req>,
{
    pub(crate) fn new(shared: &Arc<Shared<S, G, C, L>>, req: Req, mut rng: Rng) -> Self {
        let attempt = shared.lens.get(&req).and_then(CallContext::attempt_id);
        let bound = shared.bind(&req, &[], &mut rng);
        let rebinds = shared.settings.rebinds;
        let link = || Link { shared: Arc::clone(shared), rebinds, passed: Vec::new(), rng };
        let (state, link) = match bound {
            Ok(bound) => (State::bound(req, bound), (rebinds > 0).then(link)),
            Err(refusal) if shared.patience(&refusal) > Duration::ZERO => {
                let wait = Box::pin(Wait::new(&shared.published));
                (State::Waiting { req, wait }, Some(link()))
            }
            Err(refusal) => {
                let error = refusal.into_error(shared.name.as_ref(), attempt);
                (State::Failed { error }, None)
            }
        };
        Self { state, link, attempt, track: PhantomData }
    }
}

impl<S, Req, G, C> State<S, Req, G, C>
where
    S: Service<Req>,
    G: Settle,
    C: Classify<Req>,
{
    fn bound(req: Req, bound: Bound<S, G, C::Call>) -> Self {
        Self::Readying { req, service: bound.service, flight: bound.flight, looked: false }
    }
}

impl<S, G, C, L> Link<S, G, C, L> {
    /// Moves the call on to another endpoint, if it may and one admits.
    fn rebind<Req>(&mut self, req: &Req, from: Option<Endpoint>) -> Option<Bound<S, G, C::Call>>
    where
        S: Clone,
        G: Gate<Req>,
        C: Classify<Req>,
        L: Lens<Req>,
    {
        self.rebinds = self.rebinds.checked_sub(1)?;
        self.passed.extend(from);
        self.shared.bind(req, &self.passed, &mut self.rng).ok()
    }
}

impl<S, Req, G, C, T, L> Future for ResponseFuture<S, Req, G, C, T, L>
where
    S: Service<Req, Error: Into<BoxError>> + Clone,
    G: Gate<Req>,
    C: Classify<Req>,
    C::Call: Outcome<S::Response>,
    T: Track<S::Response>,
    L: Lens<Req>,
{
    type Output =
        Result<T::Tracked<Arc<Node<G>>, <C::Call as Outcome<S::Response>>::AtEnd>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = self.as_mut().project();
            match this.state.project() {
                StateProject::Running { inner, flight } => {
                    return Poll::Ready(match ready!(flight.run(|| inner.poll(cx))) {
                        Ok(res) => Ok(flight.head::<T, _>(res)),
                        Err(error) => Err(failed(flight, error.into())),
                    });
                }
                StateProject::Waiting { .. } => ready!(self.as_mut().poll_wait(cx)),
                StateProject::Readying { .. } => ready!(self.as_mut().poll_inner(cx)),
                StateProject::Failed { .. } => {
                    let StateOwned::Failed { error } = self.as_mut().take() else { unreachable!() };
                    return Poll::Ready(Err(error));
                }
                StateProject::Done => panic!("a future must not be polled after it completed"),
            }
        }
    }
}

impl<S, Req, G, C, T, L> ResponseFuture<S, Req, G, C, T, L>
where
    S: Service<Req, Error: Into<BoxError>> + Clone,
    G: Gate<Req>,
    C: Classify<Req>,
    C::Call: Outcome<S::Response>,
    L: Lens<Req>,
{
    fn take(self: Pin<&mut Self>) -> StateOwned<S, Req, G, C> {
        self.project().state.project_replace(State::Done)
    }

    /// Waiting => Readying or Failed.
    fn poll_wait(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_mut().project();
        let (StateProject::Waiting { req, wait }, Some(link)) = (this.state.project(), this.link)
        else {
            unreachable!("a waiting call has a link")
        };
        let bound = ready!(wait.as_mut().poll(&link.shared, &*req, &mut link.rng, cx));
        let next = match bound {
            Ok(bound) => {
                let StateOwned::Waiting { req, .. } = self.as_mut().take() else { unreachable!() };
                State::bound(req, bound)
            }
            Err(refusal) => State::Failed {
                error: refusal.into_error(link.shared.name.as_ref(), *this.attempt),
            },
        };
        self.project().state.set(next);
        Poll::Ready(())
    }

    /// Readying => Running, Readying somewhere else, or Failed.
    fn poll_inner(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_mut().project();
        let StateProject::Readying { req, service, flight, looked } = this.state.project() else {
            unreachable!("polled in this state only")
        };
        let first_look = !std::mem::replace(looked, true);
        let from = |flight: &Flight<Arc<Node<G>>, C::Call>| Some(flight.gate()?.endpoint().clone());
        match flight.run(|| service.poll_ready(cx)) {
            // Readying => Running.
            Poll::Ready(Ok(())) => {
                let StateOwned::Readying { req, mut service, mut flight, .. } =
                    self.as_mut().take()
                else {
                    unreachable!()
                };
                let inner = flight.run(|| service.call(req));
                self.project().state.set(State::Running { inner, flight });
            }
            // Readying => Readying: nothing was sent, so another endpoint may have it.
            Poll::Ready(Err(error)) => {
                let error = error.into();
                let from = from(flight);
                flight.unready(&*error);
                let bound = this.link.as_mut().and_then(|link| link.rebind(&*req, from.clone()));
                let next = match bound {
                    Some(bound) => self.as_mut().moved(bound),
                    None => State::Failed { error: unsent(from, *this.attempt, error) },
                };
                self.project().state.set(next);
            }
            // Readying => Readying: not ready at first look, and somebody else admits it.
            Poll::Pending => {
                let bound = this
                    .link
                    .as_mut()
                    .filter(|link| first_look && link.shared.settings.pass_over_pending)
                    .and_then(|link| link.rebind(&*req, from(flight)));
                let Some(bound) = bound else { return Poll::Pending };
                flight.refund();
                let next = self.as_mut().moved(bound);
                self.project().state.set(next);
            }
        }
        Poll::Ready(())
    }

    /// The same request at another endpoint.
    fn moved(self: Pin<&mut Self>, bound: Bound<S, G, C::Call>) -> State<S, Req, G, C> {
        match self.take() {
            StateOwned::Readying { req, .. } => State::bound(req, bound),
            _ => unreachable!("only a call that has not begun moves on"),
        }
    }
}

/// Settles a call that ended with an error, and names where it went.
fn failed<G, O, Res>(flight: &mut Flight<Arc<Node<G>>, O>, error: BoxError) -> BoxError
where
    G: Settle,
    O: Outcome<Res>,
{
    let endpoint = flight.gate().map(|node| node.endpoint().clone());
    flight.error::<Res>(&*error);
    match endpoint {
        Some(endpoint) => EndpointError::new(endpoint, error).into(),
        None => error,
    }
}

fn unsent(endpoint: Option<Endpoint>, attempt: Option<AttemptId>, error: BoxError) -> BoxError {
    match endpoint {
        Some(endpoint) => EndpointError::unsent(endpoint, attempt, error).into(),
        None => error,
    }
}

impl<S, Req, G, C, T, L> fmt::Debug for ResponseFuture<S, Req, G, C, T, L>
where
    S: Service<Req>,
    G: Settle,
    C: Classify<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}
