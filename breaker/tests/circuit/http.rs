//! Circuits over HTTP: status, body, response in place of an error.

use crate::support::{calls, consecutive, pass, secs};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use orlop_breaker::{BreakerLayer, Circuit, State, core};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, ServiceExt, service_fn};

/// One frame, and then nothing, or an error.
struct Stream {
    frames: u32,
    breaks: bool,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.frames > 0 {
            self.frames -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"frame")))));
        }
        if self.breaks {
            Poll::Ready(Some(Err(std::io::Error::other("broken off"))))
        } else {
            Poll::Pending
        }
    }
}

fn request() -> Request<()> {
    Request::new(())
}

fn status(status: u16) -> Response<Empty<Bytes>> {
    let mut res = Response::new(Empty::new());
    *res.status_mut() = StatusCode::from_u16(status).unwrap();
    res
}

#[tokio::test(start_paused = true)]
async fn server_errors_open_and_client_errors_do_not() {
    let circuit = Circuit::new(consecutive(2));
    let service = BreakerLayer::http(circuit.clone())
        .layer(service_fn(async |req: Request<u16>| Ok::<_, Infallible>(status(*req.body()))));
    for answer in [500, 404, 503, 400, 429, 429, 429, 200] {
        service.clone().oneshot(Request::new(answer)).await.unwrap();
        assert_eq!(circuit.state(), State::Closed, "after {answer}");
    }
    for _ in 0..2 {
        service.clone().oneshot(Request::new(503)).await.unwrap();
    }
    assert_eq!(circuit.state(), State::Open, "503 twice, though nobody polled the bodies");
}

#[tokio::test(start_paused = true)]
async fn a_streaming_probe_closes_at_its_head() {
    let circuit = Circuit::new(consecutive(1));
    let service = BreakerLayer::http(circuit.clone()).layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Stream { frames: 1, breaks: false }))
    }));
    calls(&circuit, "F");
    pass(secs(5)).await;
    let _streaming = service.oneshot(request()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_a_failure() {
    let circuit = Circuit::new(consecutive(1));
    let service = BreakerLayer::http(circuit.clone()).layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Stream { frames: 1, breaks: true }))
    }));
    let res = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    res.into_body().collect().await.map(|_| ()).unwrap_err();
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_body_keeps_the_verdict_of_its_head() {
    let circuit = Circuit::new(consecutive(1));
    let service = BreakerLayer::http(circuit.clone()).layer(service_fn(async |_: Request<()>| {
        let mut res = Response::new(Stream { frames: 1, breaks: false });
        *res.status_mut() = StatusCode::BAD_GATEWAY;
        Ok::<_, Infallible>(res)
    }));
    drop(service.oneshot(request()).await.unwrap());
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_can_be_a_response_and_is_no_failure_to_a_circuit_further_out() {
    let (outer, inner) = (Circuit::new(consecutive(1)), Circuit::new(consecutive(1)).named("in"));
    let service = BreakerLayer::http(outer.clone()).respond(core::http::unavailable).layer(
        BreakerLayer::http(inner.clone())
            .respond(core::http::unavailable)
            .layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(status(200)))),
    );
    calls(&inner, "F");
    pass(secs(1)).await;
    let res = service.oneshot(request()).await.unwrap();
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.headers()["retry-after"], "4");
    assert_eq!(outer.state(), State::Closed);
}

#[cfg(feature = "grpc")]
#[tokio::test(start_paused = true)]
async fn a_grpc_status_in_trailers_counts() {
    use http::HeaderMap;
    use http_body_util::Full;

    let circuit = Circuit::new(consecutive(1));
    let service = BreakerLayer::grpc(circuit.clone()).layer(service_fn(async |_: Request<()>| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("14"));
        let body = Full::new(Bytes::from_static(b"message"))
            .with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
        Ok::<_, Infallible>(Response::new(body))
    }));
    let res = service.oneshot(request()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed, "the head does not decide");
    res.into_body().collect().await.unwrap();
    assert_eq!(circuit.state(), State::Open, "UNAVAILABLE");
}
