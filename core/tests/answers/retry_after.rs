use http::{HeaderMap, HeaderValue};
use orlop_core::http::retry_after;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const AT_MOST: Duration = Duration::from_secs(3_600);
/// Sun, 06 Nov 1994 08:49:37 GMT: the moment of RFC 9110's examples.
const NOW: Duration = Duration::from_secs(784_111_777);

fn read(header: &str) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", header.parse().unwrap());
    retry_after(&headers, AT_MOST, || UNIX_EPOCH + NOW)
}

fn never() -> SystemTime {
    panic!("the wall clock must not be read")
}

#[test]
fn seconds_are_a_wait() {
    assert_eq!(read("0"), Some(Duration::ZERO));
    assert_eq!(read("120"), Some(Duration::from_secs(120)));
    assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
}

#[test]
fn a_date_in_any_of_the_three_formats_of_rfc_9110_is_a_wait() {
    for date in [
        "Sun, 06 Nov 1994 08:51:37 GMT",
        "Sunday, 06-Nov-94 08:51:37 GMT",
        "Sun Nov  6 08:51:37 1994",
    ] {
        assert_eq!(read(date), Some(Duration::from_secs(120)), "{date}");
    }
}

#[test]
fn a_date_that_has_passed_is_no_wait() {
    assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO), "just now");
    assert_eq!(read("Sun, 06 Nov 1994 08:49:36 GMT"), Some(Duration::ZERO));
    assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
}

#[test]
fn both_forms_are_clamped() {
    assert_eq!(read("3601"), Some(AT_MOST));
    assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(AT_MOST));
    assert_eq!(
        read("99999999999999999999999999"),
        Some(AT_MOST),
        "too many seconds are many seconds"
    );
}

#[test]
fn what_is_neither_form_is_ignored() {
    for garbage in [
        "",
        "-1",
        "+1",
        "1.5",
        "0x10",
        "soon",
        "1 minute",
        "Sun, 06 Nov 1994",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "1994-11-06T08:49:37Z",
    ] {
        assert_eq!(read(garbage), None, "{garbage:?}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(retry_after(&headers, AT_MOST, never), None);
    assert_eq!(retry_after(&HeaderMap::new(), AT_MOST, never), None);
}

#[test]
fn the_wall_clock_is_read_for_a_date_alone_and_only_if_the_peer_does_not_tell_its_own() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", HeaderValue::from_static("5"));
    assert_eq!(retry_after(&headers, AT_MOST, never), Some(Duration::from_secs(5)));

    // Ten minutes fast or slow: a peer's clock does not change what it means by its own date.
    headers.insert("retry-after", HeaderValue::from_static("Sun, 06 Nov 1994 08:59:47 GMT"));
    headers.insert("date", HeaderValue::from_static("Sun, 06 Nov 1994 08:59:37 GMT"));
    assert_eq!(retry_after(&headers, AT_MOST, never), Some(Duration::from_secs(10)));

    headers.insert("date", HeaderValue::from_static("noon"));
    let wait = retry_after(&headers, AT_MOST, || UNIX_EPOCH + NOW);
    assert_eq!(wait, Some(Duration::from_secs(610)), "a Date that is none does not count");
}
