//! Ambiguous requests are refused.

use http::{Method, Request, StatusCode, Version};
use http_body_util::BodyExt;
use orlop_gateway_filters::{Body, Endpoints, Gateway, Normalize};
use proptest::prelude::*;

use crate::support::{behind, echo_headers, get, says, send, text};

fn gateway() -> Gateway {
    behind(Normalize::new(), echo_headers())
}

async fn status(req: Request<Body>) -> u16 {
    send(&gateway(), req).await.status().as_u16()
}

fn with(headers: &[(&str, &str)]) -> Request<Body> {
    let mut req = Request::post("/");
    for (name, value) in headers {
        req = req.header(*name, *value);
    }
    req.body(Body::Empty).unwrap()
}

#[tokio::test]
async fn paths() {
    for fine in [
        "/",
        "/a/b/",
        "/plays/7?next=../x&y=%2f",
        "/a.b/..c/c../...",
        "/%41%20b",
        "/100%25",
        "/a;v=1/b",
        "/.well-known/x",
        "/%E2%82%AC",
        "/a%3Bb",
    ] {
        assert_eq!(status(get(fine)).await, 200, "{fine}");
    }
    for bad in [
        "/a/../b",
        "/..",
        "/./a",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/.%2e",
        "/..;/admin",
        "/..%3b/admin",
        "/%2e;x=1/a",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00",
        "/a%0d%0ab",
        "/a%7f",
        "/a%zz",
        "/a%",
        "/a%2",
        "/%252e%252e/a",
        "/a%252fb",
        "/a%25%32",
        "//a",
        "/a//b",
    ] {
        let Ok(req) = Request::get(bad).header("host", "h").body(Body::Empty) else {
            continue; // not even a target for the http crate
        };
        let expected = if bad == "/a%25%32" { 200 } else { 400 };
        assert_eq!(status(req).await, expected, "{bad}");
    }
    let lax = behind(Normalize::new().empty_segments(true), echo_headers());
    assert_eq!(send(&lax, get("/a//b")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn unreserved_characters_have_one_spelling() {
    let endpoint = tower::service_fn(|req: Request<Body>| async move {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(req.uri().to_string())))
    });
    let gateway = behind(Normalize::new(), Endpoints::new().fallback(endpoint));
    for (sent, seen) in [
        ("/%61dmin/%7Euser?q=%61", "/admin/~user?q=%61"),
        ("/a%20b/%E2%82%AC%2d", "/a%20b/%E2%82%AC-"),
        ("/%2ehidden", "/.hidden"),
        ("/plain?x=%2f", "/plain?x=%2f"),
        ("http://example.test/%41", "http://example.test/A"),
    ] {
        assert_eq!(text(send(&gateway, get(sent)).await).await, seen);
    }
}

#[tokio::test]
async fn hosts() {
    assert_eq!(status(with(&[("host", "a")])).await, 200);
    assert_eq!(status(with(&[("host", "[::1]:80")])).await, 200);
    assert_eq!(status(with(&[])).await, 400, "none");
    assert_eq!(status(with(&[("host", "a"), ("host", "b")])).await, 400, "two");
    assert_eq!(status(with(&[("host", "a"), ("host", "a")])).await, 400, "two that are equal");
    for bad in ["", "a b", "a/b", "u@a", "a,b"] {
        assert_eq!(status(with(&[("host", bad)])).await, 400, "{bad:?}");
    }
    let absolute =
        |host: &str, uri: &str| Request::get(uri).header("host", host).body(Body::Empty).unwrap();
    assert_eq!(status(absolute("A.test", "http://a.test/")).await, 200, "case does not matter");
    assert_eq!(status(absolute("b.test", "http://a.test/")).await, 400, "they differ");
    assert_eq!(status(absolute("a.test", "http://u@a.test/")).await, 400, "user information");
    let mut h2 = Request::get("http://a.test/").body(Body::Empty).unwrap();
    *h2.version_mut() = Version::HTTP_2;
    assert_eq!(status(h2).await, 200);
    let lax = behind(Normalize::new().require_host(false), echo_headers());
    assert_eq!(send(&lax, with(&[])).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn framing() {
    let framed = |headers: &[(&str, &str)]| {
        let mut all = vec![("host", "a")];
        all.extend_from_slice(headers);
        with(&all)
    };
    assert_eq!(status(framed(&[("content-length", "5")])).await, 200);
    assert_eq!(status(framed(&[("transfer-encoding", "Chunked")])).await, 200);
    for bad in [
        &[("content-length", "5"), ("transfer-encoding", "chunked")][..],
        &[("transfer-encoding", "chunked"), ("content-length", "0")],
        &[("content-length", "5"), ("content-length", "6")],
        &[("content-length", "5, 5")],
        &[("content-length", "+5")],
        &[("content-length", "-5")],
        &[("content-length", "0x5")],
        &[("content-length", "5 ")],
        &[("content-length", "")],
        &[("content-length", "99999999999999999999")],
        &[("transfer-encoding", "gzip, chunked")],
        &[("transfer-encoding", "chunked, identity")],
        &[("transfer-encoding", "xchunked")],
        &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
    ] {
        let http = http::HeaderValue::from_str(bad[0].1);
        assert!(http.is_ok());
        assert_eq!(status(framed(bad)).await, 400, "{bad:?}");
    }
    let res = send(&gateway(), framed(&[("content-length", "5"), ("content-length", "5")])).await;
    assert_eq!(text(res).await, "host: a\ncontent-length: 5\n", "repeated ones become one");

    for (version, name, value) in [
        (Version::HTTP_10, "transfer-encoding", "chunked"),
        (Version::HTTP_2, "transfer-encoding", "chunked"),
        (Version::HTTP_2, "connection", "close"),
        (Version::HTTP_2, "upgrade", "h2c"),
    ] {
        let mut req = framed(&[(name, value)]);
        *req.version_mut() = version;
        assert_eq!(status(req).await, 400, "{version:?} {name}");
    }
    let mut tunnel = get("/");
    *tunnel.method_mut() = Method::CONNECT;
    assert_eq!(status(tunnel).await, 400);
}

proptest! {
    /// Whatever bytes a server lets through as headers and target, there is an answer.
    #[test]
    fn arbitrary_requests_never_panic(
        names in proptest::collection::vec(
            prop_oneof![
                Just("host"), Just("content-length"), Just("transfer-encoding"), Just("connection"),
                Just("accept-encoding"), Just("authorization"), Just("te"), Just("x-orlop-subject"),
                Just("cookie"),
            ],
            0..8,
        ),
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 8),
        path in "[/%.;\\\\a-f0-9?é]{0,20}",
        http2 in any::<bool>(),
    ) {
        let Ok(mut req) = Request::get(format!("/{path}")).body(Body::Empty) else { return Ok(()) };
        if http2 {
            *req.version_mut() = Version::HTTP_2;
        }
        for (name, value) in names.iter().zip(&values) {
            if let Ok(value) = http::HeaderValue::from_bytes(value) {
                req.headers_mut().append(*name, value);
            }
        }
        let builder = orlop_gateway_filters::Filters::builder()
            .filter(Normalize::new().require_host(false))
            .filter(orlop_gateway_filters::Edge::new());
        #[cfg(feature = "gzip")]
        let builder = builder.filter(orlop_gateway_filters::Gzip::new().min_size(0));
        #[cfg(feature = "jwt")]
        let builder = builder.filter(crate::jwt::filter(
            orlop_gateway_filters::JwtSettings::new().required(false),
        ));
        let filters = builder.build().unwrap();
        let gateway = Gateway::new(filters.clone(), Endpoints::new().fallback(says("x"))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let res = send(&gateway, req).await;
            assert!(matches!(res.status().as_u16(), 200 | 400 | 401));
            res.into_body().collect().await.unwrap();
        });
        // A panic would have been caught, and counted.
        prop_assert!(filters.status().iter().all(|filter| filter.failures == 0));
    }
}
