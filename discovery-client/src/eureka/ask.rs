//! One request, tried at one registry after another until one answers.

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST},
};
use tokio::time::{Instant, timeout};

use super::{
    base::Base,
    client::Client,
    error::{Error, ErrorKind},
    wire::Malformed,
};

/// What goes on the wire for one call.
pub(super) struct Ask {
    pub(super) what: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
}

impl Client {
    pub(super) async fn read<T>(
        &self,
        what: String,
        path: &str,
        decode: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Error> {
        let ask = Ask { what, method: Method::GET, path: path.to_owned(), body: Bytes::new() };
        self.ask(ask, &[StatusCode::OK], decode).await
    }

    pub(super) async fn ask<T>(
        &self,
        ask: Ask,
        fine: &[StatusCode],
        decode: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Error> {
        self.in_turn(ask, fine, |response| decode(response.body()).map_err(ErrorKind::Malformed))
            .await
    }

    pub(super) async fn send(&self, ask: Ask, fine: &[StatusCode]) -> Result<StatusCode, Error> {
        self.in_turn(ask, fine, |response| Ok(response.status())).await
    }

    async fn in_turn<T>(
        &self,
        ask: Ask,
        fine: &[StatusCode],
        read: impl Fn(Response<Bytes>) -> Result<T, ErrorKind>,
    ) -> Result<T, Error> {
        let order = self.bases.in_turn(Instant::now());
        let mut tried = 0;
        loop {
            let index = order[tried];
            let base = &self.bases.list()[index];
            tried += 1;
            let kind = match self.exchange(base, &ask, fine).await.and_then(&read) {
                Ok(answer) => {
                    self.bases.answered(index);
                    return Ok(answer);
                }
                Err(kind) => kind,
            };
            if kind.is_trouble() {
                self.bases.failed(index, Instant::now() + self.quarantine);
            }
            if !kind.try_next() || tried == order.len() {
                return Err(Error::new(ask.what, base.to_string(), tried, kind));
            }
        }
    }

    async fn exchange(
        &self,
        base: &Base,
        ask: &Ask,
        fine: &[StatusCode],
    ) -> Result<Response<Bytes>, ErrorKind> {
        let request = self.request(base, ask).map_err(ErrorKind::Request)?;
        let response = timeout(self.timeout, (self.transport)(request, self.max_body))
            .await
            .map_err(|_| ErrorKind::TimedOut(self.timeout))??;
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING) {
            let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
            if encoding != "identity" {
                return Err(ErrorKind::Encoded(encoding));
            }
        }
        if !fine.contains(&response.status()) {
            return Err(ErrorKind::Status(response.status(), excerpt(response.body())));
        }
        Ok(response)
    }

    fn request(&self, base: &Base, ask: &Ask) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(base.uri(&ask.path)?)
            // Set here because a bare HTTP/1 connection does not do it.
            .header(HOST, base.authority())
            .header(ACCEPT, "application/json");
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let mut request = request.body(ask.body.clone())?;
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }
}

/// What an error page begins with, for the error's text.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    text.trim().to_owned()
}
