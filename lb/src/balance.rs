//! The balancer: a service that picks in `call`.

use crate::{EndpointSnapshot, Node, ResponseFuture, Snapshot, error::Refusal, shared::Shared};
use fastrand::Rng;
use orlop_core::{
    AnyError, BoxError, CallContext, Classify, Endpoint, Gate, Lens, NoContext, OnHead, Outcome,
    Permit, Settle, Track,
};
use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};
use tokio::time::Instant;
use tower_service::Service;

/// A service over a set of endpoints that changes under it. Cheap to clone; clones share everything but their dice.
///
/// Made by [`Balance::http`], [`Balance::grpc`] or [`Balance::builder`]. Type parameters: an endpoint's service, an
/// endpoint's gate, classifier, when a call is over, where the call's context is.
///
/// It is always ready: it picks in `call`, and waits for the picked service in the future, so a deadline around it covers
/// that too.
pub struct Balance<S, G = (), C = AnyError, T = OnHead, L = NoContext> {
    shared: Arc<Shared<S, G, C, L>>,
    /// Where this handle's random numbers go on. Relaxed: it orders nothing.
    dice: AtomicU64,
    track: PhantomData<fn() -> T>,
}

/// An endpoint picked by hand, by [`Balance::pick`].
#[must_use = "dropping the permit settles the call as dropped"]
#[non_exhaustive]
pub struct Picked<S, G: Settle> {
    /// Which.
    pub endpoint: Endpoint,
    /// Its service.
    pub service: S,
    /// The admitted call: settle it when it is over.
    pub permit: Permit<Arc<Node<G>>>,
}

impl<S, G, C, T, L> Balance<S, G, C, T, L> {
    pub(crate) fn new(shared: Shared<S, G, C, L>, seed: u64) -> Self {
        Self { shared: Arc::new(shared), dice: AtomicU64::new(seed), track: PhantomData }
    }

    /// Picks an endpoint for a call that is not a tower service's. It does not wait, whatever the settings say.
    ///
    /// # Errors
    ///
    /// A [`Rejected`](orlop_core::Rejected) of kind `NoEndpoints` or `AllRefused`, or [`Orphaned`](crate::Orphaned).
    ///
    /// # Cancel safety
    ///
    /// Dropping what it returns settles the call as dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use orlop_lb::{Balance, core::{Addr, AnyError, BoxError, Endpoint, Now, Update, Verdict}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let list = vec![Endpoint::new("a", Addr::from(([127, 0, 0, 1], 9110)))];
    /// // A service is whatever a call needs: here the address.
    /// let balance = Balance::builder(
    ///     orlop_lb::fixed(list),
    ///     |endpoint: &Endpoint| Ok::<_, BoxError>(endpoint.addr().clone()),
    ///     AnyError,
    /// )
    /// .build();
    /// # tokio::task::yield_now().await;
    ///
    /// let picked = balance.pick("request")?;
    /// assert_eq!(picked.service.to_string(), "127.0.0.1:9110");
    /// // ... the call ...
    /// picked.permit.settle(Verdict::SUCCESS);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pick<Req>(&self, req: Req) -> Result<Picked<S, G>, BoxError>
    where
        S: Clone,
        G: Gate<Req>,
        L: Lens<Req>,
    {
        let picked = self.shared.choose(&req, &[], &mut self.rng(), |entry, permit, _| Picked {
            endpoint: entry.endpoint.clone(),
            service: entry.service.clone(),
            permit,
        });
        picked.map_err(|refusal: Refusal| {
            let attempt = self.shared.lens.get(&req).and_then(CallContext::attempt_id);
            refusal.into_error(self.shared.name.as_ref(), attempt)
        })
    }

    /// What is known of the endpoints now.
    pub fn snapshot(&self) -> Snapshot {
        let (set, now) = (self.shared.published.set(), Instant::now());
        let endpoint = |entry: &crate::set::Entry<S, G>| {
            let estimate = entry.node.estimate(now);
            EndpointSnapshot {
                endpoint: entry.endpoint.clone(),
                in_flight: entry.node.in_flight(),
                estimate: estimate.map(|(estimate, _)| estimate),
                estimate_age: estimate.map(|(_, age)| age),
                refused: entry.node.refused(),
            }
        };
        Snapshot {
            endpoints: set.entries().iter().map(endpoint).collect(),
            failing: set.failing.clone(),
            resolved: set.staleness.resolved,
            stale_for: set.staleness.stale_for(now),
            failure: set.staleness.failure.clone(),
            failed_connects: set.staleness.failed_connects,
            following: self.shared.published.following(),
        }
    }

    /// The endpoints that calls may go to, each with its gate: to show what the gates say, or to force one.
    pub fn gates(&self) -> Vec<(Endpoint, G)>
    where
        G: Clone,
    {
        let set = self.shared.published.set();
        set.entries()
            .iter()
            .map(|entry| (entry.endpoint.clone(), entry.node.gate().clone()))
            .collect()
    }

    /// Completes when the set, or whether it is followed, has changed after this call.
    ///
    /// # Cancel safety
    ///
    /// Dropping it does nothing.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + 'static + use<S, G, C, T, L> {
        self.shared.published.changed()
    }

    /// Random numbers for one pick. The next pick of this handle, and each clone, gets others; all follow from the seed.
    fn rng(&self) -> Rng {
        roll(self.dice.fetch_add(1, Ordering::Relaxed))
    }
}

impl<Req, S, G, C, T, L> Service<Req> for Balance<S, G, C, T, L>
where
    S: Service<Req, Error: Into<BoxError>> + Clone,
    G: Gate<Req>,
    C: Classify<Req>,
    C::Call: Outcome<S::Response>,
    T: Track<S::Response>,
    L: Lens<Req>,
{
    type Response = T::Tracked<Arc<Node<G>>, <C::Call as Outcome<S::Response>>::AtEnd>;
    type Error = BoxError;
    type Future = ResponseFuture<S, Req, G, C, T, L>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        // As `rng`, without the cost of an atomic.
        let dice = self.dice.get_mut();
        let rng = roll(*dice);
        *dice = dice.wrapping_add(1);
        ResponseFuture::new(&self.shared, req, rng)
    }
}

// A clone shares endpoints, gates and estimates. Its dice follow from this handle's, in the order of cloning and calling,
// so that a simulation repeats.
impl<S, G, C, T, L> Clone for Balance<S, G, C, T, L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            dice: AtomicU64::new(self.rng().u64(..)),
            track: PhantomData,
        }
    }
}

impl<S, G, C, T, L> fmt::Debug for Balance<S, G, C, T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance")
            .field("name", &self.shared.name)
            .field("endpoints", &self.shared.published.set().entries().len())
            .finish_non_exhaustive()
    }
}

/// The numbers of one turn. Turns follow each other by one, so each is stirred before it seeds.
fn roll(turn: u64) -> Rng {
    Rng::with_seed(Rng::with_seed(turn).u64(..))
}

impl<S, G: Settle> fmt::Debug for Picked<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picked").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
