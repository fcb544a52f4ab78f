//! Reading what was sent, within limits.

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::respond::{self, Answer};
use crate::settings::Settings;

/// The bytes of a JSON document, or the answer to one that cannot be taken.
pub(super) async fn document<B>(
    headers: &HeaderMap,
    body: B,
    settings: &Settings,
) -> Result<Bytes, Answer>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let header = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let unsupported = |text: &str| respond::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    if header(CONTENT_TYPE).is_some_and(|kind| !kind.contains("json")) {
        return Err(unsupported("this registry reads application/json only"));
    }
    if header(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(unsupported("this registry reads documents that are not compressed"));
    }
    let limited = Limited::new(body, settings.max_body).collect();
    match timeout(settings.body_timeout, limited).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(respond::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a document must be within {} bytes", settings.max_body),
        )),
        Ok(Err(_)) => Err(respond::text(StatusCode::BAD_REQUEST, "the document broke off")),
        Err(_) => Err(respond::text(StatusCode::REQUEST_TIMEOUT, "the document took too long")),
    }
}
