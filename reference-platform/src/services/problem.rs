//! What a caller is told who does not get what was asked for.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

/// A refusal as JSON: `{"error": "link_expired", "detail": "…"}`, a word for programs and a sentence for people.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    body: ProblemBody,
    /// In seconds.
    retry_after: Option<u32>,
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

    /// 503 with `Retry-After: 0`: this instance cannot answer, another may, so whoever has another should ask it now. What
    /// one instance's gates know says nothing of its peers, and a whole second is longer than a call here may take.
    pub fn unavailable(error: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, error, detail);
        Self { retry_after: Some(0), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
