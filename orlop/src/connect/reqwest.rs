use crate::{Body, sync_body::SyncBody};
use http::{Request, Response};
use orlop_core::{BoxError, CallContext, Endpoint, NotSent};
use reqwest::{Client, ClientBuilder, Url, redirect::Policy};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower_service::Service;

/// Connects through a reqwest client that you set up: its TLS, proxies, time-outs and pool are used as they are.
///
/// Redirects are turned off and reach the caller: a call does not leave its endpoint. (It could not be told from the failed
/// connect of a redirected request that the first one had been served, and a POST would be sent again.)
///
/// The endpoint's [authority](Endpoint::authority) becomes the URL's host, so reqwest resolves it; `scheme` is `http` or
/// `https`.
///
/// # Errors
///
/// When reqwest cannot build the client, for want of TLS roots say.
pub fn reqwest(
    client: ClientBuilder,
    scheme: &'static str,
) -> Result<
    impl Fn(&Endpoint) -> Result<ReqwestConnection, BoxError> + Clone + Send + Sync + 'static,
    reqwest::Error,
> {
    let client = client.redirect(Policy::none()).build()?;
    Ok(move |endpoint: &Endpoint| {
        let base = Url::parse(&format!("{scheme}://{}", endpoint.authority()))?;
        Ok(ReqwestConnection { client: client.clone(), base })
    })
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
                reqwest::Body::wrap(SyncBody::new(body))
            };
            let request = client
                .request(head.method, url.clone())
                .headers(head.headers)
                .body(body)
                .build()?;
            match client.execute(request).await {
                Ok(response) => Ok(response.into()),
                // There is but one request: redirects are off.
                Err(error) if error.is_connect() => Err(NotSent::new(attempt, error).into()),
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl fmt::Debug for ReqwestConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReqwestConnection").field(&self.base.as_str()).finish()
    }
}
