use super::code::{PUSHBACK, STATUS};
use crate::{Kind, Rejected};
use http::{HeaderValue, Response, header};

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
        // Rounded up, so that nobody comes too early; and within 32 bits, since more would read as "do not retry".
        let millis = i32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        headers.insert(PUSHBACK, HeaderValue::from(millis));
    }
    res
}
