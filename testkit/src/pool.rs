use crate::Injected;
use orlop_core::{Addr, BoxError, Endpoint, EndpointId};
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// A set of endpoints for tests of whatever balances over them. Clones are the same set.
///
/// [`connect`](MockPool::connect) makes their services: each answers with its own id, or does what
/// [`set`](MockPool::set) says.
///
/// # Examples
///
/// ```
/// use orlop_testkit::{Behaviour, MockPool};
/// use std::time::Duration;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), orlop_core::BoxError> {
/// let pool = MockPool::new(["a", "b"]);
/// pool.set("b", Behaviour::Answers(Duration::from_secs(1)));
///
/// let endpoints = pool.endpoints();
/// let service = pool.connect(&endpoints[1])?;
/// assert_eq!(service.oneshot("request").await?.as_str(), "b");
/// assert_eq!(pool.calls("b"), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MockPool {
    state: Arc<Mutex<BTreeMap<EndpointId, Mock>>>,
}

struct Mock {
    endpoint: Endpoint,
    behaviour: Behaviour,
    calls: usize,
    connects: usize,
    in_flight: usize,
}

/// What an endpoint of a [`MockPool`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers after this time.
    Answers(Duration),
    /// Fails after this time.
    Fails(Duration),
    /// Never answers.
    Hangs,
    /// Cannot be connected to. Connections that exist fail to become ready.
    Refuses,
}

/// A connection to an endpoint of a [`MockPool`].
#[derive(Clone)]
pub struct MockService {
    pool: MockPool,
    id: EndpointId,
}

impl MockPool {
    /// Endpoints with these names, in no zone, that answer at once.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let pool = Self { state: Arc::default() };
        for name in names {
            pool.add(name.as_ref(), None);
        }
        pool
    }

    /// Adds an endpoint that answers at once, and tells what it is.
    pub fn add(&self, name: &str, zone: Option<&str>) -> Endpoint {
        let mut state = self.lock();
        // Never dialled: only has to differ.
        let port = u16::try_from(state.len() % 60_000).unwrap_or_default() + 1;
        let mut builder = Endpoint::builder(name, Addr::from((Ipv4Addr::LOCALHOST, port)));
        if let Some(zone) = zone {
            builder = builder.zone(zone);
        }
        let endpoint = builder.build();
        let mock = Mock {
            endpoint: endpoint.clone(),
            behaviour: Behaviour::Answers(Duration::ZERO),
            calls: 0,
            connects: 0,
            in_flight: 0,
        };
        state.insert(endpoint.id().clone(), mock);
        endpoint
    }

    /// All endpoints, by name.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.lock().values().map(|mock| mock.endpoint.clone()).collect()
    }

    /// From now on this endpoint does this.
    ///
    /// # Panics
    ///
    /// If the pool has no such endpoint.
    pub fn set(&self, name: &str, behaviour: Behaviour) {
        self.with(name, |mock| mock.behaviour = behaviour);
    }

    /// Connects to an endpoint.
    ///
    /// # Errors
    ///
    /// If it [`Refuses`](Behaviour::Refuses), or is not of this pool.
    pub fn connect(&self, endpoint: &Endpoint) -> Result<MockService, BoxError> {
        let mut state = self.lock();
        let mock = state.get_mut(endpoint.id()).ok_or("no such endpoint in the pool")?;
        mock.connects += 1;
        if mock.behaviour == Behaviour::Refuses {
            return Err("connection refused".into());
        }
        Ok(MockService { pool: self.clone(), id: endpoint.id().clone() })
    }

    /// How many calls this endpoint has had.
    ///
    /// # Panics
    ///
    /// If the pool has no such endpoint.
    pub fn calls(&self, name: &str) -> usize {
        self.with(name, |mock| mock.calls)
    }

    /// How often it was connected to.
    ///
    /// # Panics
    ///
    /// If the pool has no such endpoint.
    pub fn connects(&self, name: &str) -> usize {
        self.with(name, |mock| mock.connects)
    }

    /// How many of its calls have neither ended nor been dropped.
    ///
    /// # Panics
    ///
    /// If the pool has no such endpoint.
    pub fn in_flight(&self, name: &str) -> usize {
        self.with(name, |mock| mock.in_flight)
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Mock) -> T) -> T {
        let mut state = self.lock();
        let id = EndpointId::from(name);
        match state.get_mut(&id) {
            Some(mock) => act(mock),
            None => panic!("no endpoint {name:?} in the pool, it has {:?}", state.keys()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EndpointId, Mock>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call as in flight while it lives.
struct InFlight {
    pool: MockPool,
    id: EndpointId,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.pool.with(self.id.as_str(), |mock| mock.in_flight -= 1);
    }
}

impl<Req> Service<Req> for MockService {
    type Response = EndpointId;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<EndpointId, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let refuses = self.pool.with(self.id.as_str(), |mock| mock.behaviour == Behaviour::Refuses);
        Poll::Ready(if refuses { Err("connection refused".into()) } else { Ok(()) })
    }

    fn call(&mut self, _: Req) -> Self::Future {
        let behaviour = self.pool.with(self.id.as_str(), |mock| {
            mock.calls += 1;
            mock.in_flight += 1;
            mock.behaviour
        });
        let in_flight = InFlight { pool: self.pool.clone(), id: self.id.clone() };
        Box::pin(async move {
            let answer = Ok(in_flight.id.clone());
            let (wait, answer) = match behaviour {
                Behaviour::Answers(wait) => (wait, answer),
                Behaviour::Fails(wait) => (wait, Err(Injected.into())),
                Behaviour::Refuses => (Duration::ZERO, Err("connection refused".into())),
                Behaviour::Hangs => std::future::pending().await,
            };
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            answer
        })
    }
}

impl fmt::Debug for MockPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

impl fmt::Debug for MockService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MockService").field(&self.id).finish()
    }
}
