//! Registries in one process, on a network that can be cut.
#![allow(dead_code)] // Each test uses its part.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use orlop_registry::{
    Registry, Settings,
    client::eureka::{
        Client,
        wire::{InstanceInfo, InstanceStatus},
    },
};
use serde_json::Value;
use tower::{Service, ServiceExt};

/// The time of the documents: that of the runtime's clock, which is paused, from a fixed day on.
pub fn clock() -> impl Fn() -> SystemTime + Send + Sync + 'static {
    let start = tokio::time::Instant::now();
    move || UNIX_EPOCH + Duration::from_secs(1_700_000_000) + start.elapsed()
}

pub fn settings() -> Settings {
    Settings::new().empty_wait(Duration::ZERO)
}

/// A registry without peers that may be read.
pub async fn alone() -> Registry {
    alone_with(settings()).await
}

pub async fn alone_with(settings: Settings) -> Registry {
    let registry = Registry::new(settings, [], clock());
    while !registry.snapshot().ready {
        tokio::task::yield_now().await;
    }
    registry
}

#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub body: Bytes,
    pub headers: http::HeaderMap,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }
}

/// One request; `ask` is a method, a path, and headers after it, each `name=value`.
pub async fn call(registry: &Registry, ask: &str, body: impl Into<Bytes>) -> Answered {
    let mut words = ask.split(' ');
    let mut request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
    for header in words {
        let (name, value) = header.split_once('=').unwrap();
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = registry.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered { status: head.status.as_u16(), body, headers: head.headers }
}

pub async fn status(registry: &Registry, ask: &str) -> u16 {
    call(registry, ask, "").await.status
}

pub async fn register(registry: &Registry, instance: &InstanceInfo) -> u16 {
    let ask = format!("POST /v2/apps/{}", instance.app);
    call(registry, &ask, instance.to_json()).await.status
}

/// The instance with this dirty timestamp and a lease of 10 s.
pub fn instance(id: &str, dirty: u64) -> InstanceInfo {
    let mut instance = InstanceInfo::new("orders", id, "127.0.0.1", 8080).zone("a");
    instance.last_dirty_timestamp = dirty;
    instance.lease_info.duration_in_secs = 10;
    instance.lease_info.renewal_interval_in_secs = 1;
    instance
}

pub fn with_status(id: &str, dirty: u64, status: InstanceStatus) -> InstanceInfo {
    let mut instance = instance(id, dirty);
    instance.status = status;
    instance
}

/// What a registry lists, as `id status`, from its snapshot.
pub fn listed(registry: &Registry) -> Vec<String> {
    let apps = registry.snapshot().apps;
    let instances = apps.values().flatten();
    instances.map(|instance| format!("{} {}", instance.id, instance.status)).collect()
}

#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<Wires>>);

#[derive(Default)]
struct Wires {
    registries: BTreeMap<String, Registry>,
    /// Pairs that cannot reach each other.
    cut: BTreeSet<(String, String)>,
}

impl Network {
    pub fn put(&self, name: &str, registry: Registry) {
        self.0.lock().unwrap().registries.insert(name.into(), registry);
    }

    pub fn remove(&self, name: &str) -> Option<Registry> {
        self.0.lock().unwrap().registries.remove(name)
    }

    pub fn cut(&self, one: &str, other: &str) {
        let mut wires = self.0.lock().unwrap();
        wires.cut.insert((one.into(), other.into()));
        wires.cut.insert((other.into(), one.into()));
    }

    pub fn heal(&self) {
        self.0.lock().unwrap().cut.clear();
    }

    /// A client at `from` of the registries `to`.
    pub fn client(&self, from: &str, to: &[&str]) -> Client {
        let wire = Wire { network: self.clone(), from: from.into() };
        let urls = to.iter().map(|name| format!("http://{name}/eureka/v2"));
        Client::new(wire, urls).unwrap().timeout(Duration::from_secs(1))
    }
}

#[derive(Clone)]
struct Wire {
    network: Network,
    from: String,
}

impl Service<Request<Full<Bytes>>> for Wire {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let to = request.uri().authority().unwrap().to_string();
        let wires = self.network.0.lock().unwrap();
        let cut = wires.cut.contains(&(self.from.clone(), to.clone()));
        let registry = wires.registries.get(&to).filter(|_| !cut).cloned();
        Box::pin(async move {
            let registry = registry.ok_or(io::ErrorKind::ConnectionRefused)?;
            Ok(registry.oneshot(request).await.unwrap())
        })
    }
}
