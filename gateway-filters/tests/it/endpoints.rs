//! What becomes of endpoints' errors.

use std::{io, time::Duration};

use http::{HeaderValue, Response, StatusCode, header};
use orlop_gateway_filters::{
    Body, Category, Endpoints, Filter, FilterMeta, Filters, Gateway, StaticAnswer,
    core::{BoxError, Kind, Rejected},
};
use tower::{ServiceExt, service_fn};

use crate::support::{get, says, send, text};

/// As a client library wraps what its connector returned.
#[derive(Debug)]
struct Wrapped(Rejected);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("client error")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

async fn answer(error: impl Fn() -> BoxError + Clone + Send + Sync + 'static) -> Response<Body> {
    let failing = service_fn(move |_| {
        let error = error();
        async move { Err::<Response<Body>, BoxError>(error) }
    });
    let filters = Filters::builder().build().unwrap();
    send(&Gateway::new(filters, Endpoints::new().fallback(failing)).unwrap(), get("/")).await
}

#[tokio::test]
async fn refusals_are_503_with_the_time_to_come_back() {
    let res = answer(|| {
        let wait = Duration::from_millis(1_200);
        Wrapped(Rejected::new(Kind::Circuit).with_retry_after(wait)).into()
    })
    .await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.headers()[header::RETRY_AFTER], "2", "seconds, rounded up");
    let mark = res.extensions().get::<Rejected>().map(Rejected::kind);
    assert_eq!(mark, Some(Kind::Circuit), "guards further out must know that it was local");
    for kind in [Kind::Limit, Kind::Queue, Kind::NoEndpoints, Kind::AllRefused] {
        let res = answer(move || Rejected::new(kind).into()).await;
        assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE, "{kind:?}");
    }
}

#[tokio::test]
async fn timeouts_are_504_and_anything_else_is_502() {
    let deadline = answer(|| Rejected::new(Kind::Deadline).into()).await;
    assert_eq!(deadline.status(), StatusCode::GATEWAY_TIMEOUT);
    let io = answer(|| io::Error::from(io::ErrorKind::TimedOut).into()).await;
    assert_eq!(io.status(), StatusCode::GATEWAY_TIMEOUT);
    let reset = answer(|| io::Error::from(io::ErrorKind::ConnectionReset).into()).await;
    assert_eq!(reset.status(), StatusCode::BAD_GATEWAY);
    let secret = answer(|| "10.1.2.3 is down".into()).await;
    assert!(!text(secret).await.contains("10.1.2.3"));
}

#[tokio::test(start_paused = true)]
async fn an_elapsed_timeout_of_tokio_is_504() {
    let slow = service_fn(|_| async {
        let never = std::future::pending::<()>();
        tokio::time::timeout(Duration::from_secs(1), never).await?;
        Ok::<_, BoxError>(Response::new(Body::Empty))
    });
    let filters = Filters::builder().build().unwrap();
    let gateway = Gateway::new(filters, Endpoints::new().fallback(slow)).unwrap();
    assert_eq!(send(&gateway, get("/")).await.status(), StatusCode::GATEWAY_TIMEOUT);
}

struct To(&'static str);

impl Filter for To {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("to", Category::Routing)
    }

    fn on_request<'a>(
        &'a self,
        cx: &'a mut orlop_gateway_filters::RequestCx,
        _: &'a mut http::Request<Body>,
    ) -> orlop_gateway_filters::Step<'a> {
        cx.set_endpoint(self.0);
        orlop_gateway_filters::Step::CONTINUE
    }

    fn endpoints(&self) -> Vec<String> {
        vec!["known".into()]
    }
}

#[tokio::test]
async fn endpoints_are_chosen_by_name() {
    let filters = || Filters::builder().filter(To("known")).build().unwrap();
    let bad = Gateway::new(filters(), Endpoints::new().service("other", says("x"))).unwrap_err();
    assert_eq!(bad.to_string(), r#"to.endpoint must be one of ["other"], got known"#);

    let answer = StaticAnswer::new(StatusCode::OK)
        .body(HeaderValue::from_static("text/plain"), "I am here")
        .header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let endpoints = Endpoints::new().answer("known", answer).fallback(says("fallback"));
    let res = send(&Gateway::new(filters(), endpoints.clone()).unwrap(), get("/")).await;
    assert_eq!(res.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(text(res).await, "I am here");

    let unknown = Filters::builder().filter(To("made up")).build().unwrap();
    let res = send(&Gateway::new(unknown, endpoints).unwrap(), get("/")).await;
    assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR, "not the fallback by accident");
}

#[tokio::test]
async fn an_endpoint_that_is_not_ready_is_waited_for_and_one_that_fails_to_be_is_an_error() {
    let unready = says("x").map_err(|never| match never {});
    let limited = tower::util::BoxCloneSyncService::new(unready);
    let filters = Filters::builder().build().unwrap();
    let endpoints = Endpoints::new().fallback::<_, Body>(Unready(limited));
    let res = send(&Gateway::new(filters, endpoints).unwrap(), get("/")).await;
    assert_eq!(res.status(), StatusCode::BAD_GATEWAY);
}

type Boxed = tower::util::BoxCloneSyncService<http::Request<Body>, Response<Body>, BoxError>;

#[derive(Clone)]
struct Unready(Boxed);

impl tower::Service<http::Request<Body>> for Unready {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <Boxed as tower::Service<http::Request<Body>>>::Future;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Err("cannot connect".into()))
    }

    fn call(&mut self, req: http::Request<Body>) -> Self::Future {
        self.0.call(req)
    }
}
