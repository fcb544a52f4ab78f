//! Compression.

use std::{
    convert::Infallible,
    io::Read,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, read::GzDecoder};
use http::{HeaderMap, Method, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Channel};
use orlop_gateway_filters::{Body, Endpoints, Gateway, Gzip, core::BoxError};
use proptest::prelude::*;
use tower::service_fn;

use crate::support::{Frames, behind, data, send};

fn accepting(method: Method) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/")
        .header(header::ACCEPT_ENCODING, "br, gzip;q=0.8")
        .body(Body::Empty)
        .unwrap()
}

/// A gateway whose endpoint answers with these headers and this body.
fn gateway(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Fn() -> Body + Clone + Send + Sync + 'static,
) -> Gateway {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let endpoint = service_fn(move |_| {
        let mut res = Response::builder().status(status);
        for (name, value) in &headers {
            res = res.header(name, value);
        }
        let res = res.body(body()).unwrap();
        async move { Ok::<_, Infallible>(res) }
    });
    behind(Gzip::new().min_size(10), Endpoints::new().fallback(endpoint))
}

fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

const JSON: (&str, &str) = ("content-type", "Application/JSON; charset=utf-8");
const LONG: &str = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789";

#[tokio::test]
async fn round_trip_with_the_headers_that_go_with_it() {
    let headers = [
        JSON,
        ("content-length", "76"),
        ("etag", "\"v1\""),
        ("accept-ranges", "bytes"),
        ("vary", "origin"),
    ];
    let gateway = gateway(200, &headers, || LONG.into());
    let res = send(&gateway, accepting(Method::GET)).await;
    assert_eq!(res.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(res.headers()[header::ETAG], "W/\"v1\"");
    assert!(!res.headers().contains_key(header::CONTENT_LENGTH));
    assert!(!res.headers().contains_key(header::ACCEPT_RANGES));
    let vary: Vec<_> = res.headers().get_all(header::VARY).iter().collect();
    assert_eq!(vary, ["origin", "accept-encoding"]);
    let zipped = res.into_body().collect().await.unwrap().to_bytes();
    assert!(zipped.len() < LONG.len());
    assert_eq!(unzip(&zipped), LONG.as_bytes());

    let plain = send(&gateway, Request::get("/").body(Body::Empty).unwrap()).await;
    assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    assert_eq!(plain.headers().get_all(header::VARY).iter().count(), 2, "caches must know");
    assert_eq!(plain.into_body().collect().await.unwrap().to_bytes(), LONG);
}

#[tokio::test]
async fn leaves_alone_what_it_must() {
    let cases: &[(&str, u16, Method, &[(&str, &str)], &'static str)] = &[
        ("small", 200, Method::GET, &[JSON], "tiny"),
        ("empty", 200, Method::GET, &[JSON], ""),
        ("no type", 200, Method::GET, &[], LONG),
        ("other type", 200, Method::GET, &[("content-type", "image/png")], LONG),
        ("encoded", 200, Method::GET, &[JSON, ("content-encoding", "br")], LONG),
        ("no-transform", 200, Method::GET, &[JSON, ("cache-control", "a, No-Transform")], LONG),
        ("head", 200, Method::HEAD, &[JSON], LONG),
        ("part", 206, Method::GET, &[JSON, ("content-range", "bytes 0-9/99")], LONG),
        ("no content", 204, Method::GET, &[JSON], LONG),
        ("not modified", 304, Method::GET, &[JSON], LONG),
    ];
    for (name, status, method, headers, body) in cases {
        let body = *body;
        let gateway = gateway(*status, headers, move || body.into());
        let res = send(&gateway, accepting(method.clone())).await;
        let encoding = res.headers().get(header::CONTENT_ENCODING);
        assert!(encoding.is_none_or(|value| value == "br"), "{name}");
        assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), body, "{name}");
    }
}

#[tokio::test]
async fn every_frame_of_a_stream_can_be_read_when_it_comes() {
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(4);
    let body = Arc::new(Mutex::new(Some(Body::new(body))));
    let gateway = gateway(200, &[JSON], move || body.lock().unwrap().take().unwrap());
    let mut body = send(&gateway, accepting(Method::GET)).await.into_body();
    let mut inflate = Decompress::new(false);
    let (mut zipped, mut plain) = (Vec::new(), Vec::with_capacity(4096));
    for event in ["data: first\n\n", "data: second\n\n", "data: third\n\n"] {
        sender.send_data(Bytes::from_static(event.as_bytes())).await.unwrap();
        plain.clear();
        // The endpoint sends nothing more: what is there has to be enough.
        loop {
            let mut next = tokio_test::task::spawn(body.frame());
            let std::task::Poll::Ready(frame) = next.poll() else { break };
            zipped.extend(frame.unwrap().unwrap().into_data().unwrap());
        }
        let skip = if inflate.total_in() == 0 { 10 } else { 0 }; // the gzip header
        inflate.decompress_vec(&zipped[skip..], &mut plain, FlushDecompress::Sync).unwrap();
        zipped.clear();
        assert_eq!(plain, event.as_bytes());
    }
}

#[tokio::test]
async fn trailers_follow_the_last_byte() {
    let frames = || {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        Body::new(Frames(vec![data(LONG), data(LONG), Some(Ok(Frame::trailers(trailers)))]))
    };
    let gateway = gateway(200, &[JSON], frames);
    let res = send(&gateway, accepting(Method::GET)).await;
    let all = res.into_body().collect().await.unwrap();
    assert_eq!(all.trailers().unwrap()["x-sum"], "7");
    assert_eq!(unzip(&all.to_bytes()), [LONG, LONG].concat().as_bytes());
}

#[tokio::test]
async fn a_stream_that_is_cut_off_stays_cut_off() {
    let gateway =
        gateway(200, &[JSON], || Body::new(Frames(vec![data(LONG), Some(Err("reset".into()))])));
    let mut body = send(&gateway, accepting(Method::GET)).await.into_body();
    let mut zipped = Vec::new();
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => zipped.extend(frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "reset");
    assert!(GzDecoder::new(&zipped[..]).read_to_end(&mut Vec::new()).is_err(), "no false end");
    assert!(body.frame().await.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_frames_come_back(
        frames in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..90_000), 0..6),
        level in 1u32..=9,
    ) {
        let expected = frames.concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let endpoint = service_fn(move |_| {
            let frames = frames.iter().map(|bytes| Some(Ok(Frame::data(Bytes::copy_from_slice(bytes)))));
            let res = Response::builder().header("content-type", "text/x");
            let res = res.body(Frames(frames.collect())).unwrap();
            async move { Ok::<_, Infallible>(res) }
        });
        let gateway = behind(Gzip::new().level(level), Endpoints::new().fallback(endpoint));
        let zipped = runtime.block_on(async {
            let res = send(&gateway, accepting(Method::GET)).await;
            res.into_body().collect().await.unwrap().to_bytes()
        });
        prop_assert_eq!(unzip(&zipped), expected);
    }
}
