use super::at_head;
use http::{HeaderMap, Response, StatusCode};
use orlop_core::{
    Class, Classify, Kind, NotSent, Origin, Outcome, Rejected, Sent, Verdict,
    http::{HttpStatus, retry_after},
};
use std::{
    io,
    time::{Duration, SystemTime},
};

fn answer(status: u16) -> Response<()> {
    Response::builder().status(status).body(()).unwrap()
}

fn advising(status: u16, header: &str) -> Response<()> {
    Response::builder().status(status).header("retry-after", header).body(()).unwrap()
}

#[test]
fn every_status_is_judged_as_the_table_says() {
    let classify = HttpStatus::new();
    for status in 100..=999 {
        let verdict = at_head(&classify, &answer(status)).expect("the head decides");
        let (class, gateway) = match status {
            502..=504 => (Class::Failure, true),
            500..=599 => (Class::Failure, false),
            429 => (Class::Throttled, false),
            _ => (Class::Success, false),
        };
        assert_eq!((verdict.class(), verdict.is_gateway()), (class, gateway), "{status}");
        assert_eq!((verdict.origin(), verdict.sent()), (Origin::Remote, Sent::Yes), "{status}");
    }
}

#[test]
fn with_gateway_only_the_services_own_faults_are_answers() {
    let classify = HttpStatus::new().gateway_only();
    for status in 100..=999 {
        let class = match status {
            502..=504 => Class::Failure,
            429 => Class::Throttled,
            _ => Class::Success,
        };
        assert_eq!(at_head(&classify, &answer(status)).unwrap().class(), class, "{status}");
    }
    let call = Classify::<()>::begin(&classify, &());
    let reset = io::Error::other("reset");
    assert_eq!(Outcome::<Response<()>>::error(call, &reset), Verdict::BROKEN, "errors count");
}

#[test]
fn advice_is_kept_with_429_and_503_in_both_forms_and_with_nothing_else() {
    let classify = HttpStatus::new();
    let wait = |res: &Response<()>| at_head(&classify, res).unwrap().retry_after();
    for status in [429, 503] {
        assert_eq!(wait(&advising(status, "7")), Some(Duration::from_secs(7)), "{status}");
        let past = advising(status, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(&past), Some(Duration::ZERO), "{status}");
        let far = advising(status, "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(wait(&far), Some(Duration::from_secs(300)), "{status}: clamped");
    }
    for status in [200, 301, 404, 500, 502] {
        assert_eq!(wait(&advising(status, "7")), None, "{status}");
    }
    let short = HttpStatus::new().max_retry_after(Duration::from_secs(2));
    let wait = at_head(&short, &advising(503, "7")).unwrap().retry_after();
    assert_eq!(wait, Some(Duration::from_secs(2)));
}

#[test]
fn a_closure_judges_some_statuses_and_the_table_the_rest() {
    let classify = HttpStatus::new().by(|status, headers| match status {
        StatusCode::NOT_FOUND => Some(Verdict::FAILURE),
        StatusCode::OK if headers.contains_key("x-stale") => Some(Verdict::THROTTLED),
        StatusCode::INTERNAL_SERVER_ERROR => Some(Verdict::SUCCESS),
        StatusCode::CONFLICT => retry_after(headers, Duration::from_secs(1), SystemTime::now)
            .map(|wait| Verdict::THROTTLED.with_retry_after(wait)),
        _ => None,
    });
    let class = |res: &Response<()>| at_head(&classify, res).unwrap().class();
    assert_eq!(class(&answer(404)), Class::Failure);
    assert_eq!(class(&answer(500)), Class::Success);
    assert_eq!(class(&answer(200)), Class::Success);
    assert_eq!(class(&answer(503)), Class::Failure, "the table's");
    assert_eq!(class(&advising(409, "3")), Class::Throttled);
    let stale = Response::builder().header("x-stale", "1").body(()).unwrap();
    assert_eq!(class(&stale), Class::Throttled);
}

#[test]
fn settings_survive_the_closure_and_a_closure_without_captures_has_a_name() {
    type Judge = fn(StatusCode, &HeaderMap) -> Option<Verdict>;
    struct Client {
        classify: HttpStatus<Judge>,
    }
    let max = Duration::from_secs(2);
    let client =
        Client { classify: HttpStatus::new().max_retry_after(max).gateway_only().by(|_, _| None) };
    assert_eq!(at_head(&client.classify, &advising(503, "9")).unwrap().retry_after(), Some(max));
    assert_eq!(at_head(&client.classify, &answer(500)), Some(Verdict::SUCCESS));
}

#[test]
fn a_refusal_of_this_process_is_neutral_whatever_its_status_and_no_closure_sees_it() {
    let classify = HttpStatus::new().by(|_, _| panic!("not an answer of the other side"));
    for status in [200, 429, 503] {
        let mut res = answer(status);
        res.extensions_mut().insert(Rejected::new(Kind::Limit));
        for verdict in [at_head(&HttpStatus::new(), &res), at_head(&classify, &res)] {
            assert_eq!(verdict, Some(Verdict::NEUTRAL), "{status}");
        }
    }
}

#[test]
fn an_answer_with_other_extensions_is_an_answer() {
    let mut res = answer(200);
    res.extensions_mut().insert("a connection's own note");
    assert_eq!(at_head(&HttpStatus::new(), &res), Some(Verdict::SUCCESS));
}

#[test]
fn errors_say_whether_anything_was_sent() {
    let error = |error: &(dyn std::error::Error + 'static)| {
        Outcome::<Response<()>>::error(Classify::<()>::begin(&HttpStatus::new(), &()), error)
    };
    assert_eq!(error(&io::Error::other("reset")), Verdict::BROKEN);
    assert_eq!(error(&NotSent::new(None, "connection refused")), Verdict::UNCONNECTED);
    assert_eq!(error(&Rejected::new(Kind::Queue)), Verdict::NEUTRAL);
}

#[test]
fn a_verdict_says_that_a_gateway_answered_and_nothing_else_of_it_changes() {
    const GATEWAY: Verdict = Verdict::FAILURE.with_gateway();
    assert!(GATEWAY.is_gateway() && GATEWAY.is_failure());
    assert_ne!(GATEWAY, Verdict::FAILURE);
    for plain in [Verdict::SUCCESS, Verdict::BROKEN, Verdict::TIMED_OUT, Verdict::UNCONNECTED] {
        assert!(!plain.is_gateway(), "{plain:?}");
    }
}
