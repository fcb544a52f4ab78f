//! For gRPC services, as headers and trailers. No gRPC library is needed.

use crate::{
    AtEnd, BodyEnd, Classify, Head, Kind, Outcome, Rejected, Verdict, http::mark_of, local_verdict,
};
use http::{HeaderMap, HeaderValue, Response, header};
use std::{error::Error, time::Duration};

/// Judges a gRPC call by its status, which stands in the trailers, or in the head of an answer that has no body.
///
/// | status | verdict |
/// |---|---|
/// | OK, and all that say the caller erred (invalid argument, not found, ..) | success |
/// | RESOURCE_EXHAUSTED | throttled |
/// | UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, DATA_LOSS; no status at all | failure |
/// | CANCELLED | neutral |
///
/// `grpc-retry-pushback-ms` is kept, clamped to [`max_pushback`](GrpcStatus::max_pushback); one that is negative or no
/// number forbids a retry. Errors are judged as
/// [`HttpStatus`](crate::http::HttpStatus) does.
#[derive(Clone, Copy, Debug)]
pub struct GrpcStatus {
    max_pushback: Duration,
}

/// Judges one call for [`GrpcStatus`].
#[derive(Clone, Copy, Debug)]
pub struct GrpcCall {
    max_pushback: Duration,
}

const STATUS: &str = "grpc-status";
const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl GrpcStatus {
    /// The table above, with pushback up to 5 minutes.
    pub const fn new() -> Self {
        Self { max_pushback: Duration::from_secs(300) }
    }

    /// Clamps pushback, which a peer sends. Default: 5 minutes.
    #[must_use]
    pub const fn max_pushback(mut self, at_most: Duration) -> Self {
        self.max_pushback = at_most;
        self
    }
}

impl Default for GrpcStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl<Req: ?Sized> Classify<Req> for GrpcStatus {
    type Call = GrpcCall;

    fn begin(&self, _: &Req) -> GrpcCall {
        GrpcCall { max_pushback: self.max_pushback }
    }
}

impl<B> Outcome<Response<B>> for GrpcCall {
    type AtEnd = Self;

    fn head(self, res: &Response<B>) -> Head<Self> {
        if mark_of(res.extensions()).is_some() {
            Head::Known(Verdict::NEUTRAL)
        } else if res.headers().contains_key(STATUS) {
            Head::Known(self.judge(res.headers()))
        } else if !res.status().is_success() {
            // No gRPC server answers so: a proxy on the way does.
            Head::Known(Verdict::FAILURE)
        } else {
            Head::AtEnd(self)
        }
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or(Verdict::BROKEN)
    }
}

impl AtEnd for GrpcCall {
    fn end(self, end: BodyEnd<'_>) -> Verdict {
        match end {
            BodyEnd::Trailers(trailers) => self.judge(trailers),
            // An answer that ends without a status is broken off.
            BodyEnd::Complete | BodyEnd::Failed(_) => Verdict::BROKEN,
            BodyEnd::Dropped => Verdict::DROPPED,
        }
    }
}

impl GrpcCall {
    fn judge(self, headers: &HeaderMap) -> Verdict {
        let verdict = match number(headers, STATUS) {
            Some(0 | 3 | 5 | 6 | 7 | 9 | 10 | 11 | 12 | 16) => Verdict::SUCCESS,
            Some(1) => Verdict::NEUTRAL,
            Some(8) => Verdict::THROTTLED,
            _ => Verdict::FAILURE,
        };
        match (number(headers, PUSHBACK), headers.contains_key(PUSHBACK)) {
            (Some(millis), _) => {
                verdict.with_retry_after(Duration::from_millis(millis).min(self.max_pushback))
            }
            // Negative, or no number: "do not retry" (gRFC A6).
            (None, true) => verdict.without_retry(),
            (None, false) => verdict,
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// An answer without body that says UNAVAILABLE, or DEADLINE_EXCEEDED where the deadline has passed; with pushback where
/// the time to come back is known.
pub fn unavailable<B: Default>(rejected: &Rejected) -> Response<B> {
    let mut res = Response::new(B::default());
    let headers = res.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let status = match rejected.kind() {
        Kind::Deadline => "4",
        _ => "14",
    };
    headers.insert(STATUS, HeaderValue::from_static(status));
    // A message that is no valid header value is left out: the status says enough.
    if let Ok(message) = HeaderValue::from_str(&rejected.to_string()) {
        headers.insert("grpc-message", message);
    }
    if let Some(wait) = rejected.retry_after() {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert(PUSHBACK, HeaderValue::from(millis));
    }
    res
}
