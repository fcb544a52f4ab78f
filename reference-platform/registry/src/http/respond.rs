//! Answers.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;

pub(super) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

pub(super) fn empty(status: StatusCode) -> Answer {
    // Typed although it is empty: clients in the field look at the type before they look at the length.
    answer(status, JSON, Bytes::new())
}

pub(super) fn json(status: StatusCode, document: Vec<u8>) -> Answer {
    answer(status, JSON, document.into())
}

pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Answer {
    answer(status, TEXT, text.into().into())
}

/// 405 with the methods that are allowed.
pub(super) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// 200 if it was there, 404 if not.
pub(super) fn found(was_there: bool) -> Answer {
    empty(if was_there { StatusCode::OK } else { StatusCode::NOT_FOUND })
}

fn answer(status: StatusCode, kind: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
