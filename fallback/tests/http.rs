//! Fallbacks of HTTP and gRPC services.
#![cfg(feature = "grpc")]

use http::{Request, Response, StatusCode};
use orlop_fallback::{
    Cause, Degraded, FallbackFailed, FallbackLayer,
    core::{Class, Kind, Rejected, http::unavailable},
};
use std::{convert::Infallible, future::ready, io, sync::Arc};
use tower::{Layer, ServiceExt, service_fn};

/// A body that is not `Clone`.
#[derive(Debug, Default, PartialEq)]
struct Body(&'static str);

fn answer(status: StatusCode) -> Response<Body> {
    let mut res = Response::new(Body("the service's"));
    *res.status_mut() = status;
    res
}

fn rows(_: (), _: &Cause) -> Response<Body> {
    Response::new(Body("static row"))
}

#[tokio::test]
async fn statuses_decide_and_the_cause_is_in_the_answer() {
    for (status, rescued) in [
        (StatusCode::OK, false),
        (StatusCode::NOT_FOUND, false),
        (StatusCode::BAD_REQUEST, false),
        (StatusCode::TOO_MANY_REQUESTS, true),
        (StatusCode::INTERNAL_SERVER_ERROR, true),
        (StatusCode::SERVICE_UNAVAILABLE, true),
    ] {
        let service = FallbackLayer::from_fn(rows)
            .http()
            .layer(service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(answer(status)))));
        let res = service.oneshot(Request::new(())).await.unwrap();
        let expected = if rescued { "static row" } else { "the service's" };
        assert_eq!(res.body(), &Body(expected), "{status}");
        let degraded = res.extensions().get::<Degraded>();
        assert_eq!(degraded.is_some(), rescued, "{status}: marked if, and only if, rescued");
        if let Some(degraded) = degraded {
            let class = degraded.cause().verdict().class();
            assert!(matches!(class, Class::Failure | Class::Throttled));
        }
    }
}

#[tokio::test]
async fn a_refusal_made_as_a_response_is_answered_for() {
    let service = FallbackLayer::from_fn(rows).http().layer(service_fn(async |_: Request<()>| {
        let rejected = Rejected::new(Kind::Circuit).named("personalization");
        let mut res: Response<Body> = unavailable(&rejected);
        res.extensions_mut().insert(rejected);
        Ok::<_, Infallible>(res)
    }));
    let res = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(res.body(), &Body("static row"));
    let cause = res.extensions().get::<Degraded>().unwrap().cause();
    assert_eq!(cause.refusal().unwrap().name(), Some("personalization"));
}

#[tokio::test]
async fn errors_are_answered_for_with_the_error_in_the_cause() {
    let service = FallbackLayer::from_fn(rows).http().layer(service_fn(async |_: Request<()>| {
        Err::<Response<Body>, _>(io::Error::other("connection reset"))
    }));
    let res = service.oneshot(Request::new(())).await.unwrap();
    let cause = res.extensions().get::<Degraded>().unwrap().cause();
    assert_eq!(cause.error().unwrap().to_string(), "connection reset");
}

#[tokio::test]
async fn a_fallback_that_fails_after_a_failed_answer_is_an_error_that_says_both() {
    let service = FallbackLayer::from_async(async |(), _: Arc<Cause>| {
        Err::<Response<Body>, _>(io::Error::other("no rows"))
    })
    .http()
    .layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(answer(StatusCode::BAD_GATEWAY))));
    let error = service.oneshot(Request::new(())).await.unwrap_err();
    assert_eq!(error.to_string(), "fallback failed: no rows");
    let failed = error.downcast_ref::<FallbackFailed>().unwrap();
    assert_eq!(failed.cause().to_string(), "call failed");
    assert_eq!(failed.cause().verdict().class(), Class::Failure);
}

#[tokio::test]
async fn the_request_itself_may_be_remembered_in_parts() {
    let service = FallbackLayer::from_fn(|path: String, _: &Cause| Response::new(path))
        .http()
        .remember(|req: &Request<Body>| req.uri().path().to_owned())
        .layer(service_fn(async |_: Request<Body>| {
            Err::<Response<String>, _>(io::Error::other("down"))
        }));
    let req = Request::get("/home").body(Body("")).unwrap();
    assert_eq!(service.oneshot(req).await.unwrap().body(), "/home");
}

#[tokio::test]
async fn a_grpc_status_in_the_head_counts() {
    for (status, rescued) in [("0", false), ("5", false), ("14", true), ("8", true)] {
        let service =
            FallbackLayer::from_fn(rows).grpc().layer(service_fn(move |_: Request<()>| {
                let mut res = answer(StatusCode::OK);
                res.headers_mut().insert("grpc-status", status.parse().unwrap());
                ready(Ok::<_, Infallible>(res))
            }));
        let res = service.oneshot(Request::new(())).await.unwrap();
        assert_eq!(res.extensions().get::<Degraded>().is_some(), rescued, "status {status}");
    }
}
