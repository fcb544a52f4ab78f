//! Filters in front of endpoints.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use orlop_core::BoxError;
use tower_service::Service;

use crate::{BadSetting, Body, Endpoints, Filters, run::run};

/// A gateway: filters, and the endpoints that they choose from.
///
/// Always ready and never fails: what goes wrong becomes a response. Clones share everything.
#[derive(Clone, Debug)]
pub struct Gateway {
    filters: Filters,
    endpoints: Endpoints,
}

/// The response of a [`Gateway`] or of a [`Filtered`](crate::Filtered) service.
///
/// # Cancel safety
///
/// Dropping it drops the filter or endpoint it waits for and tells the filters, as the crate's page says.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Response<Body>> + Send>>);

// ===== impl Gateway =====

impl Gateway {
    /// Puts filters in front of endpoints.
    ///
    /// # Errors
    ///
    /// A filter names an endpoint that is not there.
    pub fn new(filters: Filters, endpoints: Endpoints) -> Result<Self, BadSetting> {
        for (filter, endpoint) in filters.endpoints() {
            if !endpoints.has(&endpoint) {
                let known: Vec<_> = endpoints.names().collect();
                let path = format!("{filter}.endpoint");
                return Err(BadSetting::new(path, endpoint, format!("one of {known:?}")));
            }
        }
        Ok(Self { filters, endpoints })
    }

    /// The filters, to switch them and to look at them.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }
}

impl<B> Service<Request<B>> for Gateway
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> ResponseFuture {
        let endpoints = self.endpoints.clone();
        ResponseFuture::new(run(self.filters.pin(), req.map(Body::new), endpoints))
    }
}

// ===== impl ResponseFuture =====

impl ResponseFuture {
    pub(crate) fn new(run: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self(Box::pin(run))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
