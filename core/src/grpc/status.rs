use super::code::{
    CANCELLED, DATA_LOSS, DEADLINE_EXCEEDED, INTERNAL, OK, PERMISSION_DENIED, Pushback,
    RESOURCE_EXHAUSTED, UNAUTHENTICATED, UNAVAILABLE, UNIMPLEMENTED, UNKNOWN, bit, code_of,
    known_code,
};
use crate::{
    AtEnd, BodyEnd, Classify, Head, Outcome, Verdict,
    http::{Table, mark_of, retry_after},
    local_verdict,
};
use http::{HeaderMap, Response, StatusCode};
use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

/// Judges a gRPC call by its status, which stands in the trailers, or in the head of an answer that has no body.
///
/// | status | verdict |
/// |---|---|
/// | OK, and all that say the caller erred (invalid argument, not found, ..) | success |
/// | RESOURCE_EXHAUSTED | throttled |
/// | UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, DATA_LOSS; a code that gRPC does not have | failure |
/// | CANCELLED | neutral |
/// | none, and the answer is over | failure, broken off |
/// | none, and an HTTP status other than 2xx | as gRPC maps it, below; [a gateway](Verdict::is_gateway) answered |
///
/// Which codes are failures can be [set](GrpcStatus::failures), and a closure can judge [some of them](GrpcStatus::by).
///
/// An HTTP status counts as [gRPC's table](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md) has it:
/// 400 as INTERNAL, 401 as UNAUTHENTICATED, 403 as PERMISSION_DENIED, 404 as UNIMPLEMENTED, 429, 502, 503 and 504 as
/// UNAVAILABLE, the rest as UNKNOWN. One difference: 429 is throttled, since that is what it says.
///
/// A status in the head that is not OK decides; after an OK there, the trailers still may say otherwise.
///
/// `grpc-retry-pushback-ms` is read as [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md) has it: a
/// number of 32 bits is kept, clamped to [`max_pushback`](GrpcStatus::max_pushback); one that is negative or no number, or
/// more than one of them, forbids a retry. With 429 and 503 of a gateway, `Retry-After` is kept instead, clamped the same
/// way. Errors are judged as [`HttpStatus`](crate::http::HttpStatus) does.
#[derive(Clone, Copy)]
pub struct GrpcStatus<F = Table> {
    overrule: F,
    settings: Settings,
}

/// Judges one call for [`GrpcStatus`].
#[derive(Clone, Copy)]
pub struct GrpcCall<F = Table> {
    overrule: F,
    settings: Settings,
    /// The verdict on an OK in the head, which stands unless the end says otherwise.
    at_head: Option<Verdict>,
}

/// Judges some codes otherwise than the table of [`GrpcStatus`] does, and leaves the rest to it.
///
/// A closure `Fn(u8, &HeaderMap) -> Option<Verdict>` does; [`Table`] overrules nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not judge gRPC codes",
    note = "a closure `|code: u8, metadata: &HeaderMap| -> Option<Verdict>` does; `None` leaves the code to the table"
)]
pub trait OverruleCode {
    /// The verdict on an answer with this code, which stood among these headers or trailers; or `None` for the table's.
    fn overrule(&self, code: u8, metadata: &HeaderMap) -> Option<Verdict>;
}

#[derive(Clone, Copy)]
struct Settings {
    max_pushback: Duration,
    /// Bit by code.
    failures: u32,
}

impl GrpcStatus {
    /// The table above, with pushback up to 5 minutes.
    pub const fn new() -> Self {
        let failures = bit(UNKNOWN)
            | bit(DEADLINE_EXCEEDED)
            | bit(INTERNAL)
            | bit(UNAVAILABLE)
            | bit(DATA_LOSS);
        let settings = Settings { max_pushback: Duration::from_secs(300), failures };
        Self { overrule: Table, settings }
    }

    /// Lets a closure judge before the table does: what it answers with `None` stays the table's.
    ///
    /// It sees the code and the headers or trailers that it stood in; pushback there is kept unless the closure's verdict has a
    /// wait of its own. A code above 16 comes as 2, UNKNOWN, as gRPC has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use orlop_core::{Verdict, grpc::GrpcStatus};
    ///
    /// // This service says NOT_FOUND where its shard is down.
    /// let classify = GrpcStatus::new().by(|code, metadata| match code {
    ///     5 if metadata.contains_key("x-shard-down") => Some(Verdict::FAILURE),
    ///     _ => None,
    /// });
    /// # let _ = classify;
    /// ```
    pub fn by<F>(self, overrule: F) -> GrpcStatus<F>
    where
        F: Fn(u8, &HeaderMap) -> Option<Verdict>,
    {
        GrpcStatus { overrule, settings: self.settings }
    }
}

impl<F> GrpcStatus<F> {
    /// Clamps pushback, which a peer sends. Default: 5 minutes; zero makes every wait zero.
    #[must_use]
    pub const fn max_pushback(mut self, at_most: Duration) -> Self {
        self.settings.max_pushback = at_most;
        self
    }

