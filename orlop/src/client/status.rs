//! Errors of this side as gRPC statuses.

use crate::{Body, Cause};
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::Body as HttpBody;
use orlop_core::{BoxError, NotSent, Rejected, grpc};
use orlop_retry::TimedOut;
use std::error::Error;

/// A stub takes an error that it does not know for `UNKNOWN`, so those we know become what they are.
pub(super) fn as_status<B>(
    result: Result<Response<B>, BoxError>,
) -> Result<Response<Body>, BoxError>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    match result {
        Ok(response) => Ok(response.map(Body::new)),
        Err(error) => status(&*error).ok_or(error),
    }
}

const UNAVAILABLE: &str = "14";
const DEADLINE_EXCEEDED: &str = "4";

fn status(error: &(dyn Error + 'static)) -> Option<Response<Body>> {
    let mut response = if let Some(rejected) = Rejected::find(error) {
        let mut response = grpc::unavailable(rejected);
        // The mark by which guards further out know that no server said so.
        response.extensions_mut().insert(rejected.clone());
        response
    } else if chain(error).any(|error| error.is::<TimedOut>()) {
        trailers_only(DEADLINE_EXCEEDED)
    } else if NotSent::is_in(error) {
        trailers_only(UNAVAILABLE)
    } else {
        return None;
    };
    if let Some(cause) = Cause::of(error) {
        response.extensions_mut().insert(cause);
    }
    if let Ok(message) = HeaderValue::from_str(&message(error)) {
        response.headers_mut().insert("grpc-message", message);
    }
    Some(response)
}

fn trailers_only(code: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(code));
    response
}

/// All levels of the error. `%` begins an escape in a message.
fn message(error: &(dyn Error + 'static)) -> String {
    let levels: Vec<_> = chain(error).map(ToString::to_string).collect();
    levels.join(": ").replace('%', "%25")
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
