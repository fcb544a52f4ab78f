//! What does not cross the edge.

use std::convert::Infallible;

use http::{Request, Response};
use orlop_gateway_filters::{Body, Edge, Endpoints};
use tower::service_fn;

use crate::support::{behind, echo_headers, send, text};

fn from(peer: &str) -> Request<Body> {
    Request::get("/")
        .header("host", "a")
        .header("x-peer", peer)
        .header("connection", "close, X-Secret, authorization, TE")
        .header("x-secret", "1")
        .header("authorization", "Bearer t")
        .header("keep-alive", "5")
        .header("upgrade", "websocket")
        .header("te", "gzip, Trailers")
        .header("transfer-encoding", "chunked")
        .header("X-Orlop-Subject", "root")
        .header("orlop-deadline-ms", "5")
        .header("x-internal-a", "1")
        .body(Body::Empty)
        .unwrap()
}

fn edge() -> Edge {
    Edge::new().strip("X-Internal-").trust(|req| req.headers()["x-peer"] == "friend")
}

#[tokio::test]
async fn strangers_headers_of_ours_and_of_the_connection_stay_outside() {
    let gateway = behind(edge(), echo_headers());
    let seen = text(send(&gateway, from("stranger")).await).await;
    let mut lines: Vec<_> = seen.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["authorization: Bearer t", "host: a", "te: trailers", "x-peer: stranger"],
        "what the connection header names is gone, but not what upstreams decide by"
    );
}

#[tokio::test]
async fn a_trusted_sender_keeps_ours() {
    let gateway = behind(edge(), echo_headers());
    let seen = text(send(&gateway, from("friend")).await).await;
    for kept in ["x-orlop-subject: root\n", "orlop-deadline-ms: 5\n", "x-internal-a: 1\n"] {
        assert!(seen.contains(kept), "{seen}");
    }
    for gone in ["connection", "keep-alive", "upgrade", "transfer-encoding", "x-secret"] {
        assert!(!seen.contains(gone), "{seen}");
    }
}

#[tokio::test]
async fn responses_are_stripped_too() {
    let endpoint = service_fn(|_| async {
        let res = Response::builder()
            .header("connection", "close, x-hop")
            .header("x-hop", "1")
            .header("x-orlop-shard", "7")
            .header("trailer", "grpc-status")
            .header("x-kept", "1");
        Ok::<_, Infallible>(res.body(Body::Empty).unwrap())
    });
    let gateway = behind(edge(), Endpoints::new().fallback(endpoint));
    let names = |res: Response<Body>| {
        let mut names: Vec<_> = res.headers().keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(send(&gateway, from("stranger")).await), ["trailer", "x-kept"]);
    let friend = names(send(&gateway, from("friend")).await);
    assert_eq!(friend, ["trailer", "x-kept", "x-orlop-shard"]);
}
