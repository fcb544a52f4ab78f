use super::{Client, ClientSnapshot, EndpointSnapshot, Settings, mark::Marked, status::as_status};
use crate::{Body, Catalogue};
use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use http_body::Body as HttpBody;
use orlop_breaker::Circuit;
use orlop_bulkhead::Limit;
use orlop_core::{
    AtEnd, BoxError, Classify, Endpoint, Outcome, Update,
    grpc::GrpcStatus,
    http::{BodyTimeLayer, HttpStatus, TimedBody, TrackedBody},
};
use orlop_lb::{Balance, Node};
use orlop_retry::{Policy, Replay, ReplayBody, RetryLayer, WriteDeadlineLayer};
use std::{collections::BTreeMap, fmt, sync::Arc};
use tower::util::{MapRequest, MapResult};
use tower_layer::Layer;
use tower_service::Service;

/// Makes a [`Client`]. Started by [`orlop::client`](crate::client()).
#[must_use = "call build() to get the client"]
pub struct ClientBuilder<U = Unset, M = Unset, C = HttpStatus> {
    name: Arc<str>,
    settings: Settings,
    updates: U,
    connect: M,
    classify: C,
    catalogue: Option<Catalogue>,
    seed: Option<u64>,
    /// Whether refusals are answered with a status.
    grpc: bool,
}

/// A part of a [`ClientBuilder`] that has not been given yet.
#[derive(Clone, Copy, Debug)]
pub struct Unset;

impl ClientBuilder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            settings: Settings::default(),
            updates: Unset,
            connect: Unset,
            classify: HttpStatus::new(),
            catalogue: None,
            seed: None,
            grpc: false,
        }
    }
}

impl<U, M, C> ClientBuilder<U, M, C> {
    /// How calls are treated. Default: [`Settings::default`].
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Where the endpoints come from: any stream of [`Update`]s, such as those in [`discovery`](crate::discovery).
    pub fn discover<U2>(self, updates: U2) -> ClientBuilder<U2, M, C>
    where
        U2: Stream<Item = Update> + Send + 'static,
    {
        let Self { name, settings, updates: _, connect, classify, catalogue, seed, grpc } = self;
        ClientBuilder { name, settings, updates, connect, classify, catalogue, seed, grpc }
    }

    /// How to connect to an endpoint: those in [`connect`](crate::connect), or a closure
    /// `Fn(&Endpoint) -> Result<S, E>` that makes a service of requests.
    pub fn connect<M2, S, E>(self, connect: M2) -> ClientBuilder<U, M2, C>
    where
        M2: Fn(&Endpoint) -> Result<S, E> + Send + 'static,
        S: Service<Request<Body>>,
        E: Into<BoxError>,
    {
        let Self { name, settings, updates, connect: _, classify, catalogue, seed, grpc } = self;
        ClientBuilder { name, settings, updates, connect, classify, catalogue, seed, grpc }
    }

    /// For gRPC: judges answers by the gRPC status, in head or trailers, and gives what never reached a server a status,
    /// so that stubs see one.
    ///
    /// A refusal or a failed connect is answered with `UNAVAILABLE`, a deadline that passed with `DEADLINE_EXCEEDED`, the
    /// error's text as the message. Errors of a connection in use stay errors.
    pub fn grpc(mut self) -> ClientBuilder<U, M, GrpcStatus> {
        self.grpc = true;
        self.classify(GrpcStatus::new())
    }

    /// Judges answers in your own way.
    pub fn classify<C2>(self, classify: C2) -> ClientBuilder<U, M, C2> {
        let Self { name, settings, updates, connect, classify: _, catalogue, seed, grpc } = self;
        ClientBuilder { name, settings, updates, connect, classify, catalogue, seed, grpc }
    }

    /// Shows the client in this catalogue.
    pub fn catalogue(mut self, catalogue: &Catalogue) -> Self {
        self.catalogue = Some(catalogue.clone());
        self
    }

