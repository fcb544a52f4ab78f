//! Retries and deadlines of HTTP calls.
#![cfg(feature = "grpc")]

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use orlop_retry::{
    DeadlineLayer, Policy, ReadDeadlineLayer, RetryLayer, Settings, TimedOut, WriteDeadlineLayer,
    core::{
        BoxError, CallContext, Kind, Rejected,
        http::{Deadline, unavailable},
    },
};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

type Body = Full<Bytes>;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn policy() -> Policy {
    Policy::seeded(Settings::default().with_backoff(Duration::ZERO, Duration::ZERO), 1)
}

fn request(method: Method) -> Request<Body> {
    Request::builder().method(method).body(Full::from("the body")).unwrap()
}

/// Reads the request, counts it, and answers with the status.
fn server<B>(
    status: StatusCode,
) -> (
    impl Service<Request<B>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone,
    Arc<AtomicUsize>,
)
where
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |req: Request<B>| {
        let calls = Arc::clone(&counted);
        async move {
            let body = req.into_body().collect().await.map_err(Into::into)?;
            assert_eq!(body.to_bytes(), "the body", "each attempt sends it whole");
            calls.fetch_add(1, SeqCst);
            let mut res = Response::new(Full::from("answer"));
            *res.status_mut() = status;
            Ok(res)
        }
    });
    (service, calls)
}

