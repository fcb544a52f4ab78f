use super::{at_end, at_head};
use http::{HeaderMap, Response};
use orlop_core::{
    BodyEnd, Class, Kind, Rejected, Sent, Verdict,
    grpc::{GrpcStatus, unavailable},
};
use std::{io, time::Duration};

fn head(headers: &[(&str, &str)]) -> Response<()> {
    status_and(200, headers)
}

fn status_and(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let mut res = Response::builder().status(status).body(()).unwrap();
    *res.headers_mut() = map(headers);
    res
}

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let pair = |&(name, value): &(&str, &str)| {
        (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
    };
    // `extend` appends, so that a name may come twice.
    let mut all = HeaderMap::new();
    for (name, value) in headers.iter().map(pair) {
        all.append(name, value);
    }
    all
}

/// Whether in the trailers or, without a body, in the head: the same status is worth the same.
fn everywhere(classify: &GrpcStatus, headers: &[(&str, &str)]) -> Verdict {
    let trailers = map(headers);
    let in_trailers = at_end(classify, &head(&[]), BodyEnd::Trailers(&trailers));
    let in_head = at_end(classify, &head(headers), BodyEnd::Complete);
    assert_eq!(in_trailers, in_head, "{headers:?}");
    in_trailers
}

#[test]
fn every_code_is_judged_as_the_table_says() {
    for code in 0..=17 {
        let verdict = everywhere(&GrpcStatus::new(), &[("grpc-status", &code.to_string())]);
        let class = match code {
            1 => Class::Neutral,
            8 => Class::Throttled,
            // Unknown, deadline exceeded, internal, unavailable, data loss; and 17 is no code.
            2 | 4 | 13 | 14 | 15 | 17 => Class::Failure,
            _ => Class::Success,
        };
        assert_eq!((verdict.class(), verdict.is_gateway()), (class, false), "{code}");
    }
    for garbage in ["", "-1", "+0", "0x0", "ok", "256", "99999999999999999999"] {
        let verdict = everywhere(&GrpcStatus::new(), &[("grpc-status", garbage)]);
        assert_eq!(verdict, Verdict::FAILURE, "{garbage:?}: UNKNOWN");
    }
}

#[test]
fn a_failure_in_the_head_decides_and_an_ok_there_leaves_the_last_word_to_the_trailers() {
    let classify = GrpcStatus::new();
    let (ok, down) = (head(&[("grpc-status", "0")]), head(&[("grpc-status", "14")]));
    assert_eq!(at_head(&classify, &down), Some(Verdict::FAILURE));
    assert_eq!(at_head(&classify, &ok), None);
    let trailers = map(&[("grpc-status", "14")]);
    let silent = map(&[("x-checksum", "1")]);
    let broken = io::Error::other("reset");
    for (end, expected) in [
        (BodyEnd::Complete, Verdict::SUCCESS),
        (BodyEnd::Dropped, Verdict::SUCCESS),
        (BodyEnd::Trailers(&silent), Verdict::SUCCESS),
        (BodyEnd::Trailers(&trailers), Verdict::FAILURE),
        (BodyEnd::Failed(&broken), Verdict::BROKEN),
    ] {
        let told = format!("{end:?}");
        assert_eq!(at_end(&classify, &ok, end), expected, "{told}");
    }
    let fine = map(&[("grpc-status", "0")]);
    assert_eq!(
        at_end(&classify, &down, BodyEnd::Trailers(&fine)),
        Verdict::FAILURE,
        "with content"
    );
}

#[test]
fn an_answer_without_status_is_broken_off_unless_nobody_wanted_the_rest() {
    let classify = GrpcStatus::new();
    let trailers = map(&[("x-checksum", "1")]);
    assert_eq!(at_end(&classify, &head(&[]), BodyEnd::Complete), Verdict::BROKEN);
    assert_eq!(at_end(&classify, &head(&[]), BodyEnd::Trailers(&trailers)), Verdict::BROKEN);
    assert_eq!(at_end(&classify, &head(&[]), BodyEnd::Dropped), Verdict::DROPPED);
}

#[test]
fn pushback_is_read_as_grfc_a6_says() {
    let at_most = Duration::from_secs(300);
    for (given, wait, may_retry) in [
        (&["40"][..], Some(Duration::from_millis(40)), true),
        (&["0"], Some(Duration::ZERO), true),
        (&["2147483647"], Some(at_most), true),
        (&["2147483648"], None, false), // more than 32 bits is no number there
        (&["-1"], None, false),
        (&["+1"], None, false),
        (&[""], None, false),
        (&["soon"], None, false),
        (&["40", "40"], None, false), // grpc-go: more than one is an error
        (&[], None, true),
    ] {
        let mut headers = vec![("grpc-status", "14")];
        headers.extend(given.iter().map(|value| ("grpc-retry-pushback-ms", *value)));
        let verdict = everywhere(&GrpcStatus::new(), &headers);
        assert_eq!((verdict.retry_after(), verdict.may_retry()), (wait, may_retry), "{given:?}");
    }
    let short = GrpcStatus::new().max_pushback(Duration::from_millis(5));
    let verdict = everywhere(&short, &[("grpc-status", "8"), ("grpc-retry-pushback-ms", "40")]);
    assert_eq!(verdict.retry_after(), Some(Duration::from_millis(5)));
}