    /// Where its random numbers begin, to repeat a run. Default: a random seed.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The client. It takes in updates on a task of the current runtime, until the last clone is dropped.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime to run that task on.
    pub fn build<S, E, RB, K, N>(self) -> Result<Client, NoRuntime>
    where
        U: Stream<Item = Update> + Send + 'static,
        M: Fn(&Endpoint) -> Result<S, E> + Send + 'static,
        E: Into<BoxError> + 'static,
        S: Service<Request<Body>, Response = Response<RB>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        RB: HttpBody<Data = Bytes> + Send + 'static,
        RB::Error: Into<BoxError>,
        C: Classify<Request<Body>, Call = K> + Classify<Request<Kept>, Call = K>,
        C: Clone + Send + Sync + 'static,
        K: Outcome<Response<TimedBody<RB>>, AtEnd = N>,
        K: Outcome<Response<TrackedBody<TimedBody<RB>, Admitted, N>>, AtEnd = N> + Send + 'static,
        N: AtEnd + Send + 'static,
    {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(NoRuntime);
        }
        let Self { name, settings, updates, connect, classify, catalogue, seed, grpc } = self;
        let mut seeds = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let (judge, max_attempts) = (classify.clone(), settings.retry.max_attempts.get());
        let body_time = BodyTimeLayer::new(settings.body);
        // Next to the connection: each attempt says what is left of its time when it is sent, and a body that takes too long
        // fails where the endpoint's gates see it.
        let connect = move |endpoint: &Endpoint| {
            let connection = WriteDeadlineLayer.layer(body_time.layer(connect(endpoint)?));
            Ok::<_, E>(Marked::new(connection, judge.clone(), endpoint.clone(), max_attempts))
        };
        let balance = Balance::http(updates, connect)
            .gate(gates(name.clone(), &settings, seeds.fork()))
            .classify(classify.clone())
            .settings(settings.balance.clone())
            .name(name.clone())
            .seeded(seeds.u64(..))
            .build();
        let policy = Policy::seeded(settings.retry, seeds.u64(..));
        let retry = RetryLayer::http(policy.clone())
            .keep(Replay::up_to(settings.replay_bytes))
            .classify(classify);
        let whole = MapRequest::new(balance.clone(), |req: Request<Kept>| req.map(Body::new));
        let called = name.clone();
        let look = move || snapshot(&name, &balance, &policy);
        let (service, look) = (retry.layer(whole), Arc::new(look));
        let client = if grpc {
            Client::boxed(&called, MapResult::new(service, as_status), look)
        } else {
            Client::boxed(&called, service, look)
        };
        if let Some(catalogue) = catalogue {
            catalogue.add(&client);
        }
        Ok(client)
    }
}

/// The gates of one endpoint.
type Gates = (Circuit, Option<Limit>);
/// What holds the permit of a call.
type Admitted = Arc<Node<Gates>>;
/// A request's body, kept for another attempt.
type Kept = ReplayBody<Body>;

fn gates(
    client: Arc<str>,
    settings: &Settings,
    seeds: fastrand::Rng,
) -> impl Fn(&Endpoint) -> Gates + Send + 'static {
    let (circuit, limit) = (settings.circuit.clone(), settings.limit);
    // Endpoints are connected one after the other, so which circuit draws which seed is certain.
    let seeds = std::sync::Mutex::new(seeds);
    move |endpoint| {
        let seed = seeds.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u64(..);
        // By the client's name: an endpoint's would be a series of its own in the metrics, for every one that ever was.
        let circuit = Circuit::new(circuit.clone()).one_of(client.clone()).seeded(seed);
        let limit =
            limit.map(|limit| Limit::new(limit.get() as usize).named(endpoint.id().as_str()));
        (circuit, limit)
    }
}

fn snapshot<S, C, T, L>(
    name: &Arc<str>,
    balance: &Balance<S, Gates, C, T, L>,
    policy: &Policy,
) -> ClientSnapshot {
    let known = balance.snapshot();
    let circuits: BTreeMap<_, _> = balance
        .gates()
        .into_iter()
        .map(|(endpoint, (circuit, _))| (endpoint.id().clone(), circuit.state()))
        .collect();
    let endpoints = known.endpoints.into_iter().map(|known| EndpointSnapshot {
        id: known.endpoint.id().clone(),
        circuit: circuits.get(known.endpoint.id()).copied(),
        endpoint: known.endpoint,
        in_flight: known.in_flight,
        estimate: known.estimate,
        refused: known.refused,
    });
    ClientSnapshot {
        name: name.clone(),
        endpoints: endpoints.collect(),
        failing: known.failing,
        failed_connects: known.failed_connects,
        retries: policy.snapshot(),
        stale_for: known.stale_for,
    }
}

/// A client was built outside of a tokio runtime, so nothing could take in the updates of its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a client must be built within a tokio runtime")
    }
}

impl std::error::Error for NoRuntime {}

impl<U, M, C> fmt::Debug for ClientBuilder<U, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
