//! Errors.

use super::Recorder;
use http::{Request, Response};
use http_body_util::Empty;
use orlop_core::{
    AsError, BoxError, GuardLayer, Kind, OnReject, Refused, Rejected, Typed, Verdict, by_result,
    grpc,
    http::{Respond, RespondBoxed, unavailable},
};
use std::{
    convert::Infallible,
    error::Error,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};

type Res = Response<Empty<bytes::Bytes>>;

#[tokio::test]
async fn classifiers_see_the_error_itself_whatever_it_is_converted_to() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let classify = by_result(move |result: Result<&(), &(dyn Error + 'static)>| {
        // Of its own type, not of the box or the enum around it.
        let kind = result.unwrap_err().downcast_ref::<io::Error>().map(io::Error::kind);
        note.lock().unwrap().push(kind);
        Verdict::BROKEN
    });
    let service = service_fn(async |_: ()| Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut)));
    let layer = GuardLayer::new((), classify);
    layer.clone().layer(service).oneshot(()).await.unwrap_err();
    let refused = layer.typed().layer(service).oneshot(()).await.unwrap_err();
    assert!(matches!(refused, Refused::Inner(_)));
    assert_eq!(*seen.lock().unwrap(), [Some(io::ErrorKind::TimedOut); 2]);
}

#[test]
fn as_error_is_the_default_and_boxes_both_refusals_and_errors() {
    let refused = OnReject::<(), io::Error>::reject(&AsError, Rejected::new(Kind::Limit));
    assert!(refused.unwrap_err().is::<Rejected>());
    let error = OnReject::<(), io::Error>::error(&AsError, io::Error::other("reset"));
    assert!(error.is::<io::Error>());
}

#[test]
fn typed_keeps_both_types() {
    let refused =
        OnReject::<(), io::Error>::reject(&Typed, Rejected::new(Kind::Limit)).unwrap_err();
    assert!(matches!(&refused, Refused::Rejected(rejected) if rejected.kind() == Kind::Limit));
    assert!(Rejected::find(&refused).is_some(), "and the chain still leads to it");
    let error = OnReject::<(), io::Error>::error(&Typed, io::Error::other("reset"));
    assert_eq!(error.source().unwrap().to_string(), "reset");
}

#[tokio::test]
async fn respond_turns_the_refusal_into_a_response_and_leaves_the_services_error_as_it_was() {
    let gate = Recorder::new();
    gate.refuse(Kind::Limit);
    let axum_like = service_fn(async |_: Request<()>| Ok::<Res, Infallible>(Response::default()));
    let tonic_like = service_fn(async |_: Request<()>| Ok::<Res, BoxError>(Response::default()));
    let layer = GuardLayer::http(gate.clone());
    let res: Result<_, Infallible> =
        layer.clone().respond(unavailable).layer(axum_like).oneshot(Request::new(())).await;
    assert_eq!(res.unwrap().status(), 503);
    let layer = GuardLayer::grpc(gate);
    let res: Result<_, BoxError> =
        layer.respond_boxed(grpc::unavailable).layer(tonic_like).oneshot(Request::new(())).await;
    assert_eq!(res.unwrap().headers()["grpc-status"], "14");
}

#[test]
fn every_response_to_a_refusal_is_marked_with_it() {
    fn mark<R: OnReject<Res, E>, E>(on_reject: &R) -> Option<Kind> {
        let res = on_reject.reject(Rejected::new(Kind::Queue)).ok()?;
        res.extensions().get::<Rejected>().map(Rejected::kind)
    }
    let plain = |_: &Rejected| Res::default();
    assert_eq!(mark::<_, io::Error>(&Respond::new(plain)), Some(Kind::Queue));
    assert_eq!(mark::<_, BoxError>(&RespondBoxed::new(plain)), Some(Kind::Queue));
}

#[test]
fn provided_answers_are_503_429_and_504_with_retry_after_and_unavailable_with_pushback() {
    let wait = Duration::from_millis(1_200);
    for (kind, status, code) in [
        (Kind::Circuit, 503, "14"),
        (Kind::Limit, 503, "14"),
        (Kind::Queue, 503, "14"),
        (Kind::NoEndpoints, 503, "14"),
        (Kind::AllRefused, 503, "14"),
        (Kind::Throttle, 429, "14"),
        (Kind::RateLimit, 429, "14"),
        (Kind::Deadline, 504, "4"),
    ] {
        let rejected = Rejected::new(kind).with_retry_after(wait);
        let res: Res = unavailable(&rejected);
        assert_eq!(
            (res.status().as_u16(), &res.headers()["retry-after"]),
            (status, &"2".parse().unwrap())
        );
        let res: Res = grpc::unavailable(&rejected);
        assert_eq!(res.headers()["grpc-status"], code);
        assert_eq!(res.headers()["grpc-retry-pushback-ms"], "1200");
        let silent: Res = unavailable(&Rejected::new(kind));
        assert!(!silent.headers().contains_key("retry-after"), "what is not known is not said");
    }
}
