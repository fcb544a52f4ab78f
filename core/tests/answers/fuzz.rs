//! Arbitrary bytes, as a hostile peer or a broken file would send them: nothing panics, and what is read keeps its bounds.
//!
//! Each `fuzz_*` is the body of a fuzz target. Here they run over seeded inputs, raw ones and ones that are nearly right; a failure
//! prints its seed and the smallest input that fails, and is kept under `proptest-regressions`.

use super::{at_end, at_head};
use http::{HeaderMap, HeaderValue, Response};
use orlop_core::{
    BodyEnd, Class,
    grpc::GrpcStatus,
    http::{Deadline, HttpStatus, retry_after},
};
use proptest::{prelude::*, strategy::ValueTree};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

const AT_MOST: Duration = Duration::from_secs(300);

/// One header from the first half of the input, one from the second.
fn halves(input: &[u8]) -> Option<(HeaderValue, HeaderValue)> {
    let (one, two) = input.split_at(input.len() / 2);
    Some((HeaderValue::from_bytes(one).ok()?, HeaderValue::from_bytes(two).ok()?))
}

fn fuzz_retry_after(input: &[u8]) {
    let Some((one, two)) = halves(input) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", one);
    headers.insert("date", two);
    for clock in [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1 << 31)] {
        let read = |at_most| retry_after(&headers, at_most, || clock);
        let wait = read(AT_MOST);
        assert!(wait.is_none_or(|wait| wait <= AT_MOST), "{wait:?} is above the clamp");
        assert_eq!(read(Duration::MAX).map(|wait| wait.min(AT_MOST)), wait, "only clamped");
    }
    for status in [200, 429, 503] {
        let mut res = Response::builder().status(status).body(()).unwrap();
        *res.headers_mut() = headers.clone();
        let wait = at_head(&HttpStatus::new(), &res).unwrap().retry_after();
        assert!(wait.is_none_or(|wait| wait <= AT_MOST && status != 200), "{status}: {wait:?}");
    }
}

fn fuzz_grpc(input: &[u8]) {
    let Some((one, two)) = halves(input) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", one.clone());
    headers.insert("grpc-retry-pushback-ms", two);
    let verdict = at_end(&GrpcStatus::new(), &Response::new(()), BodyEnd::Trailers(&headers));
    assert!(verdict.retry_after().is_none_or(|wait| wait <= AT_MOST), "{verdict:?}");
    assert!(verdict.retry_after().is_some() == verdict.may_retry(), "a wait, or no retry at all");
    let ok = one.as_bytes().iter().all(u8::is_ascii_digit);
    assert!(ok || verdict.class() == Class::Failure, "what is no number is UNKNOWN: {verdict:?}");
    let mut res = Response::new(());
    *res.headers_mut() = headers;
    assert_eq!(at_end(&GrpcStatus::new(), &res, BodyEnd::Complete), verdict, "wherever it stands");
}

fn fuzz_deadline(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(Deadline::HEADER, value);
    let now = Instant::now();
    match Deadline::read(&headers, AT_MOST, now) {
        Ok(Some(at)) => assert!(at >= now && at <= now + AT_MOST, "clamped"),
        Ok(None) => panic!("a deadline that is there is read or refused"),
        Err(error) => assert!(error.to_string().contains("whole number of milliseconds")),
    }
}

#[cfg(feature = "serde")]
fn fuzz_body_time(input: &[u8]) {
    use orlop_core::http::BodyTime;
    let Ok(time) = serde_json::from_slice::<BodyTime>(input) else { return };
    let (ms, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
    assert!(time.idle_time().is_none_or(|idle| idle >= ms && idle <= day), "{time:?}");
    assert!(time.total_time().is_none_or(|total| total >= ms && total <= 30 * day), "{time:?}");
    let written = serde_json::to_vec(&time).unwrap();
    assert_eq!(
        serde_json::from_slice::<BodyTime>(&written).unwrap(),
        time,
        "it reads what it wrote"
    );
}

/// Bytes that are nearly what is expected: pieces of it, put together at random.
fn nearly(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => proptest::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn raw() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..96)
}

const DATES: &[&str] = &[
    "Sun, ",
    "Sunday, ",
    "Sun ",
    "06 ",
    "31 ",
    "00 ",
    "Nov ",
    "Feb ",
    "6 ",
    " ",
    "1994 ",
    "0000 ",
    "9999 ",
    "08:49:37",
    "23:59:60",
    " GMT",
    "06-Nov-94 ",
    "Sun, 06 Nov 1994 08:49:37 GMT",
];
const NUMBERS: &[&str] = &["0", "1", "14", "8", "-", "+", "2147483647", " ", ".", "e"];
const SETTINGS: &[&str] = &[
    "{",
    "}",
    "\"idle\":",
    "\"total\":",
    "\"30s\"",
    "\"1ms\"",
    "\"0s\"",
    "\"1d\"",
    "\"31d\"",
    ",",
    "null",
    "\"",
    "{\"idle\":\"2s\",\"total\":\"1h\"}",
];

/// The two halves of an input whose length nobody knows: two dates as they are.
fn two_dates() -> impl Strategy<Value = Vec<u8>> {
    let date = |secs: u64| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
    // Until the end of the year 9999, the last that the format can hold.
    (0..253_402_300_800_u64, 0..253_402_300_800_u64)
        .prop_map(move |(one, two)| [date(one), date(two)].concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn retry_after_of_any_bytes_stays_within_its_clamp(
        input in prop_oneof![raw(), nearly(DATES), nearly(NUMBERS), two_dates()],
    ) {
        fuzz_retry_after(&input);
    }

    #[test]
    fn grpc_metadata_of_any_bytes_stays_within_its_clamp(input in prop_oneof![raw(), nearly(NUMBERS)]) {
        fuzz_grpc(&input);
    }

    #[test]
    fn a_deadline_of_any_bytes_is_clamped_or_refused(input in prop_oneof![raw(), nearly(NUMBERS)]) {
        fuzz_deadline(&input);
    }
}

#[cfg(feature = "serde")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn settings_of_any_bytes_are_in_range_or_refused(input in prop_oneof![raw(), nearly(SETTINGS)]) {
        fuzz_body_time(&input);
    }
}

#[test]
fn the_inputs_reach_the_code_behind_the_first_check() {
    // Of the inputs above, some must be read, or the fuzz bodies prove nothing.
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
    assert!(retry_after(&headers, AT_MOST, SystemTime::now).is_some());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let read = (0..200)
        .filter(|_| {
            let input = two_dates().new_tree(&mut runner).unwrap().current();
            let (one, _) = halves(&input).unwrap();
            headers.insert("retry-after", one);
            retry_after(&headers, AT_MOST, SystemTime::now).is_some()
        })
        .count();
    assert_eq!(read, 200, "dates of the full length are all read");
}