#[tokio::test(start_paused = true)]
async fn methods_decide_what_may_be_repeated() {
    let table = [
        (Method::GET, 3),
        (Method::HEAD, 3),
        (Method::PUT, 3),
        (Method::DELETE, 3),
        (Method::OPTIONS, 3),
        (Method::TRACE, 3),
        (Method::POST, 1),
        (Method::PATCH, 1),
        (Method::CONNECT, 1),
    ];
    for (method, expected) in table {
        let (server, calls) = server(StatusCode::BAD_GATEWAY);
        let service = RetryLayer::http(policy()).layer(server);
        let res = service.oneshot(request(method.clone())).await.unwrap();
        assert_eq!(res.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(calls.load(SeqCst), expected, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_context_of_a_call_overrides_its_method() {
    let (server, calls) = server(StatusCode::BAD_GATEWAY);
    let service = RetryLayer::http(policy()).layer(server);
    let mut post = request(Method::POST);
    post.extensions_mut().insert(CallContext::new().idempotent(true));
    service.clone().oneshot(post).await.unwrap();
    assert_eq!(calls.load(SeqCst), 3);
    let mut get = request(Method::GET);
    get.extensions_mut().insert(CallContext::new().without_retry());
    service.oneshot(get).await.unwrap();
    assert_eq!(calls.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_got_wrong_is_not_retried() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::OK] {
        let (server, calls) = server(status);
        RetryLayer::http(policy()).layer(server).oneshot(request(Method::GET)).await.unwrap();
        assert_eq!(calls.load(SeqCst), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_as_a_response_is_proof_for_its_own_attempt_only() {
    for (own, expected) in [(true, 2), (false, 1)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let server = service_fn(move |req: Request<_>| {
            let first = counted.fetch_add(1, SeqCst) == 0;
            let context = req.extensions().get::<CallContext>().unwrap().clone();
            let _: Request<orlop_retry::ReplayBody<Body>> = req;
            async move {
                let mut res: Response<Body> = unavailable(&Rejected::new(Kind::Limit));
                if first {
                    let stamp = context.attempt_id().filter(|_| own);
                    res.extensions_mut().insert(Rejected::new(Kind::Limit).stamped(stamp));
                } else {
                    *res.status_mut() = StatusCode::OK;
                }
                Ok::<_, Infallible>(res)
            }
        });
        let service = RetryLayer::http(policy()).layer(server);
        let res = service.oneshot(request(Method::POST)).await.unwrap();
        assert_eq!(calls.load(SeqCst), expected);
        assert_eq!(res.status().is_success(), own);
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_calls_are_retried_where_they_say_so_and_the_head_has_the_status() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = service_fn(move |_: Request<orlop_retry::ReplayBody<Body>>| {
        counted.fetch_add(1, SeqCst);
        let res = Response::builder().header("grpc-status", "14").body(Body::default()).unwrap();
        async move { Ok::<_, Infallible>(res) }
    });
    let service = RetryLayer::grpc(policy()).layer(server);
    service.clone().oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(calls.load(SeqCst), 1, "a gRPC call is a POST");
    let mut req = request(Method::POST);
    req.extensions_mut().insert(CallContext::new().idempotent(true));
    service.oneshot(req).await.unwrap();
    assert_eq!(calls.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn the_time_left_travels_with_each_attempt() {
    let client = Settings::default()
        .with_backoff(Duration::ZERO, Duration::ZERO)
        .with_timeout(ms(1000))
        .with_attempt_timeout(ms(300));
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let server = ServiceBuilder::new().layer(ReadDeadlineLayer::new(ms(250))).service(service_fn(
        move |req: Request<_>| {
            let left: u64 = req.headers()[Deadline::HEADER].to_str().unwrap().parse().unwrap();
            let deadline = req.extensions().get::<CallContext>().unwrap().deadline().unwrap();
            sender.send((left, deadline - Instant::now())).unwrap();
            let _: Request<orlop_retry::ReplayBody<Body>> = req;
            std::future::pending::<Result<Response<Body>, Infallible>>()
        },
    ));
    let service = ServiceBuilder::new()
        .layer(RetryLayer::http(Policy::seeded(client, 1)))
        .layer(WriteDeadlineLayer)
        .service(server);
    let started = Instant::now();
    service.oneshot(request(Method::GET)).await.unwrap_err();
    assert!(started.elapsed() >= ms(900) && started.elapsed() <= ms(903), "three attempts");
    for _ in 0..3 {
        let (left, deadline) = received.recv().await.unwrap();
        assert!((299..=300).contains(&left), "{left} ms, the attempt's");
        assert_eq!(deadline, ms(250), "clamped by the server");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_too_late_is_refused_before_it_costs_anything() {
    let (server, calls) = server::<Body>(StatusCode::OK);
    let mut late = request(Method::GET);
    late.headers_mut().insert(Deadline::HEADER, "0".parse().unwrap());
    let service = ReadDeadlineLayer::new(ms(1000)).layer(server);
    let error = service.clone().oneshot(late).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).unwrap().kind(), Kind::Deadline);
    assert_eq!(calls.load(SeqCst), 0);

    // As a response, the service's error stays as it was.
    let mut late = request(Method::GET);
    late.headers_mut().insert(Deadline::HEADER, "0".parse().unwrap());
    let answers =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let service = ReadDeadlineLayer::new(ms(1000)).respond(unavailable::<Body>).layer(answers);
    let res: Result<_, Infallible> = service.oneshot(late).await;
    assert_eq!(res.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_missing_or_wrong_is_none() {
    let (server, calls) = server::<Body>(StatusCode::OK);
    let service = ReadDeadlineLayer::new(ms(1000)).layer(server);
    service.clone().oneshot(request(Method::GET)).await.unwrap();
    let mut odd = request(Method::GET);
    odd.headers_mut().insert(Deadline::HEADER, "soon".parse().unwrap());
    service.oneshot(odd).await.unwrap();
    assert_eq!(calls.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_alone_is_set_for_those_below_and_kept() {
    let inner = service_fn(async |req: Request<Body>| {
        let deadline = req.extensions().get::<CallContext>().unwrap().deadline().unwrap();
        assert_eq!(deadline - Instant::now(), ms(100));
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    });
    let service = DeadlineLayer::http(ms(100)).layer(inner);
    let started = Instant::now();
    let error = service.oneshot(request(Method::POST)).await.unwrap_err();
    assert!(error.is::<TimedOut>());
    assert!(started.elapsed() >= ms(100) && started.elapsed() <= ms(101));
}
