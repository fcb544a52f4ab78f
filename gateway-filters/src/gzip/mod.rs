//! Streaming gzip of responses.

mod accept;
mod body;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;

use self::{accept::accepts_gzip, body::Gzipped};
use crate::{Body, Category, Filter, FilterMeta, RequestCx, Step, order};

/// A filter that compresses responses for callers who accept gzip. In Rust alone.
///
/// A response is compressed if its type is on the list, it is not known to be small, nobody has encoded it, it does not
/// say `no-transform`, and it has a body that is whole (not 204, 206, 304, not an answer to `HEAD`). It then loses
/// `Content-Length` and `Accept-Ranges`, its `ETag` becomes weak, and `Vary` names `Accept-Encoding`, which it does also
/// for the callers who get it plain.
///
/// Nothing is held back: when the body has no more for now, what it gave is flushed. Trailers follow the last byte.
#[derive(Clone, Debug)]
pub struct Gzip {
    level: u32,
    min_size: u64,
    types: Vec<String>,
}

/// Types that compress well.
const TYPES: [&str; 8] = [
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/problem+json",
    "application/xhtml+xml",
    "application/xml",
    "image/svg+xml",
    "text/*",
];

// ===== impl Gzip =====

impl Gzip {
    /// Level 5, from 860 bytes (below, a packet is a packet), for text, JSON, JavaScript, XML and SVG.
    pub fn new() -> Self {
        Self { level: 5, min_size: 860, types: TYPES.map(Into::into).into() }
    }

    /// Sets the level: 1 is fast, 9 is small. Taken into that range. Defaults to 5.
    #[must_use]
    pub fn level(mut self, level: u32) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// Sets the size below which a body of known size is left alone. Defaults to 860 bytes.
    #[must_use]
    pub fn min_size(mut self, bytes: u64) -> Self {
        self.min_size = bytes;
        self
    }

    /// Sets the types to compress, as `type/subtype` or `type/*`.
    #[must_use]
    pub fn types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = types.into_iter().map(|name| name.into().to_ascii_lowercase()).collect();
        self
    }

    /// Whether callers who accept gzip would get this response compressed.
    fn suits(&self, method: &Method, res: &Response<Body>) -> bool {
        let no_body = method == Method::HEAD
            || res.status().is_informational()
            || matches!(
                res.status(),
                StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
            );
        let headers = res.headers();
        let encoded = headers.contains_key(header::CONTENT_ENCODING)
            || headers.contains_key(header::CONTENT_RANGE);
        let known = res.body().size_hint().exact();
        let small = res.body().is_end_stream() || known.is_some_and(|size| size < self.min_size);
        !no_body && !encoded && !small && !no_transform(headers) && self.is_listed(headers)
    }

    fn is_listed(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
        let Ok(value) = value.to_str() else { return false };
        let essence = value.split(';').next().unwrap_or("").trim();
        self.types.iter().any(|listed| match listed.strip_suffix('*') {
            Some(prefix) => {
                essence.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
            }
            None => essence.eq_ignore_ascii_case(listed),
        })
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

impl Filter for Gzip {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("gzip", Category::Http).order(order::GZIP)
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        cx.accepts_gzip = accepts_gzip(req.headers());
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, cx: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        if !self.suits(cx.method(), res) {
            return Step::CONTINUE;
        }
        vary(res.headers_mut());
        if cx.accepts_gzip {
            let headers = res.headers_mut();
            headers.remove(header::CONTENT_LENGTH);
            headers.remove(header::ACCEPT_RANGES);
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            weaken(headers);
            let body = res.body_mut().take();
            *res.body_mut() = Body::new(Gzipped::new(body, self.level));
        }
        Step::CONTINUE
    }
}

fn no_transform(headers: &HeaderMap) -> bool {
    headers.get_all(header::CACHE_CONTROL).iter().any(|value| {
        let mut directives = value.as_bytes().split(|&byte| byte == b',');
        directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    })
}

/// Caches must keep the two forms apart.
fn vary(headers: &mut HeaderMap) {
    let named = headers.get_all(header::VARY).iter().any(|value| {
        value.as_bytes().split(|&byte| byte == b',').any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding")
        })
    });
    if !named {
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// RFC 9110 8.8.3.3: other bytes must not have the same strong tag.
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG) else { return };
    if tag.as_bytes().starts_with(b"W/") {
        return;
    }
    match HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        Ok(weak) => headers.insert(header::ETAG, weak),
        Err(_) => headers.remove(header::ETAG),
    };
}

#[cfg(feature = "serde")]
mod settings {
    use serde::{Deserialize, de::Error};

    use super::*;
    use crate::BadSetting;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        level: Option<u32>,
        min_size: Option<u64>,
        types: Option<Vec<String>>,
    }

    impl TryFrom<Raw> for Gzip {
        type Error = BadSetting;

        fn try_from(raw: Raw) -> Result<Self, BadSetting> {
            let mut gzip = Self::new();
            if let Some(level) = raw.level {
                if !(1..=9).contains(&level) {
                    return Err(BadSetting::new("level", level, "within 1..=9"));
                }
                gzip = gzip.level(level);
            }
            if let Some(bytes) = raw.min_size {
                gzip = gzip.min_size(bytes);
            }
            if let Some(types) = raw.types {
                if let Some(bad) = types.iter().find(|name| !name.contains('/')) {
                    return Err(BadSetting::new("types", bad, "type/subtype or type/*"));
                }
                gzip = gzip.types(types);
            }
            Ok(gzip)
        }
    }

    /// `{ level = 5, min_size = 860, types = ["text/*"] }`, all optional.
    impl<'de> Deserialize<'de> for Gzip {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::try_from(Raw::deserialize(from)?).map_err(D::Error::custom)
        }
    }
}
