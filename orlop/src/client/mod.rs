//! The standard client: from a service's name to a call that survives.

mod builder;
mod mark;
mod settings;
mod snapshot;
#[cfg(feature = "tracing")]
mod span;
mod status;

pub use self::{
    builder::{ClientBuilder, NoRuntime, Unset},
    settings::Settings,
    snapshot::{ClientSnapshot, EndpointSnapshot},
};

use crate::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use orlop_core::BoxError;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

/// A client of one service. It has no type parameters, so it fits in a struct, and in a tonic stub.
///
/// Made by [`orlop::client`](crate::client()). Clones share everything: endpoints, circuits, limits, budget.
///
/// # Cancel safety
///
/// Dropping a response future or a body ends the call: its permits come back, nothing of it goes on.
#[derive(Clone)]
pub struct Client {
    inner: Boxed,
    look: Arc<Look>,
}

type Boxed = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;
type Look = dyn Fn() -> ClientSnapshot + Send + Sync;

impl Client {
    /// A client that is just this service: for tests, and for stacks of your own. Its snapshot has a name and nothing
    /// else.
    pub fn over<S, B>(name: &str, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let name: Arc<str> = name.into();
        let called = name.clone();
        Self::boxed(&called, service, Arc::new(move || ClientSnapshot::empty(name.clone())))
    }

    fn boxed<S, B>(name: &Arc<str>, service: S, look: Arc<Look>) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = tower::util::MapErr::new(service, Into::into as fn(S::Error) -> BoxError);
        let service = tower::util::MapResponse::new(service, |res: Response<B>| res.map(Body::new));
        #[cfg(feature = "tracing")]
        let service = span::Spanned::new(service, Arc::clone(name));
        #[cfg(not(feature = "tracing"))]
        let _ = name;
        Self { inner: BoxCloneSyncService::new(service), look }
    }

    /// Sends a request. The same as calling it as a tower service, without the ceremony.
    ///
    /// # Errors
    ///
    /// What the last attempt ended with. [`Cause::of`](crate::Cause::of) tells which attempt, endpoint and layer it was, and
    /// [`Rejected::find`](orlop_core::Rejected::find) whether this process refused. A client made for [gRPC](ClientBuilder::grpc) answers refusals with a status instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the call.
    pub async fn send<B>(&self, req: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.inner.clone().oneshot(req.map(Body::new)).await
    }

    /// What it knows of its endpoints, and how its calls went.
    pub fn snapshot(&self) -> ClientSnapshot {
        (self.look)()
    }
}

impl<B> Service<Request<B>> for Client
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        self.inner.call(req.map(Body::new))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.snapshot().name).finish()
    }
}
