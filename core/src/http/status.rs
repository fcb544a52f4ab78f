use super::retry_after;
use crate::{Classify, Head, Outcome, Rejected, Verdict, local_verdict};
use http::{Extensions, HeaderMap, Response, StatusCode};
use std::{
    convert::Infallible,
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

/// Judges an HTTP call by its status.
///
/// | answer | verdict |
/// |---|---|
/// | 502, 504 | failure of a [gateway](Verdict::is_gateway) |
/// | 503 | failure of a gateway, `Retry-After` is kept |
/// | other 5xx | failure, or with [`gateway_only`](HttpStatus::gateway_only) success |
/// | 429 | throttled, `Retry-After` is kept |
/// | other | success, unless the body then fails |
/// | error | failure, perhaps sent |
/// | error marked [`NotSent`](crate::NotSent) | failure, not sent |
/// | refusal of this process, as error or as response | neutral |
///
/// `Retry-After` is read in both its forms, seconds and a date, and clamped to
/// [`max_retry_after`](HttpStatus::max_retry_after). For a date the wall clock is read, unless the answer says with `Date` what
/// time it is over there: see [`retry_after()`].
///
/// A closure can judge some answers and leave the rest to the table: [`by`](HttpStatus::by).
#[derive(Clone, Copy)]
pub struct HttpStatus<F = Table> {
    overrule: F,
    settings: Settings,
}

/// Judges one call for [`HttpStatus`].
#[derive(Clone, Copy)]
pub struct HttpCall<F = Table> {
    overrule: F,
    settings: Settings,
}

/// Judges some answers otherwise than the table of [`HttpStatus`] does, and leaves the rest to it.
///
/// A closure `Fn(StatusCode, &HeaderMap) -> Option<Verdict>` does; [`Table`] overrules nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not judge HTTP statuses",
    note = "a closure `|status: StatusCode, headers: &HeaderMap| -> Option<Verdict>` does; `None` leaves the answer to the table"
)]
pub trait Overrule {
    /// The verdict on an answer with this status and these headers, or `None` for the table's.
    fn overrule(&self, status: StatusCode, headers: &HeaderMap) -> Option<Verdict>;
}

/// The table alone decides: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table;

#[derive(Clone, Copy)]
struct Settings {
    max_retry_after: Duration,
    gateway_only: bool,
}

impl HttpStatus {
    /// The table above, with `Retry-After` up to 5 minutes.
    pub const fn new() -> Self {
        let settings = Settings { max_retry_after: Duration::from_secs(300), gateway_only: false };
        Self { overrule: Table, settings }
    }

    /// Lets a closure judge before the table does: what it answers with `None` stays the table's.
    ///
    /// It sees answers of the other side only, neither errors nor refusals of this process. A closure that captures nothing is
    /// a `fn` too, and then the type has a name: `HttpStatus<fn(StatusCode, &HeaderMap) -> Option<Verdict>>`. A wait that it
    /// takes from the headers it clamps itself: [`retry_after()`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use orlop_core::{Verdict, http::HttpStatus};
    ///
    /// // Behind this proxy a 404 means that it has lost the service.
    /// let classify = HttpStatus::new().by(|status, headers| match status {
    ///     StatusCode::NOT_FOUND if !headers.contains_key("x-app") => Some(Verdict::FAILURE),
    ///     _ => None,
    /// });
    /// # let _ = classify;
    /// ```
    pub fn by<F>(self, overrule: F) -> HttpStatus<F>
    where
        F: Fn(StatusCode, &HeaderMap) -> Option<Verdict>,
    {
        HttpStatus { overrule, settings: self.settings }
    }
}

impl<F> HttpStatus<F> {
    /// Clamps `Retry-After`, which a peer sends. Default: 5 minutes; zero makes every wait zero.
    #[must_use]
    pub const fn max_retry_after(mut self, at_most: Duration) -> Self {
        self.settings.max_retry_after = at_most;
        self
    }

    /// Counts as failures only errors and the answers 502, 503 and 504, which a gateway gives when it cannot have the service:
    /// a 500 or 501 is an answer like any other.
    ///
    /// For circuits that guard the way to a service whose own faults are its callers' business.
    #[must_use]
    pub const fn gateway_only(mut self) -> Self {
        self.settings.gateway_only = true;
        self
    }
}

impl Default for HttpStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl<Req: ?Sized, F: Clone> Classify<Req> for HttpStatus<F> {
    type Call = HttpCall<F>;

    #[inline]
    fn begin(&self, _: &Req) -> HttpCall<F> {
        HttpCall { overrule: self.overrule.clone(), settings: self.settings }
    }
}

impl<B, F: Overrule> Outcome<Response<B>> for HttpCall<F> {
    type AtEnd = Infallible;

    #[inline]
    fn head(self, res: &Response<B>) -> Head<Infallible> {
        // Any status may be that of a refusal. Where there are no extensions, this is one look at a null pointer.
        if mark_of(res.extensions()).is_some() {
            return Head::Known(Verdict::NEUTRAL);
        }
        let status = res.status();
        if let Some(verdict) = self.overrule.overrule(status, res.headers()) {
            return Head::Known(verdict);
        }
        // 429 is the lowest that is not a plain answer.
        Head::Known(if status.as_u16() < 429 {
            Verdict::SUCCESS
        } else {
            self.settings.judge(status, res.headers())
        })
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or(Verdict::BROKEN)
    }
}

impl Settings {
    #[cold]
    fn judge(self, status: StatusCode, headers: &HeaderMap) -> Verdict {
        match status {
            StatusCode::TOO_MANY_REQUESTS => self.advised(Verdict::THROTTLED, headers),
            StatusCode::SERVICE_UNAVAILABLE => self.advised(GATEWAY, headers),
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => GATEWAY,
            status if status.is_server_error() && !self.gateway_only => Verdict::FAILURE,
            _ => Verdict::SUCCESS,
        }
    }

    fn advised(self, verdict: Verdict, headers: &HeaderMap) -> Verdict {
        match retry_after(headers, self.max_retry_after, SystemTime::now) {
            Some(wait) => verdict.with_retry_after(wait),
            None => verdict,
        }
    }
}

/// What a gateway says that cannot have the service.
const GATEWAY: Verdict = Verdict::FAILURE.with_gateway();

/// The refusal that a response stands for, if this process made it in place of a call.
#[inline]
pub(crate) fn mark_of(extensions: &Extensions) -> Option<&Rejected> {
    extensions.get()
}

// ===== impl Overrule =====

impl Overrule for Table {
    #[inline]
    fn overrule(&self, _: StatusCode, _: &HeaderMap) -> Option<Verdict> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<F> Overrule for F
where
    F: Fn(StatusCode, &HeaderMap) -> Option<Verdict>,
{
    #[inline]
    fn overrule(&self, status: StatusCode, headers: &HeaderMap) -> Option<Verdict> {
        self(status, headers)
    }
}

// ===== Debug =====

impl<F> fmt::Debug for HttpStatus<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.write(f.debug_struct("HttpStatus"))
    }
}

impl<F> fmt::Debug for HttpCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.write(f.debug_struct("HttpCall"))
    }
}

impl Settings {
    // By hand, since a closure has no Debug.
    fn write(self, mut to: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        to.field("max_retry_after", &self.max_retry_after)
            .field("gateway_only", &self.gateway_only)
            .finish_non_exhaustive()
    }
}