    /// Replaces the codes that count as failures, as numbers or as a library's `Code`. Of the others CANCELLED stays neutral,
    /// RESOURCE_EXHAUSTED throttled, and the rest is success. A number that is no code means UNKNOWN, as gRPC has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use orlop_core::grpc::GrpcStatus;
    ///
    /// // Only UNAVAILABLE and DEADLINE_EXCEEDED: what the service itself gets wrong is its callers' business.
    /// let classify = GrpcStatus::new().failures([14, 4]);
    /// # let _ = classify;
    /// ```
    #[must_use]
    pub fn failures(mut self, codes: impl IntoIterator<Item: Into<i32>>) -> Self {
        let known = |code: i32| u8::try_from(code).map_or(UNKNOWN, known_code);
        let bits = codes.into_iter().map(|code| bit(known(code.into())));
        self.settings.failures = bits.fold(0, |all, bit| all | bit);
        self
    }
}

impl Default for GrpcStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl<Req: ?Sized, F: Clone> Classify<Req> for GrpcStatus<F> {
    type Call = GrpcCall<F>;

    #[inline]
    fn begin(&self, _: &Req) -> GrpcCall<F> {
        GrpcCall { overrule: self.overrule.clone(), settings: self.settings, at_head: None }
    }
}

impl<B, F: OverruleCode> Outcome<Response<B>> for GrpcCall<F> {
    type AtEnd = Self;

    #[inline]
    fn head(mut self, res: &Response<B>) -> Head<Self> {
        if mark_of(res.extensions()).is_some() {
            return Head::Known(Verdict::NEUTRAL);
        }
        match code_of(res.headers()) {
            None if res.status().is_success() => Head::AtEnd(self),
            // No gRPC server answers so: a proxy on the way does.
            None => Head::Known(self.judge_http(res.status(), res.headers())),
            Some(code) => {
                let verdict = self.judge(code, res.headers());
                if code != OK {
                    return Head::Known(verdict);
                }
                self.at_head = Some(verdict);
                Head::AtEnd(self)
            }
        }
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or(Verdict::BROKEN)
    }
}

impl<F: OverruleCode> AtEnd for GrpcCall<F> {
    fn end(self, end: BodyEnd<'_>) -> Verdict {
        match (end, self.at_head) {
            (BodyEnd::Trailers(trailers), at_head) => match (code_of(trailers), at_head) {
                (Some(code), _) => self.judge(code, trailers),
                (None, Some(verdict)) => verdict,
                (None, None) => Verdict::BROKEN,
            },
            (BodyEnd::Complete | BodyEnd::Dropped, Some(verdict)) => verdict,
            (BodyEnd::Failed(_), Some(verdict)) if !verdict.is_success() => verdict,
            // An answer that ends without a status is broken off.
            (BodyEnd::Complete | BodyEnd::Failed(_), _) => Verdict::BROKEN,
            (BodyEnd::Dropped, None) => Verdict::DROPPED,
        }
    }
}

impl<F: OverruleCode> GrpcCall<F> {
    fn judge(&self, code: u8, metadata: &HeaderMap) -> Verdict {
        let verdict = self.overrule.overrule(code, metadata);
        let verdict = verdict.unwrap_or_else(|| self.settings.verdict(code));
        match Pushback::read(metadata) {
            Some(Pushback::Wait(wait)) if verdict.retry_after().is_none() => {
                verdict.with_retry_after(wait.min(self.settings.max_pushback))
            }
            Some(Pushback::Never) => verdict.without_retry(),
            _ => verdict,
        }
    }

    #[cold]
    fn judge_http(&self, status: StatusCode, headers: &HeaderMap) -> Verdict {
        let code = match status.as_u16() {
            400 => INTERNAL,
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        let verdict = match (self.overrule.overrule(code, headers), status) {
            (Some(verdict), _) => verdict,
            (None, StatusCode::TOO_MANY_REQUESTS) => Verdict::THROTTLED,
            (None, _) => self.settings.verdict(code),
        };
        let advises =
            matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let advice = (advises && verdict.retry_after().is_none())
            .then(|| retry_after(headers, self.settings.max_pushback, SystemTime::now));
        match advice.flatten() {
            Some(wait) => verdict.with_retry_after(wait).with_gateway(),
            None => verdict.with_gateway(),
        }
    }
}

impl Settings {
    #[inline]
    fn verdict(self, code: u8) -> Verdict {
        match code {
            code if self.failures & bit(code) != 0 => Verdict::FAILURE,
            CANCELLED => Verdict::NEUTRAL,
            RESOURCE_EXHAUSTED => Verdict::THROTTLED,
            _ => Verdict::SUCCESS,
        }
    }
}

// ===== impl OverruleCode =====

impl OverruleCode for Table {
    #[inline]
    fn overrule(&self, _: u8, _: &HeaderMap) -> Option<Verdict> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<F> OverruleCode for F
where
    F: Fn(u8, &HeaderMap) -> Option<Verdict>,
{
    #[inline]
    fn overrule(&self, code: u8, metadata: &HeaderMap) -> Option<Verdict> {
        self(code, metadata)
    }
}

// ===== Debug =====

impl<F> fmt::Debug for GrpcStatus<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.write(f.debug_struct("GrpcStatus"))
    }
}

impl<F> fmt::Debug for GrpcCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.write(f.debug_struct("GrpcCall"))
    }
}

impl Settings {
    // By hand, since a closure has no Debug.
    fn write(self, mut to: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        let failures: Vec<u8> =
            (OK..=UNAUTHENTICATED).filter(|&code| self.failures & bit(code) != 0).collect();
        to.field("max_pushback", &self.max_pushback)
            .field("failures", &failures)
            .finish_non_exhaustive()
    }
}
