//! Serving a router: both versions of HTTP on one port, and an end that loses nothing it has begun.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reference_platform::ctx::World;
use reference_platform::topology::Layout;
use reference_platform::{Ctx, Graph, Net, PlatformSettings, Topology, http as server};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A router behind [`server::serve`], on a port that the system picks.
struct Served {
    ctx: Ctx,
    addr: SocketAddr,
    ended: JoinHandle<()>,
}

async fn served(router: Router) -> Served {
    let topology = Topology::new(Layout::Zoned, 18_000).unwrap();
    let me = topology.named("search-a").unwrap().clone();
    let world = World::new(topology, Graph::embedded(), PlatformSettings::seeded(1));
    let ctx = world.ctx(me);
    let listener = Net::Tcp.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let ended = tokio::spawn(server::serve(ctx.clone(), listener, router));
    Served { ctx, addr, ended }
}

async fn get_http1(addr: SocketAddr, path: &str) -> hyper::Result<Response<Incoming>> {
    let io = TokioIo::new(Net::Tcp.dial(addr).await.expect("it listens"));
    let (mut send, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "test").body(Body::empty());
    send.send_request(request.unwrap()).await
}

#[tokio::test]
async fn one_port_speaks_http1_and_http2() {
    let served = served(Router::new().route("/", get(async || "hello"))).await;
    let first = get_http1(served.addr, "/").await.unwrap();
    assert_eq!(first.version(), http::Version::HTTP_11);

    let io = TokioIo::new(Net::Tcp.dial(served.addr).await.unwrap());
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut send, connection) = handshake.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://test/").body(Body::empty()).unwrap();
    let second = send.send_request(request).await.unwrap();
    assert_eq!(second.version(), http::Version::HTTP_2);
    let body = second.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"hello");
}

#[tokio::test]
async fn drain_refuses_new_connections_and_finishes_what_has_begun() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        get(async move || {
            entered.notify_one();
            leave.notified().await;
            "finished"
        })
    };
    let served = served(Router::new().route("/slow", slow)).await;
    let begun = tokio::spawn(get_http1(served.addr, "/slow"));
    entered.notified().await;

    served.ctx.drain().start();
    // The listener goes first. Until it has, a connection may still get into the kernel's queue, and is reset there.
    let refused = io::ErrorKind::ConnectionRefused;
    while !matches!(Net::Tcp.dial(served.addr).await, Err(e) if e.kind() == refused) {
        tokio::task::yield_now().await;
    }
    assert!(!served.ended.is_finished(), "a request is still running");

    leave.notify_one();
    let response = begun.await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"finished");
    served.ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn drain_does_not_wait_for_ever() {
    let entered = Arc::new(Notify::new());
    let inside = Arc::clone(&entered);
    let stuck = get(async move || {
        inside.notify_one();
        std::future::pending::<()>().await;
    });
    let served = served(Router::new().route("/stuck", stuck)).await;
    let _begun = tokio::spawn(get_http1(served.addr, "/stuck"));
    entered.notified().await;
    let begin = tokio::time::Instant::now();
    served.ctx.drain().start();
    served.ended.await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), served.ctx.settings().drain.as_secs());
}
