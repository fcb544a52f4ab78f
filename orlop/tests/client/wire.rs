//! What goes over the wire: real loopback sockets, both versions of HTTP.

use crate::support::{get, in_flight, post, serve, settings, text};
use axum::{Router, body::Body as AxumBody, routing};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, Version, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use orlop::{
    Body, BoxError, Client, Endpoint,
    connect::{self, Http},
    discovery,
};
use tokio::sync::mpsc;

async fn client(http: Http, app: Router) -> Client {
    let endpoint = Endpoint::builder("a", serve(app).await).authority("titles.example").build();
    orlop::client("titles")
        .settings(settings(Some(20_000), None))
        .discover(discovery::fixed([endpoint]))
        .connect(connect::hyper(http))
        .build()
        .unwrap()
}

/// Answers with what it was sent: version, URI, and some headers.
async fn tell(req: Request<AxumBody>) -> String {
    let header = |name| req.headers().get(name).map_or("none", |v| v.to_str().unwrap());
    format!(
        "{:?} {} host={} length={} encoding={}",
        req.version(),
        req.uri(),
        req.uri().authority().map_or(header(header::HOST), |authority| authority.as_str()),
        header(header::CONTENT_LENGTH),
        header(header::TRANSFER_ENCODING),
    )
}

#[tokio::test]
async fn bodies_that_are_whole_go_with_their_length_and_none_is_none() {
    let client = client(Http::One, Router::new().fallback(tell)).await;
    let told = text(client.send(get("/t?x=1")).await.unwrap()).await;
    assert_eq!(told, "HTTP/1.1 /t?x=1 host=titles.example length=none encoding=none");
    let told = text(client.send(post("/t", "12345")).await.unwrap()).await;
    assert_eq!(told, "HTTP/1.1 /t host=titles.example length=5 encoding=none");
    let frames = stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from("12345")))]);
    let streamed = Body::new(StreamBody::new(frames));
    let told = text(client.send(post("/t", streamed)).await.unwrap()).await;
    assert_eq!(told, "HTTP/1.1 /t host=titles.example length=none encoding=chunked");
}

#[tokio::test]
async fn the_endpoints_authority_replaces_what_the_request_came_with() {
    for (http, version) in
        [(Http::One, "HTTP/1.1 /t"), (Http::Two, "HTTP/2.0 http://titles.example/t")]
    {
        let client = client(http, Router::new().fallback(tell)).await;
        // As a gateway passes a request on: absolute, with the host that its caller named.
        let mut req = get("https://front.example/t");
        req.headers_mut().insert(header::HOST, "front.example".parse().unwrap());
        *req.version_mut() = Version::HTTP_10;
        let told = text(client.send(req).await.unwrap()).await;
        assert!(told.starts_with(&format!("{version} host=titles.example ")), "{told}");
    }
}

#[tokio::test]
async fn request_and_response_stream_at_once() {
    let echo = async |body: AxumBody| Response::new(body);
    for http in [Http::One, Http::Two] {
        let client = client(http, Router::new().route("/echo", routing::post(echo))).await;
        let (to, from) = mpsc::unbounded_channel::<&'static str>();
        let frames = stream::unfold(from, async |mut from| {
            let bytes = Bytes::from(from.recv().await?);
            Some((Ok::<_, BoxError>(Frame::data(bytes)), from))
        });
        let res = client.send(post("/echo", Body::new(StreamBody::new(frames)))).await.unwrap();
        let mut body = res.into_body();
        for word in ["one", "two", "three"] {
            to.send(word).unwrap();
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(
                frame.into_data().unwrap(),
                word,
                "{http:?}: answered before the next is sent"
            );
        }
        assert_eq!(in_flight(&client.snapshot()), 1);
        drop(to);
        let rest = body.collect().await.unwrap().to_bytes();
        assert!(rest.is_empty(), "{http:?}: {rest:?}");
        assert_eq!(in_flight(&client.snapshot()), 0, "{http:?}");
    }
}

#[tokio::test]
async fn trailers_come_through() {
    let app = Router::new().fallback(async || {
        let mut trailers = HeaderMap::new();
        trailers.insert("checked", "yes".parse().unwrap());
        let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
        let frames = stream::iter(frames.map(Ok::<_, BoxError>));
        Response::new(AxumBody::new(StreamBody::new(frames)))
    });
    let client = client(Http::Two, app).await;
    let res = client.send(get("/")).await.unwrap();
    let collected = res.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["checked"], "yes");
    assert_eq!(in_flight(&client.snapshot()), 0);
}

#[tokio::test]
async fn an_authority_that_is_none_is_not_sent() {
    let endpoint = Endpoint::builder("a", ([127, 0, 0, 1], 9)).authority("no authority").build();
    let client = orlop::client("titles")
        .settings(settings(None, None))
        .discover(discovery::fixed([endpoint]))
        .connect(connect::hyper(Http::One))
        .build()
        .unwrap();
    let error = client.send(get("/")).await.unwrap_err();
    assert!(orlop::core::NotSent::is_in(&*error), "{error:?}");
}