#[test]
fn an_http_status_of_a_proxy_counts_as_grpc_maps_it() {
    for status in (100..=999).filter(|status| !(200..=299).contains(status)) {
        let verdict = at_head(&GrpcStatus::new(), &status_and(status, &[])).expect("decided");
        let class = match status {
            401 | 403 | 404 => Class::Success, // UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED
            429 => Class::Throttled,
            _ => Class::Failure, // INTERNAL, UNAVAILABLE, UNKNOWN
        };
        assert_eq!((verdict.class(), verdict.is_gateway()), (class, true), "{status}");
    }
    let verdict = at_head(&GrpcStatus::new(), &status_and(503, &[("retry-after", "7")])).unwrap();
    assert_eq!(verdict.retry_after(), Some(Duration::from_secs(7)));
    let verdict = at_head(&GrpcStatus::new(), &status_and(502, &[("retry-after", "7")])).unwrap();
    assert_eq!(verdict.retry_after(), None);
    // With a status of its own, it is a gRPC server's answer.
    let verdict = at_head(&GrpcStatus::new(), &status_and(503, &[("grpc-status", "5")])).unwrap();
    assert_eq!(verdict, Verdict::SUCCESS);
}

#[test]
fn the_codes_that_are_failures_can_be_replaced() {
    #[derive(Clone, Copy)]
    enum Code {
        NotFound = 5,
        Unavailable = 14,
    }
    impl From<Code> for i32 {
        fn from(code: Code) -> Self {
            code as Self
        }
    }
    let classify = GrpcStatus::new().failures([Code::NotFound, Code::Unavailable]);
    let class = |code| everywhere(&classify, &[("grpc-status", code)]).class();
    assert_eq!(class("5"), Class::Failure);
    assert_eq!(class("14"), Class::Failure);
    assert_eq!(class("13"), Class::Success, "no more");
    assert_eq!(class("8"), Class::Throttled, "as it was");
    assert_eq!(class("1"), Class::Neutral, "as it was");
    assert_eq!(class("99"), Class::Success, "UNKNOWN, which is not listed");

    let classify = GrpcStatus::new().failures([1, 8, -7]);
    let class = |code| everywhere(&classify, &[("grpc-status", code)]).class();
    assert_eq!([class("1"), class("8"), class("2")], [Class::Failure; 3], "no code is UNKNOWN");
    let none = GrpcStatus::new().failures([] as [i32; 0]);
    assert_eq!(everywhere(&none, &[("grpc-status", "14")]), Verdict::SUCCESS);
}

#[test]
fn a_closure_judges_some_codes_and_the_table_the_rest() {
    let classify = GrpcStatus::new().by(|code, metadata| match code {
        5 if metadata.contains_key("x-shard-down") => Some(Verdict::FAILURE),
        2 => Some(Verdict::NEUTRAL),
        14 => Some(Verdict::FAILURE.with_retry_after(Duration::from_secs(1))),
        _ => None,
    });
    let judge =
        |headers: &[(&str, &str)]| at_end(&classify, &head(&[]), BodyEnd::Trailers(&map(headers)));
    assert_eq!(judge(&[("grpc-status", "5"), ("x-shard-down", "1")]), Verdict::FAILURE);
    assert_eq!(judge(&[("grpc-status", "5")]), Verdict::SUCCESS);
    assert_eq!(judge(&[("grpc-status", "77")]), Verdict::NEUTRAL, "UNKNOWN");
    assert_eq!(judge(&[("grpc-status", "8")]), Verdict::THROTTLED);
    let wait = |headers: &[(&str, &str)]| judge(headers).retry_after();
    let pushback = ("grpc-retry-pushback-ms", "40");
    assert_eq!(wait(&[("grpc-status", "14"), pushback]), Some(Duration::from_secs(1)), "its own");
    assert_eq!(wait(&[("grpc-status", "2"), pushback]), Some(Duration::from_millis(40)), "kept");
}

#[test]
fn a_refusal_reads_as_the_same_wait_and_is_marked_by_nothing_but_its_extension() {
    let rejected = |wait| Rejected::new(Kind::Circuit).with_retry_after(wait);
    for (wait, read) in [
        (Duration::from_millis(1_200), Duration::from_millis(1_200)),
        (Duration::from_micros(1), Duration::from_millis(1)), // nobody comes too early
        (Duration::MAX, Duration::from_secs(300)),            // within 32 bits, then clamped
    ] {
        let mut res = unavailable::<()>(&rejected(wait));
        let verdict = at_head(&GrpcStatus::new(), &res).unwrap();
        assert_eq!((verdict.class(), verdict.sent()), (Class::Failure, Sent::Yes));
        assert_eq!((verdict.retry_after(), verdict.may_retry()), (Some(read), true), "{wait:?}");
        res.extensions_mut().insert(rejected(wait));
        assert_eq!(at_head(&GrpcStatus::new(), &res), Some(Verdict::NEUTRAL));
    }
    let late = unavailable::<()>(&Rejected::new(Kind::Deadline));
    assert_eq!(late.headers()["grpc-status"], "4");
}
