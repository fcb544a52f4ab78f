//! Who is where: what this instance learns from the registries, and how it makes itself known there.
//!
//! The registries' own addresses are static. Each is behind a limit of its own; the Eureka client asks one that did not
//! answer last for a while, which is all that a circuit would do here. When none answers, the last known good lists stay
//! in force.

use std::collections::BTreeMap;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Request;
use orlop::bulkhead::Limit;
use orlop::connect::Http;
use orlop::core::http::{FromExtensions, HttpStatus};
use orlop::core::{AsError, Guard, GuardLayer, OnBodyEnd};
use orlop::discovery::eureka::wire::InstanceInfo;
use orlop::discovery::eureka::{self, Registration, RegistrationSettings, Watch};
use orlop::{Body, Endpoint};
use tower::{Layer, Service, ServiceExt};

use crate::BoxError;
use crate::client::{Outgoing, connect};
use crate::ctx::Ctx;
use crate::topology::Service as Name;

/// How long one registry may take for one answer. The demo's fetch interval is 1 s.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where registries serve Eureka's protocol.
pub const BASE_PATH: &str = "/eureka/v2";

/// What one instance knows of the others.
#[derive(Debug)]
pub struct Discovery {
    client: eureka::Client,
    known: eureka::Discovery,
}

impl Discovery {
    /// Starts to fetch, on a task of the current runtime.
    pub(crate) fn start(ctx: &Ctx) -> Result<Self, BoxError> {
        let client = registries(ctx, |_| true)?;
        let settings = eureka::Settings::new()
            .interval(ctx.settings().fetch)
            .lease(ctx.settings().lease)
            .seed(ctx.rng("fetch").u64(..));
        Ok(Self { known: eureka::Discovery::new(client.clone(), settings), client })
    }

    /// The endpoints of a service as they change.
    pub fn watch(&self, of: Name) -> Watch {
        self.known.watch(of.as_str())
    }

    /// The endpoints of a service that are listed now, by name.
    pub fn list(&self, of: Name) -> Vec<Endpoint> {
        let name = of.as_str().to_uppercase();
        self.known.snapshot().apps.remove(&name).map(|app| app.endpoints).unwrap_or_default()
    }

    /// Registers this instance, and keeps it registered.
    pub fn register(&self, ctx: &Ctx) -> Registration {
        let me = ctx.me();
        let (ip, port) = (me.addr.ip().to_string(), me.addr.port());
        let instance = InstanceInfo::new(me.service.as_str(), me.name.as_str(), ip, port)
            .zone(me.zone.as_str());
        let settings = RegistrationSettings::new()
            .heartbeat(ctx.settings().heartbeat)
            .lease(ctx.settings().lease)
            .seed(ctx.rng("heartbeat").u64(..));
        let wall = ctx.wall().clone();
        Registration::new(self.client.clone(), instance, settings, move || wall.now())
    }
}

/// A client of those registries that `wanted` picks, this zone's first.
///
/// # Errors
///
/// When the graph does not let this service call registries.
pub fn registries(
    ctx: &Ctx,
    wanted: impl Fn(&crate::Instance) -> bool,
) -> Result<eureka::Client, BoxError> {
    ctx.edge(Name::Registry)?;
    let mut instances: Vec<_> =
        ctx.topology().of(Name::Registry).filter(|i| wanted(i)).cloned().collect();
    instances.sort_by_key(|i| (i.zone != ctx.me().zone, i.zone));
    let urls: Vec<_> = instances.iter().map(|i| format!("http://{}{BASE_PATH}", i.addr)).collect();
    let transport = Registries::new(ctx, &instances)?;
    let client = eureka::Client::new(transport, urls)?;
    Ok(client.timeout(PATIENCE).quarantine(ctx.settings().fetch * 2))
}

/// The registries by authority, each behind its limit.
#[derive(Debug, Clone)]
struct Registries(BTreeMap<String, Registry>);

type Registry = Guard<Outgoing, Gate, HttpStatus, OnBodyEnd, AsError, FromExtensions>;
/// None where the layers are off.
type Gate = Option<Limit>;

impl Registries {
    fn new(ctx: &Ctx, instances: &[crate::Instance]) -> Result<Self, BoxError> {
        let settings = &ctx.edge(Name::Registry)?.client;
        let connect = connect(ctx, Http::One);
        let mut all = BTreeMap::new();
        for instance in instances {
            let limit = settings.limit.filter(|_| ctx.settings().resilience);
            let gate =
                limit.map(|limit| Limit::new(limit.get() as usize).named(instance.name.as_str()));
            let connection = connect(&Endpoint::new(instance.name.as_str(), instance.addr))?;
            all.insert(instance.addr.to_string(), GuardLayer::http(gate).layer(connection));
        }
        Ok(Self(all))
    }
}

impl Service<Request<Body>> for Registries {
    type Response = <Registry as Service<Request<Body>>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        let authority = req.uri().authority().map(ToString::to_string).unwrap_or_default();
        match self.0.get(&authority) {
            Some(registry) => Box::pin(registry.clone().oneshot(req)),
            None => {
                let text = format!("no registry is at {authority:?}");
                Box::pin(async move { Err(text.into()) })
            }
        }
    }
}
