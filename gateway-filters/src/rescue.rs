//! What a caller is told when the endpoint fails.

use std::{error::Error, io};

use http::{Response, StatusCode};
use orlop_core::{Rejected, http::unavailable};

use crate::{Body, answer::plain};

/// The response for an endpoint's error.
///
/// A refusal of this process is what core makes of it: 503 (429 for a rate limit or a throttle, 504 for a deadline) with
/// the time to come back, and the mark by which guards further out know it. Another timeout is 504; anything else is the
/// endpoint's failure: 502. The error's text stays here: it may name hosts.
pub(crate) fn response(error: &(dyn Error + 'static)) -> Response<Body> {
    if let Some(rejected) = Rejected::find(error) {
        let mut res = unavailable(rejected);
        res.extensions_mut().insert(rejected.clone());
        return res;
    }
    if is_timeout(error) {
        return plain(StatusCode::GATEWAY_TIMEOUT, "no answer in time");
    }
    plain(StatusCode::BAD_GATEWAY, "no valid answer")
}

/// Whether a timeout is anywhere in the chain of sources.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    error.is::<tokio::time::error::Elapsed>()
        || io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        || error.source().is_some_and(is_timeout)
}
