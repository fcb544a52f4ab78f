//! Answers that need no upstream.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tower_service::Service;

use crate::Body;

/// The same answer to every request: an endpoint for health checks, maintenance pages and retired paths.
#[derive(Clone, Debug)]
pub struct StaticAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

// ===== impl StaticAnswer =====

impl StaticAnswer {
    /// Answers with this status and an empty body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The answer.
    pub fn response(&self) -> Response<Body> {
        let mut res = Response::new(self.body.clone().into());
        *res.status_mut() = self.status;
        *res.headers_mut() = self.headers.clone();
        res
    }
}

impl<B> Service<Request<B>> for StaticAnswer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(self.response()))
    }
}

/// A status with a line of text for whoever reads it with curl.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut res = Response::new(Body::from(text));
    *res.status_mut() = status;
    res.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    res
}

/// Whole seconds, rounded up: a caller who waits that long is not refused for coming a moment early.
pub(crate) fn retry_after(wait: std::time::Duration) -> HeaderValue {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(secs.max(1))
}

#[cfg(feature = "serde")]
mod settings {
    use std::collections::BTreeMap;

    use serde::{Deserialize, de::Error};

    use super::*;
    use crate::BadSetting;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    }

    impl<'de> Deserialize<'de> for StaticAnswer {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let raw = Raw::deserialize(from)?;
            let status = StatusCode::from_u16(raw.status)
                .ok()
                .filter(|status| !status.is_informational())
                .ok_or_else(|| BadSetting::new("status", raw.status, "within 200..=999"))
                .map_err(D::Error::custom)?;
            let mut answer = Self::new(status);
            answer.body = raw.body.into();
            for (name, value) in &raw.headers {
                let (name, value) =
                    crate::headers::parse("headers", name, value).map_err(D::Error::custom)?;
                answer = answer.header(name, value);
            }
            Ok(answer)
        }
    }
}
