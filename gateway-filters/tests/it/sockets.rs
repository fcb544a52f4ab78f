//! A real server and real connections: the end is seen there, too.

use std::convert::Infallible;

use axum::{Router, routing::get};
use bytes::Bytes;
use http::Response;
use http_body_util::Channel;
use orlop_gateway_filters::{
    Body, Category, Completion, End, Filter, FilterLayer, FilterMeta, Phases, core::BoxError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tower::service_fn;

struct Tell(mpsc::UnboundedSender<(String, End)>);

impl Filter for Tell {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("tell", Category::Observability).phases(Phases::Neither)
    }

    fn on_complete(&self, done: &Completion<'_>) {
        self.0.send((done.cx().uri().path().to_owned(), done.end())).unwrap();
    }
}

/// A client that sends a request and reads until it has seen this text.
async fn until(mut stream: TcpStream, request: &str, text: &str) -> TcpStream {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let read = stream.read_buf(&mut seen).await.unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&seen));
    }
    stream
}

#[tokio::test]
async fn the_end_is_told_once_for_whole_answers_and_for_clients_that_leave() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let endless = service_fn(|_| async {
        let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
        sender.send_data(Bytes::from_static(b"first")).await.unwrap();
        // Kept open: the body has no end of its own.
        tokio::spawn(async move {
            let _open = sender;
            std::future::pending::<()>().await;
        });
        Ok::<_, Infallible>(Response::new(Body::new(body)))
    });
    let never = || async { std::future::pending::<&'static str>().await };
    let app = Router::new()
        .route("/whole", get(|| async { "whole" }))
        .route("/empty", get(|| async {}))
        .route("/never", get(never))
        .route_service("/endless", endless)
        .layer(FilterLayer::new(Tell(tell)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let connect = || async move { TcpStream::connect(addr).await.unwrap() };
    let request = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n");

    for (method, path, text) in
        [("GET", "/whole", "whole"), ("HEAD", "/whole", "content-length"), ("GET", "/empty", "200")]
    {
        let open = until(connect().await, &request(method, path), text).await;
        assert_eq!(told.recv().await, Some((path.to_owned(), End::Complete)));
        drop(open);
    }

    let open = until(connect().await, &request("GET", "/endless"), "first").await;
    drop(open);
    assert_eq!(told.recv().await, Some(("/endless".to_owned(), End::DroppedInBody)));

    let mut open = connect().await;
    open.write_all(request("GET", "/never").as_bytes()).await.unwrap();
    drop(open);
    assert_eq!(told.recv().await, Some(("/never".to_owned(), End::DroppedBeforeHead)));

    server.abort();
    let _ = server.await;
    assert!(told.try_recv().is_err(), "each once");
}
