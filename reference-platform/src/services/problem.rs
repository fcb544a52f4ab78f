//! What a caller is told who does not get what was asked for.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

/// A refusal as JSON: `{"error": "link_expired", "detail": "…"}`, a word for programs and a sentence for people.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    body: ProblemBody,
    retry_after: Option<Duration>,
}

/// The body of a [`Problem`], for callers to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// A word for programs.
    pub error: String,
    /// A sentence for people.
    pub detail: String,
}

impl Problem {
    /// A refusal with this status.
    pub fn new(status: StatusCode, error: impl Into<String>, detail: impl Into<String>) -> Self {
        let body = ProblemBody { error: error.into(), detail: detail.into() };
        Self { status, body, retry_after: None }
    }

    /// 503 that says when to come back: in whole seconds, rounded up, at least 1.
    pub fn unavailable(
        error: impl Into<String>,
        detail: impl Into<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        let retry_after = Some(retry_after.unwrap_or_default());
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        response
    }
}
