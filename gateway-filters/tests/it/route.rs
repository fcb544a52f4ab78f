//! Path routing.

use http::{Method, Request, Response, StatusCode, header};
use orlop_gateway_filters::{
    Body, Category, Endpoints, Filter, FilterMeta, Filters, Gateway, Phases, RequestCx, Route,
    Routes, Step,
};

use crate::support::{get, says, send, text};

/// Writes the route and its parameters into a header.
struct Tell;

impl Filter for Tell {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("tell", Category::Observability).phases(Phases::Outbound)
    }

    fn on_response<'a>(&'a self, cx: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        let params: Vec<_> = cx.params().map(|(name, value)| format!("{name}={value}")).collect();
        let line = format!("{:?} {}", cx.route(), params.join(" "));
        res.headers_mut().insert("x-route", line.parse().unwrap());
        Step::CONTINUE
    }
}

fn gateway() -> Gateway {
    let routes = Routes::new([
        Route::new("/plays/{id}", "playback").methods([Method::PUT]).named("play"),
        Route::new("/plays/{id}", "reader").methods([Method::GET]),
        Route::new("/plays/top", "top"),
        Route::new("/files/{*rest}", "files"),
    ])
    .unwrap();
    let endpoints = ["playback", "reader", "top", "files"]
        .into_iter()
        .fold(Endpoints::new(), |all, name| all.service(name, says(name)))
        .fallback(says("fallback"));
    Gateway::new(Filters::builder().filter(routes).filter(Tell).build().unwrap(), endpoints)
        .unwrap()
}

fn method(method: Method, path: &str) -> Request<Body> {
    let mut req = get(path);
    *req.method_mut() = method;
    req
}

#[tokio::test]
async fn path_and_method_choose_the_endpoint() {
    for (req, endpoint, told) in [
        (method(Method::PUT, "/plays/7%20?x=1"), "playback", r#"Some("play") id=7%20"#),
        (get("/plays/7"), "reader", r#"Some("/plays/{id}") id=7"#),
        (get("/plays/top"), "top", r#"Some("/plays/top") "#),
        (get("/files/a/b"), "files", r#"Some("/files/{*rest}") rest=a/b"#),
    ] {
        let res = send(&gateway(), req).await;
        assert_eq!(res.headers()["x-route"], told, "{endpoint}");
        assert_eq!(text(res).await, endpoint);
    }
    let head = send(&gateway(), method(Method::HEAD, "/plays/7")).await;
    assert_eq!(head.status(), StatusCode::OK, "where GET is allowed, HEAD is");
}

#[tokio::test]
async fn no_path_is_404_and_no_method_is_405() {
    assert_eq!(send(&gateway(), get("/none")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(send(&gateway(), get("/plays/7/")).await.status(), StatusCode::NOT_FOUND);
    let res = send(&gateway(), method(Method::DELETE, "/plays/7")).await;
    assert_eq!(res.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(res.headers()[header::ALLOW], "GET, HEAD, PUT");
}

#[test]
fn a_table_that_cannot_be_says_why() {
    let bad = |routes: &[Route]| Routes::new(routes.to_vec()).unwrap_err().to_string();
    let twice = bad(&[Route::new("/a", "x"), Route::new("/a", "y").methods([Method::GET])]);
    assert_eq!(twice, "routes.path must be one route for each path and method, got /a");
    let relative = bad(&[Route::new("a", "x")]);
    assert_eq!(relative, r#"routes.path must be begun with a slash, got "a""#);
    let conflict = bad(&[Route::new("/{a}", "x"), Route::new("/{b}", "y")]);
    assert!(conflict.contains("a path pattern without conflict"), "{conflict}");
    assert!(bad(&[Route::new("/{a", "x")]).contains("/{a"));
}
