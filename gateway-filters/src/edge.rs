//! What must not cross the edge.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, Request, Response, header};

use crate::{Body, Category, Filter, FilterMeta, RequestCx, Step, order};

/// Headers of our own: deadlines, attempts, verified identity.
const OURS: [&str; 2] = ["orlop-", "x-orlop-"];

/// RFC 9110 7.6.1: these belong to one connection. `Trailer` is not among them.
const HOP_BY_HOP: [&str; 6] =
    ["connection", "proxy-connection", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// What a `Connection` header cannot take away: a caller could remove what upstreams decide by.
const END_TO_END: [&str; 8] = [
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "set-cookie",
];

type Trust = Arc<dyn Fn(&Request<Body>) -> bool + Send + Sync>;

/// Strips headers that belong to one connection, both ways, and headers of ours from senders that are not trusted.
///
/// Ours are those whose names begin with `orlop-` or `x-orlop-`, and with what [`Edge::strip`] adds. By default nobody is trusted.
/// Responses to a sender that is not trusted lose them too.
///
/// `te: trailers` is kept, because gRPC servers require it.
#[derive(Clone)]
pub struct Edge {
    prefixes: Vec<String>,
    trust: Option<Trust>,
}

// ===== impl Edge =====

impl Edge {
    /// Trusts nobody.
    pub fn new() -> Self {
        Self { prefixes: OURS.map(Into::into).into(), trust: None }
    }

    /// Says who is trusted, by the request as it came: its peer's address or certificate in the extensions.
    #[must_use]
    pub fn trust(mut self, trust: impl Fn(&Request<Body>) -> bool + Send + Sync + 'static) -> Self {
        self.trust = Some(Arc::new(trust));
        self
    }

    /// Strips headers whose names begin like this, too. Case does not matter.
    #[must_use]
    pub fn strip(mut self, prefix: impl AsRef<str>) -> Self {
        self.prefixes.push(prefix.as_ref().to_ascii_lowercase());
        self
    }

    fn strip_ours(&self, headers: &mut HeaderMap) {
        let ours = |name: &HeaderName| {
            self.prefixes.iter().any(|prefix| name.as_str().starts_with(prefix.as_str()))
        };
        remove_where(headers, ours);
    }
}

impl Default for Edge {
    fn default() -> Self {
        Self::new()
    }
}

impl Filter for Edge {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("edge", Category::Access)
            .order(order::EDGE)
            .outbound_order(order::EDGE_OUTBOUND)
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let trusted = self.trust.as_ref().is_some_and(|trust| trust(req));
        cx.set_trusted(trusted);
        strip_hop_by_hop(req.headers_mut());
        if !trusted {
            self.strip_ours(req.headers_mut());
        }
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, cx: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        strip_hop_by_hop(res.headers_mut());
        if !cx.is_trusted() {
            self.strip_ours(res.headers_mut());
        }
        Step::CONTINUE
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("prefixes", &self.prefixes).finish_non_exhaustive()
    }
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let trailers = headers.get_all(header::TE).iter().any(|value| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !END_TO_END.contains(&name.as_str()))
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    if trailers {
        headers.insert(header::TE, http::HeaderValue::from_static("trailers"));
    }
}

fn remove_where(headers: &mut HeaderMap, matches: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| matches(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}
