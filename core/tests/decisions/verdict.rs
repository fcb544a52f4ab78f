//! Verdict.

use super::{Frames, Recorder, data, grpc_status, reset};
use crate::support::Heard;
use http::{Request, Response};
use http_body_util::BodyExt;
use orlop_core::{
    AtEnd, BodyEnd, Class, Classify, GuardLayer, Head, Origin, Outcome, Sent, Verdict, by_result,
};
use std::{convert::Infallible, error::Error, io, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

#[test]
fn a_verdict_says_class_origin_whether_it_was_sent_and_when_to_come_back() {
    use {Class::*, Origin::*};
    for (verdict, class, origin, sent) in [
        (Verdict::SUCCESS, Success, Remote, Sent::Yes),
        (Verdict::FAILURE, Failure, Remote, Sent::Yes),
        (Verdict::THROTTLED, Throttled, Remote, Sent::Yes),
        (Verdict::BROKEN, Failure, Remote, Sent::Maybe),
        (Verdict::TIMED_OUT, Failure, Remote, Sent::Maybe),
        (Verdict::UNCONNECTED, Failure, Remote, Sent::No),
        (Verdict::REFUSED, Neutral, Local, Sent::No),
        (Verdict::NEUTRAL, Neutral, Local, Sent::Maybe),
        (Verdict::DROPPED, Neutral, Local, Sent::Maybe),
    ] {
        assert_eq!((verdict.class(), verdict.origin(), verdict.sent()), (class, origin, sent));
        assert_eq!((verdict.retry_after(), verdict.may_retry()), (None, true), "{verdict:?}");
        let left = verdict == Verdict::TIMED_OUT || verdict == Verdict::DROPPED;
        assert_eq!(verdict.is_dropped(), left, "{verdict:?}");
        assert_eq!(verdict.is_success(), class == Success);
        assert_eq!(verdict.is_failure(), class == Failure);
    }
    let wait = Duration::from_secs(2);
    assert_eq!(Verdict::THROTTLED.with_retry_after(wait).retry_after(), Some(wait));
    assert_eq!(Verdict::FAILURE.with_sent(Sent::Maybe).sent(), Sent::Maybe);
}

#[test]
fn retryable_is_not_the_same_as_failed() {
    let forbidden = Verdict::FAILURE.without_retry();
    assert!(
        forbidden.is_failure() && !forbidden.may_retry(),
        "a failure that must not be tried again"
    );
    let refused = Verdict::REFUSED;
    assert!(!refused.is_failure(), "no failure");
    assert_eq!(refused.sent(), Sent::No, "and yet safe to try again");
}

/// Counts a wrong answer to a question as failure: it needs both.
#[derive(Clone, Copy)]
struct Doubling;

struct Expects(u32);

impl Classify<u32> for Doubling {
    type Call = Expects;

    fn begin(&self, req: &u32) -> Expects {
        Expects(2 * req)
    }
}

impl Outcome<u32> for Expects {
    type AtEnd = Infallible;

    fn head(self, res: &u32) -> Head<Infallible> {
        Head::Known(if *res == self.0 { Verdict::SUCCESS } else { Verdict::FAILURE })
    }

    fn error(self, _: &(dyn Error + 'static)) -> Verdict {
        Verdict::BROKEN
    }
}

#[tokio::test]
async fn classify_sees_the_request_and_then_the_head() {
    for (answer, verdict) in [(14, Verdict::SUCCESS), (15, Verdict::FAILURE)] {
        let gate = Recorder::new();
        let service = service_fn(move |_: u32| async move { Ok::<_, Infallible>(answer) });
        GuardLayer::new(gate.clone(), Doubling).layer(service).oneshot(7).await.unwrap();
        assert_eq!(gate.ends(), [verdict]);
    }
}

/// Leaves it to the end, and tells by its verdict which end it saw.
#[derive(Clone, Copy)]
struct Ends;

impl<Req: ?Sized> Classify<Req> for Ends {
    type Call = Self;

    fn begin(&self, _: &Req) -> Self {
        *self
    }
}

impl<Res: ?Sized> Outcome<Res> for Ends {
    type AtEnd = Self;

    fn head(self, _: &Res) -> Head<Self> {
        Head::AtEnd(self)
    }

    fn error(self, _: &(dyn Error + 'static)) -> Verdict {
        Verdict::BROKEN
    }
}

impl AtEnd for Ends {
    fn end(self, end: BodyEnd<'_>) -> Verdict {
        let secs = match end {
            BodyEnd::Complete => 1,
            BodyEnd::Trailers(_) => 2,
            BodyEnd::Failed(_) => 3,
            BodyEnd::Dropped => 4,
            other => panic!("no such end is known: {other:?}"),
        };
        Verdict::NEUTRAL.with_retry_after(Duration::from_secs(secs))
    }
}

#[tokio::test]
async fn it_says_now_or_at_the_end_complete_trailers_failed_or_dropped() {
    for (body, secs) in [
        (Frames::ending([data("a")]), 1),
        (Frames::ending([data("a"), grpc_status("0")]), 2),
        (Frames::ending([data("a"), reset()]), 3),
        (Frames::open([data("a")]), 4),
    ] {
        let gate = Recorder::new();
        let mut body = Some(body);
        let service = service_fn(move |_: Request<()>| {
            let res = Response::new(body.take().expect("called once"));
            async { Ok::<_, Infallible>(res) }
        });
        let guarded = GuardLayer::http(gate.clone()).classify(Ends).layer(service);
        let mut res = guarded.oneshot(Request::new(())).await.unwrap();
        assert_eq!(gate.heard()[1], Heard::Head(0, None), "not now");
        if secs != 4 {
            while let Some(Ok(_)) = res.body_mut().frame().await {}
        }
        drop(res);
        assert_eq!(gate.ends()[0].retry_after(), Some(Duration::from_secs(secs)));
    }
}

#[tokio::test]
async fn a_grpc_status_in_trailers_counts() {
    for (code, class) in [("0", Class::Success), ("14", Class::Failure)] {
        let gate = Recorder::new();
        let service = service_fn(move |_: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(Frames::open([data("message"), grpc_status(code)])))
        });
        let guarded = GuardLayer::grpc(gate.clone()).layer(service);
        let mut res = guarded.oneshot(Request::new(())).await.unwrap();
        while gate.ends().is_empty() {
            res.body_mut().frame().await.unwrap().unwrap();
        }
        assert_eq!(gate.ends()[0].class(), class);
    }
}

#[tokio::test]
async fn closures_work() {
    let gate = Recorder::new();
    let classify = by_result(|result: Result<&u32, &(dyn Error + 'static)>| match result {
        Ok(0) => Verdict::THROTTLED,
        Ok(_) => Verdict::SUCCESS,
        Err(_) => Verdict::BROKEN,
    });
    let service = service_fn(async |req: u32| match req {
        9 => Err(io::Error::other("reset")),
        res => Ok(res),
    });
    let guarded = GuardLayer::new(gate.clone(), classify).layer(service);
    for req in [0, 1, 9] {
        let _ = guarded.clone().oneshot(req).await;
    }
    assert_eq!(gate.ends(), [Verdict::THROTTLED, Verdict::SUCCESS, Verdict::BROKEN]);
}

#[tokio::test]
async fn one_classifier_serves_all_gates_behind_one_guard() {
    let (circuit, limit) = (Recorder::new(), Recorder::new());
    let service = service_fn(async |_: ()| Err::<(), _>(io::Error::other("reset")));
    let gates = (circuit.clone(), limit.clone());
    let guarded = GuardLayer::new(gates, orlop_core::AnyError).layer(service);
    guarded.oneshot(()).await.unwrap_err();
    assert_eq!(circuit.heard(), limit.heard());
    assert_eq!(circuit.ends(), [Verdict::BROKEN]);
}
