use crate::{Classify, Head, Outcome, Rejected, Verdict, local_verdict};
use http::{Extensions, HeaderMap, Response, StatusCode, header};
use std::{convert::Infallible, error::Error, time::Duration};

/// Judges an HTTP call by its status.
///
/// | answer | verdict |
/// |---|---|
/// | 5xx | failure; with 503, `Retry-After` is kept |
/// | 429 | throttled, `Retry-After` is kept |
/// | other | success, unless the body then fails |
/// | error | failure, perhaps sent |
/// | error marked [`NotSent`](crate::NotSent) | failure, not sent |
/// | refusal of this process, as error or as response | neutral |
///
/// `Retry-After` is read in whole seconds and clamped to [`max_retry_after`](HttpStatus::max_retry_after); the form
/// with a date is ignored.
#[derive(Clone, Copy, Debug)]
pub struct HttpStatus {
    max_retry_after: Duration,
}

/// Judges one call for [`HttpStatus`].
#[derive(Clone, Copy, Debug)]
pub struct HttpCall {
    max_retry_after: Duration,
}

impl HttpStatus {
    /// The table above, with `Retry-After` up to 5 minutes.
    pub const fn new() -> Self {
        Self { max_retry_after: Duration::from_secs(300) }
    }

    /// Clamps `Retry-After`, which a peer sends. Default: 5 minutes.
    #[must_use]
    pub const fn max_retry_after(mut self, at_most: Duration) -> Self {
        self.max_retry_after = at_most;
        self
    }
}

impl Default for HttpStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl<Req: ?Sized> Classify<Req> for HttpStatus {
    type Call = HttpCall;

    fn begin(&self, _: &Req) -> HttpCall {
        HttpCall { max_retry_after: self.max_retry_after }
    }
}

impl<B> Outcome<Response<B>> for HttpCall {
    type AtEnd = Infallible;

    fn head(self, res: &Response<B>) -> Head<Infallible> {
        Head::Known(match (res.status(), mark_of(res.extensions())) {
            (_, Some(_)) => Verdict::NEUTRAL,
            (StatusCode::TOO_MANY_REQUESTS, _) => {
                self.with_retry_after(Verdict::THROTTLED, res.headers())
            }
            (StatusCode::SERVICE_UNAVAILABLE, _) => {
                self.with_retry_after(Verdict::FAILURE, res.headers())
            }
            (status, _) if status.is_server_error() => Verdict::FAILURE,
            _ => Verdict::SUCCESS,
        })
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or(Verdict::BROKEN)
    }
}

impl HttpCall {
    fn with_retry_after(self, verdict: Verdict, headers: &HeaderMap) -> Verdict {
        let seconds = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse::<u64>().ok());
        match seconds {
            Some(seconds) => {
                verdict.with_retry_after(Duration::from_secs(seconds).min(self.max_retry_after))
            }
            None => verdict,
        }
    }
}

/// The refusal that a response stands for, if this process made it in place of a call.
pub(crate) fn mark_of(extensions: &Extensions) -> Option<&Rejected> {
    extensions.get()
}
