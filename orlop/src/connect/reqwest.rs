use crate::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use orlop_core::{BoxError, CallContext, Endpoint, NotSent};
use reqwest::{Client, Url};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use sync_wrapper::SyncWrapper;
use tower_service::Service;

/// Connects through a reqwest client that you set up: its TLS, proxies and pool are used as they are.
///
/// The endpoint's [authority](Endpoint::authority) becomes the URL's host, so reqwest resolves it; `scheme` is `http` or
/// `https`. Turn reqwest's redirects off where a call must not leave its endpoint.
pub fn reqwest(
    client: Client,
    scheme: &'static str,
) -> impl Fn(&Endpoint) -> Result<ReqwestConnection, BoxError> + Clone {
    move |endpoint| {
        let base = Url::parse(&format!("{scheme}://{}", endpoint.authority()))?;
        Ok(ReqwestConnection { client: client.clone(), base })
    }
}

/// A reqwest client that sends to one endpoint.
#[derive(Clone)]
pub struct ReqwestConnection {
    client: Client,
    base: Url,
}

impl Service<Request<Body>> for ReqwestConnection {
    type Response = Response<reqwest::Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        let attempt = req.extensions().get().and_then(CallContext::attempt_id);
        let client = self.client.clone();
        // Set, not joined: joining a path such as `//other` would change the host.
        let mut url = self.base.clone();
        url.set_path(req.uri().path());
        url.set_query(req.uri().query());
        Box::pin(async move {
            let (head, body) = req.into_parts();
            // An empty body goes as none: a wrapped one would be sent chunked.
            let body = if http_body::Body::is_end_stream(&body) {
                reqwest::Body::default()
            } else {
                reqwest::Body::wrap(SyncBody(SyncWrapper::new(body)))
            };
            let request =
                client.request(head.method, url).headers(head.headers).body(body).build()?;
            match client.execute(request).await {
                Ok(response) => Ok(response.into()),
                Err(error) if error.is_connect() => Err(NotSent::new(attempt, error).into()),
                Err(error) => Err(error.into()),
            }
        })
    }
}

/// reqwest asks for bodies that can be shared between threads, though it never does.
struct SyncBody(SyncWrapper<Body>);

impl HttpBody for SyncBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(self.0.get_mut()).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl fmt::Debug for ReqwestConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReqwestConnection").field(&self.base.as_str()).finish()
    }
}
