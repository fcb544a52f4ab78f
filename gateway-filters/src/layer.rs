//! Filters as a plain layer over any http service.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use orlop_core::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Body, Filter, Filters, RequestCx, ResponseFuture,
    endpoint::ask,
    run::{Terminal, run},
};

/// One filter as a layer, for whoever has a service and wants no gateway.
///
/// All services made from it share the filter.
#[derive(Clone, Debug)]
pub struct FilterLayer {
    filters: Filters,
}

/// A service behind filters. Always ready: it waits for a clone of the inner service in the response future.
#[derive(Clone, Debug)]
pub struct Filtered<S> {
    filters: Filters,
    inner: S,
}

/// The inner service as the end of the chain.
struct Inner<S>(S);

// ===== impl FilterLayer =====

impl FilterLayer {
    /// Makes a layer of this filter.
    pub fn new(filter: impl Filter) -> Self {
        let filters = Filters::builder().filter(filter).build();
        // Only a second filter could be one too many or have a name that is taken.
        Self { filters: filters.unwrap_or_else(|bad| unreachable!("{bad}")) }
    }

    /// The filter, to switch it and to look at it.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }
}

impl<S> Layer<S> for FilterLayer {
    type Service = Filtered<S>;

    fn layer(&self, inner: S) -> Filtered<S> {
        self.filters.layer(inner)
    }
}

impl<S> Layer<S> for Filters {
    type Service = Filtered<S>;

    fn layer(&self, inner: S) -> Filtered<S> {
        Filtered { filters: self.clone(), inner }
    }
}

// ===== impl Filtered =====

impl<S, B, R> Service<Request<B>> for Filtered<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> ResponseFuture {
        let inner = Inner(self.inner.clone());
        ResponseFuture::new(run(self.filters.pin(), req.map(Body::new), inner))
    }
}

// ===== impl Inner =====

impl<S, R> Terminal for Inner<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Send,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    async fn ask(
        self,
        _: &RequestCx,
        req: Request<Body>,
    ) -> Option<Result<Response<Body>, BoxError>> {
        Some(ask(self.0, req).await)
    }
}
