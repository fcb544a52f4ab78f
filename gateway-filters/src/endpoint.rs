//! Endpoints by name.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response};
use orlop_core::BoxError;
use tower_service::Service;

use crate::{Body, RequestCx, StaticAnswer, run::Terminal};

/// What can answer, by name. Clones share the services.
#[derive(Clone, Default)]
pub struct Endpoints {
    by_name: Arc<BTreeMap<String, Arc<dyn Endpoint>>>,
    fallback: Option<Arc<dyn Endpoint>>,
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send + 'a>>;

/// A service without its type: one box for each call.
trait Endpoint: Send + Sync {
    fn call(&self, req: Request<Body>) -> Answering<'static>;
}

struct Upstream<S>(S);

// ===== impl Endpoints =====

impl Endpoints {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service. One that had this name is replaced.
    ///
    /// Each call uses a clone and waits for its readiness inside the response future, where the caller's leaving and its
    /// deadline reach.
    #[must_use]
    pub fn service<S, B>(mut self, name: impl Into<String>, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Arc::make_mut(&mut self.by_name).insert(name.into(), Arc::new(Upstream(service)));
        self
    }

    /// Adds an answer that is always the same.
    #[must_use]
    pub fn answer(self, name: impl Into<String>, answer: StaticAnswer) -> Self {
        self.service(name, answer)
    }

    /// Sets who answers a request for which no endpoint was chosen. Without one it is answered with 500.
    #[must_use]
    pub fn fallback<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.fallback = Some(Arc::new(Upstream(service)));
        self
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}

impl Terminal for Endpoints {
    fn ask(
        self,
        cx: &RequestCx,
        req: Request<Body>,
    ) -> impl Future<Output = Option<Result<Response<Body>, BoxError>>> + Send {
        let chosen = match cx.endpoint() {
            Some(name) => self.by_name.get(name).cloned(),
            None => self.fallback,
        };
        async move { Some(chosen?.call(req).await) }
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

// ===== impl Upstream =====

impl<S, B> Endpoint for Upstream<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn call(&self, req: Request<Body>) -> Answering<'static> {
        Box::pin(ask(self.0.clone(), req))
    }
}

/// Waits for a service and calls it.
pub(crate) async fn ask<S, B>(
    mut service: S,
    req: Request<Body>,
) -> Result<Response<Body>, BoxError>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
    let res = service.call(req).await.map_err(Into::into)?;
    Ok(res.map(Body::new))
}
