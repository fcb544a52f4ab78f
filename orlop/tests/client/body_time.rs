//! A peer that stops in the middle of a body, over real sockets. The clock is virtual: it stands while anything can happen.

use crate::support::{get, in_flight, text};
use http_body_util::BodyExt;
use orlop::{
    BoxError, Cause, Client, Endpoint, SettingsFile,
    breaker::State,
    cause::Layer,
    connect::{self, Http},
    core::http::BodyTimedOut,
    discovery,
};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234";

/// Answers each connection's request with `answer`.
async fn server<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            tokio::spawn(answer(stream));
        }
    });
    addr
}

fn client(body: &str, addr: SocketAddr) -> Client {
    let text = format!(
        "[clients.videos]\n{body}\n[clients.videos.circuit]\ntrip = [{{ consecutive_failures = 1 }}]"
    );
    orlop::client("videos")
        .settings(SettingsFile::parse(&text).unwrap().client("videos").unwrap())
        .discover(discovery::fixed([Endpoint::new("videos-1", addr)]))
        .connect(connect::hyper(Http::One))
        .build()
        .unwrap()
}

async fn read(client: &Client) -> BoxError {
    let body = client.send(get("/7")).await.expect("the head comes").into_body();
    body.collect().await.expect_err("the body does not")
}

#[track_caller]
fn timed_out(error: &BoxError) -> BodyTimedOut {
    let first: &(dyn std::error::Error + 'static) = &**error;
    let found = std::iter::successors(Some(first), |error| error.source())
        .find_map(|error| error.downcast_ref());
    *found.unwrap_or_else(|| panic!("no time-out of a body: {error:?}"))
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_in_the_middle_of_a_body_is_given_up_and_counted() {
    let addr = server(async |mut stream: TcpStream| {
        stream.write_all(HEAD).await?;
        std::future::pending().await
    })
    .await;
    let client = client("body = { idle = \"300ms\" }", addr);
    let error = read(&client).await;
    assert!(timed_out(&error).is_idle());
    assert_eq!(timed_out(&error).allowed(), Duration::from_millis(300));
    assert_eq!(Cause::of(&*error).map(|cause| cause.layer()), Some(Layer::Deadline));
    let snapshot = client.snapshot();
    assert_eq!(in_flight(&snapshot), 0, "its slot is free");
    assert_eq!(snapshot.endpoints[0].circuit, Some(State::Open), "it counts against the endpoint");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_dribbles_is_given_up_when_the_total_is_over() {
    let addr = server(async |mut stream: TcpStream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?;
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let client = client("body = { idle = \"300ms\", total = \"1s\" }", addr);
    let error = read(&client).await;
    assert!(!timed_out(&error).is_idle(), "each frame came in time");
    assert_eq!(client.snapshot().endpoints[0].circuit, Some(State::Open));
}

#[tokio::test(start_paused = true)]
async fn a_body_in_time_is_left_alone() {
    let addr = server(async |mut stream: TcpStream| {
        stream.write_all(HEAD).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream.write_all(b"56789").await
    })
    .await;
    for body in ["", "body = { idle = \"300ms\", total = \"1s\" }"] {
        let client = client(body, addr);
        assert_eq!(text(client.send(get("/7")).await.unwrap()).await, "0123456789");
        assert_eq!(client.snapshot().endpoints[0].circuit, Some(State::Closed));
    }
}
