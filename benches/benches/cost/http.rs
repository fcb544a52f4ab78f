//! HTTP: a response with a body of one frame, read to its end.

use crate::{drive::drive, drive::now, gates};
use ::http::{Request, Response};
use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use orlop_benches::{Path, Row, Run};
use orlop_breaker::BreakerLayer;
use orlop_core::GuardLayer;
use std::{
    future::{Ready, poll_fn, ready},
    io,
    pin::pin,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Answers any request with the same few bytes.
#[derive(Clone, Copy, Debug)]
pub struct Download;

/// What comes back.
pub const FRAME: &[u8] = b"00:00:01.000";

impl<B> Service<Request<B>> for Download {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(FRAME)))))
    }
}

/// Sends GETs without a body, and reads what comes back.
pub fn downloads<S, Sent, B>(service: S, body: fn() -> Sent) -> Run
where
    S: Service<Request<Sent>, Response = Response<B>> + Send + 'static,
    Sent: 'static,
    B: Body<Data = Bytes>,
{
    drive(service, move |_| Request::new(body()), |_, result| result.is_ok_and(is_whole))
}

/// Whether all of it came.
pub fn is_whole<B: Body<Data = Bytes>>(response: Response<B>) -> bool {
    let (mut body, mut read) = (pin!(response.into_body()), 0);
    while !body.is_end_stream() {
        match now(poll_fn(|cx| body.as_mut().poll_frame(cx))) {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return false,
            None => break,
        }
    }
    read == FRAME.len()
}

/// The service alone.
pub const BARE: &str = "http: bare service";

pub fn rows() -> Vec<Row> {
    let bare = Row::new(BARE, || Path::shared(|| downloads(Download, || ())));
    let mut rows = vec![bare];
    rows.extend(guarded().into_iter().map(|row| row.above(BARE)));
    rows
}

fn guarded() -> Vec<Row> {
    vec![
        Row::new("http guard: circuit, over at the head", || {
            let circuit = gates::consecutive();
            let check = gates::admitted(&circuit);
            let service = BreakerLayer::http(circuit).until_head().layer(Download);
            Path::shared(move || downloads(service.clone(), || ())).checked(check)
        }),
        Row::new("http guard: circuit, over at the body's end", || {
            let circuit = gates::consecutive();
            let check = gates::admitted(&circuit);
            let service = BreakerLayer::http(circuit).layer(Download);
            Path::shared(move || downloads(service.clone(), || ())).checked(check)
        }),
        Row::new("http guard: (circuit, limit), body's end", || {
            let (circuit, limit) = gates::pair();
            let check = gates::both(&circuit, &limit);
            let service = GuardLayer::http((circuit, limit)).layer(Download);
            Path::shared(move || downloads(service.clone(), || ())).checked(check)
        }),
    ]
}
