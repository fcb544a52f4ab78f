use http::{HeaderMap, HeaderName, header};
use std::time::{Duration, SystemTime};

/// How long the peer asks to wait with `Retry-After`, clamped to `at_most`, since a peer sent it.
///
/// Both forms of RFC 9110, section 10.2.3, are read: whole seconds, and a date. What is neither is ignored; a date that has
/// passed is no wait at all. A date is a time on the peer's clock, so it is compared with the peer's own `Date` where the answer
/// has one, and then the clocks of the two machines need not agree; where it has none, `wall_clock` is asked. That is the one
/// place where this crate looks at a wall clock, and it is passed in: [`HttpStatus`](super::HttpStatus) passes the system's.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use orlop_core::http::retry_after;
/// use std::time::{Duration, SystemTime};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT".parse()?);
/// headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse()?);
/// let wait = retry_after(&headers, Duration::from_secs(300), SystemTime::now);
/// assert_eq!(wait, Some(Duration::from_secs(10)));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn retry_after(
    headers: &HeaderMap,
    at_most: Duration,
    wall_clock: impl FnOnce() -> SystemTime,
) -> Option<Duration> {
    let text = text_of(headers, header::RETRY_AFTER)?;
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are many seconds, not garbage.
        text.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        let then = httpdate::parse_http_date(text).ok()?;
        let said_at = text_of(headers, header::DATE)
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .unwrap_or_else(wall_clock);
        then.duration_since(said_at).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(at_most))
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
