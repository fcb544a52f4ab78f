//! Calls to other services: `ctx.client(..)` is the only way, and only along declared edges.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::Stream;
use http::{Request, Response};
use hyper::body::Incoming;
use orlop::connect::{Http, HyperConnection, hyper_over};
use orlop::core::http::Deadline;
use orlop::core::{Addr, CallContext, EndpointId, Kind};
use orlop::{Body, Client, Endpoint, Rejected, Settings, Update};
use tokio::time::Instant;
use tower::{Service as TowerService, ServiceExt, service_fn};

use crate::BoxError;
use crate::ctx::Ctx;
use crate::graph::{Edge, Protocol};
use crate::topology::Service;

/// An extension of a request: counts how often it, in all its attempts, was handed to a connection.
#[derive(Debug, Clone, Default)]
pub struct Sends(Arc<AtomicU32>);

impl Sends {
    /// How often so far.
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

impl Ctx {
    /// A client of another service, as `graph.toml` says; plain round robin where the layers are off.
    ///
    /// # Errors
    ///
    /// [`UndeclaredEdge`](crate::UndeclaredEdge) when the graph does not let this service call that one.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn client(&self, to: Service) -> Result<Client, BoxError> {
        let edge = self.edge(to)?;
        let discovery = self.discovery()?;
        if self.settings().resilience {
            let settings = edge.client.clone();
            return client(self, edge, to.as_str(), settings, discovery.watch(to));
        }
        let listed = move || discovery.list(to);
        Ok(round_robin(to.as_str(), connect(self, http_of(edge)?), listed))
    }

    /// A client of one instance of another service, which alone can answer: one attempt, behind the gates of the edge.
    ///
    /// # Errors
    ///
    /// As [`client`](Self::client).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn client_at(&self, to: Service, only: Endpoint) -> Result<Client, BoxError> {
        let edge = self.edge(to)?;
        let name = only.id().to_string();
        if self.settings().resilience {
            let mut settings = edge.client.clone();
            settings.retry.max_attempts = NonZeroU32::MIN;
            let list = orlop::discovery::fixed(vec![only]);
            return client(self, edge, &name, settings, list);
        }
        Ok(round_robin(&name, connect(self, http_of(edge)?), move || vec![only.clone()]))
    }
}

fn http_of(edge: &Edge) -> Result<Http, BoxError> {
    match edge.protocol {
        Protocol::Http => Ok(Http::One),
        Protocol::Grpc => Ok(Http::Two),
        Protocol::Memcached | Protocol::Eureka => {
            Err(format!("{} is not called by HTTP: it has a client of its own", edge.to).into())
        }
    }
}

fn client(
    ctx: &Ctx,
    edge: &Edge,
    name: &str,
    settings: Settings,
    updates: impl Stream<Item = Update> + Send + 'static,
) -> Result<Client, BoxError> {
    let connect = connect(ctx, http_of(edge)?);
    let client = orlop::client(name)
        .settings(settings)
        .discover(updates)
        .catalogue(ctx.catalogue())
        .seeded(ctx.rng(name).u64(..));
    Ok(match edge.protocol {
        Protocol::Grpc => client.grpc().connect(connect).build()?,
        _ => client.connect(connect).build()?,
    })
}

/// Connections that are dialled along the edge, count what they send, and pass the deadline on.
pub(crate) fn connect(
    ctx: &Ctx,
    http: Http,
) -> impl Fn(&Endpoint) -> Result<Outgoing, BoxError> + Clone + Send + Sync + 'static {
    let (ctx, dialler) = (ctx.clone(), ctx.clone());
    let over = hyper_over(http, move |endpoint: &Endpoint| {
        let (ctx, addr) = (dialler.clone(), endpoint.addr().clone());
        async move {
            match addr {
                Addr::Ip(addr) => ctx.dial(addr).await,
                other => Err(std::io::Error::other(format!("{other} is no address"))),
            }
        }
    });
    move |endpoint| {
        let (ctx, to) = (ctx.clone(), endpoint.id().clone());
        over(endpoint).map(|connection| Outgoing { connection, ctx, to })
    }
}

/// The connections to one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    connection: HyperConnection,
    ctx: Ctx,
    to: EndpointId,
}

impl Outgoing {
    /// A line for each request serves those who compare two runs; a process that serves has better use for its time.
    fn record(&self, req: &Request<Body>) {
        if self.ctx.net().is_simulated() {
            let (method, path) = (req.method(), req.uri().path());
            self.ctx.event("send", &[("to", &self.to), ("method", method), ("path", &path)]);
        }
    }
}

impl TowerService<Request<Body>> for Outgoing {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = <HyperConnection as TowerService<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connection.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<Body>) -> Self::Future {
        if let Some(sends) = req.extensions().get::<Sends>() {
            sends.0.fetch_add(1, Relaxed);
        }
        if let Some(deadline) = req.extensions().get().and_then(CallContext::deadline) {
            Deadline::write(req.headers_mut(), deadline, Instant::now());
        }
        self.record(&req);
        self.connection.call(req)
    }
}

/// What a client is without our layers: the listed endpoints in turn, one attempt, no time-out.
fn round_robin<M>(
    name: &str,
    connect: M,
    listed: impl Fn() -> Vec<Endpoint> + Clone + Send + Sync + 'static,
) -> Client
where
    M: Fn(&Endpoint) -> Result<Outgoing, BoxError> + Clone + Send + Sync + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let connections = Arc::new(Mutex::new(BTreeMap::<_, Outgoing>::new()));
    let named = name.to_owned();
    let turn = service_fn(move |req: Request<Body>| {
        let listed = listed();
        let picked = match listed.len() {
            0 => Err(BoxError::from(Rejected::new(Kind::NoEndpoints).named(named.as_str()))),
            n => {
                let endpoint = &listed[next.fetch_add(1, Relaxed) % n];
                let mut open = connections.lock().unwrap_or_else(PoisonError::into_inner);
                match open.get(endpoint.id()) {
                    Some(connection) => Ok(connection.clone()),
                    None => connect(endpoint).inspect(|made| {
                        open.insert(endpoint.id().clone(), made.clone());
                    }),
                }
            }
        };
        async move { picked?.oneshot(req).await }
    });
    Client::over(name, turn)
}
