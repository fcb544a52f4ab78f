use crate::{CallContext, Lens, LensMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use std::{error::Error, fmt, time::Duration};
use tokio::time::Instant;

/// The call's context is an extension of the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromExtensions;

impl<B> Lens<Request<B>> for FromExtensions {
    fn get<'a>(&self, req: &'a Request<B>) -> Option<&'a CallContext> {
        req.extensions().get()
    }
}

impl<B> LensMut<Request<B>> for FromExtensions {
    fn set(&self, req: &mut Request<B>, context: CallContext) {
        req.extensions_mut().insert(context);
    }
}

/// The header that carries a call's deadline from process to process, as the time that is left.
///
/// Clocks of two machines differ; durations do not. The value is a whole number of milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Deadline;

/// A deadline header that is no whole number of milliseconds.
#[derive(Debug)]
pub struct InvalidDeadline {
    given: HeaderValue,
}

impl Deadline {
    /// The header's name.
    pub const HEADER: HeaderName = HeaderName::from_static("orlop-deadline-ms");

    /// Writes the time left until `deadline`, 0 if it has passed.
    pub fn write(headers: &mut HeaderMap, deadline: Instant, now: Instant) {
        let left = deadline.saturating_duration_since(now).as_millis();
        headers.insert(Self::HEADER, u64::try_from(left).unwrap_or(u64::MAX).into());
    }

    /// Reads the deadline, clamped to `at_most` from now, since a peer sent it.
    ///
    /// # Errors
    ///
    /// If the header is there but no whole number of milliseconds.
    pub fn read(
        headers: &HeaderMap,
        at_most: Duration,
        now: Instant,
    ) -> Result<Option<Instant>, InvalidDeadline> {
        let Some(value) = headers.get(Self::HEADER) else {
            return Ok(None);
        };
        let left = value
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| InvalidDeadline { given: value.clone() })?;
        Ok(now.checked_add(Duration::from_millis(left).min(at_most)))
    }
}

impl fmt::Display for InvalidDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} must be a whole number of milliseconds within 0..={}, got {:?}",
            Deadline::HEADER,
            u64::MAX,
            self.given
        )
    }
}

impl Error for InvalidDeadline {}
