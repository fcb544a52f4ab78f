use std::io::Read;
use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::routing::{any, get, put};
use http::{HeaderMap, HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use orlop::retry::{Policy, ReplayBody, RetryLayer, Settings};
use orlop_core::http::Deadline;
use orlop_core::{CallContext, Kind, Rejected};
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::members::Member;
use crate::services::playback::MEMBER_HEADER;
use crate::services::testing;
use crate::signing::{TOKEN_LIFE, token};

const MEMBER: &str = "m000042";

fn bearer(ctx: &Ctx) -> String {
    let member = Member::of(ctx.settings().seed, MEMBER);
    let now = ctx.wall().unix_seconds();
    format!("Bearer {}", token(&ctx.settings().secret, &member, now))
}

/// An upstream that says which path it was asked for and what it was told.
fn echo(name: &'static str) -> Router {
    let answer = move |request: axum::extract::Request| async move {
        let headers = request.headers();
        let said = |name: &HeaderName| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        axum::Json(serde_json::json!({
            "upstream": name,
            "path": request.uri().to_string(),
            "member": said(&MEMBER_HEADER),
            "plan": said(&PLAN_HEADER),
            "token": said(&header::AUTHORIZATION),
            "cookie": said(&header::COOKIE),
            "id": said(&REQUEST_ID_HEADER),
            "made_up": said(&HeaderName::from_static("x-orlop-made-up")),
            "deadline": request.extensions().get::<CallContext>().and_then(CallContext::deadline)
                .map(|at| at.saturating_duration_since(tokio::time::Instant::now()).as_millis() as u64),
        }))
    };
    Router::new().fallback(any(answer))
}

fn app(ctx: &Ctx) -> Router {
    router(ctx, Upstreams::new(echo("playback"), echo("search"), echo("browse"))).unwrap()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<AxumBody> {
    let mut request = Request::builder().method(method).uri(path).header("host", "gateway");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(AxumBody::empty()).unwrap()
}

async fn send(app: &Router, request: Request<AxumBody>) -> (StatusCode, HeaderMap, Bytes) {
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

async fn json(app: &Router, request: Request<AxumBody>) -> serde_json::Value {
    let (status, _, body) = send(app, request).await;
    assert_eq!(status, 200, "{body:?}");
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn paths_and_methods_choose_the_upstream() {
    let ctx = testing::ctx("gateway-a");
    let (app, auth) = (app(&ctx), bearer(&ctx));
    let auth = [("authorization", auth.as_str())];
    for (method, path, upstream) in [
        ("PUT", "/plays/p1", "playback"),
        ("GET", "/search?q=iron%20bell", "search"),
        ("GET", "/browse", "browse"),
        ("GET", "/home", "browse"),
    ] {
        let said = json(&app, request(method, path, &auth)).await;
        assert_eq!(said["upstream"], upstream, "{method} {path}");
        assert_eq!(said["path"], path);
    }
    for (method, path, status) in [
        ("GET", "/plays/p1", 405),
        ("POST", "/search", 405),
        ("GET", "/titles/t00001/bytes", 404),
        ("GET", "/plays/../home", 400),
    ] {
        assert_eq!(send(&app, request(method, path, &auth)).await.0, status, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_what_the_token_says_and_nothing_else() {
    let ctx = testing::ctx("gateway-a");
    let (app, auth) = (app(&ctx), bearer(&ctx));
    let said = json(
        &app,
        request(
            "GET",
            "/home",
            &[
                ("authorization", &auth),
                ("x-orlop-member", "somebody-else"),
                ("x-orlop-plan", "full-and-more"),
                ("x-orlop-made-up", "1"),
                ("x-request-id", "mine"),
                ("cookie", "a=b"),
            ],
        ),
    )
    .await;
    assert_eq!(said["member"], MEMBER);
    assert_eq!(said["plan"], Member::of(ctx.settings().seed, MEMBER).plan().as_str());
    for gone in ["token", "cookie", "made_up"] {
        assert!(said[gone].is_null(), "{gone} goes no further");
    }
    assert_ne!(said["id"], "mine");
    assert_eq!(said["id"].as_str().unwrap().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn without_a_good_token_nobody_gets_in() {
    let ctx = testing::ctx("gateway-a");
    let (app, auth) = (app(&ctx), bearer(&ctx));
    let other = testing::seeded("gateway-a", 2);
    // The last digit's low bits may be padding, so the first of the signature is changed.
    let (message, signature) = auth.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let altered = format!("{message}.{first}{}", &signature[1..]);
    for bad in [None, Some("Bearer nonsense"), Some(&*altered), Some(&*bearer(&other))] {
        let headers: Vec<_> = bad.into_iter().map(|token| ("authorization", token)).collect();
        let (status, headers, _) = send(&app, request("GET", "/home", &headers)).await;
        assert_eq!(status, 401, "{bad:?}");
        assert!(headers.contains_key("www-authenticate"));
    }
    let headers = [("authorization", auth.as_str())];
    assert_eq!(send(&app, request("GET", "/home", &headers)).await.0, 200);
    // A minute of leeway is the filter's.
    tokio::time::advance(TOKEN_LIFE + Duration::from_secs(61)).await;
    assert_eq!(send(&app, request("GET", "/home", &headers)).await.0, 401, "expired");
}

#[tokio::test(start_paused = true)]
async fn front_page_health_and_stats_need_no_token() {
    let ctx = testing::ctx("gateway-b");
    let app = app(&ctx);
    let (status, headers, body) = send(&app, request("GET", "/", &[])).await;
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&body).contains("gateway-b"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let (status, headers, _) = send(&app, request("GET", "/health", &[])).await;
    assert_eq!(
        (status, &headers[health::INSTANCE_HEADER]),
        (StatusCode::OK, &"gateway-b".parse().unwrap())
    );
    assert_eq!(send(&app, request("GET", "/who", &[])).await.2, "gateway-b");

    let auth = bearer(&ctx);
    send(&app, request("GET", "/home", &[("authorization", &auth)])).await;
    send(&app, request("GET", "/home", &[])).await;
    let (_, _, body) = send(&app, request("GET", "/stats", &[])).await;
    let stats: std::collections::BTreeMap<String, RouteStats> =
        serde_json::from_slice(&body).unwrap();
    assert_eq!((stats["home"].requests, stats["home"].ok), (1, 1));
    assert!(stats["home"].bytes > 0);
    // The front page, and the one that was refused before there was a route.
    assert_eq!((stats["other"].ok, stats["other"].client_errors), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_member_who_asks_too_often_is_told_when_to_come_back() {
    let ctx = testing::ctx("gateway-a");
    let (app, auth) = (app(&ctx), bearer(&ctx));
    let headers = [("authorization", auth.as_str())];
    let mut answers = [0_u32; 2];
    for _ in 0..150 {
        let (status, headers, _) = send(&app, request("GET", "/browse", &headers)).await;
        if status == 429 {
            assert!(headers.contains_key("retry-after"));
        }
        answers[usize::from(status == 429)] += 1;
    }
    // Time stands still: the burst, and not one more.
    assert_eq!(answers, [100, 50]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(send(&app, request("GET", "/browse", &headers)).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn failures_of_a_call_have_a_status_each() {
    let ctx = testing::ctx("gateway-a");
    let auth = bearer(&ctx);
    let headers = [("authorization", auth.as_str())];
    let fails = |make: fn() -> BoxError| {
        service_fn(move |_: Request<Body>| async move { Err::<Response<Body>, _>(make()) })
    };
    let app = router(
        &ctx,
        Upstreams::new(
            fails(|| Rejected::new(Kind::NoEndpoints).into()),
            fails(|| {
                Rejected::new(Kind::Circuit).with_retry_after(Duration::from_millis(1_500)).into()
            }),
            fails(|| std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
        ),
    )
    .unwrap();
    let (status, said, _) = send(&app, request("PUT", "/plays/p", &headers)).await;
    assert_eq!(
        (status, &said["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"0".parse().unwrap())
    );
    let (status, said, _) = send(&app, request("GET", "/search?q=x", &headers)).await;
    assert_eq!(
        (status, &said["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"2".parse().unwrap())
    );
    assert_eq!(send(&app, request("GET", "/home", &headers)).await.0, 502);

    let late = || Rejected::new(Kind::Deadline).into();
    let slow = || std::io::Error::from(std::io::ErrorKind::TimedOut).into();
    let app = router(&ctx, Upstreams::new(fails(late), fails(slow), fails(slow))).unwrap();
    assert_eq!(send(&app, request("PUT", "/plays/p", &headers)).await.0, 504);
    assert_eq!(send(&app, request("GET", "/home", &headers)).await.0, 504);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_is_504() {
    let ctx = testing::ctx("gateway-a");
    let auth = bearer(&ctx);
    let hangs = || {
        let settings = Settings::default().with_attempt_timeout(Duration::from_millis(100));
        let never = service_fn(|_: Request<ReplayBody<Body>>| {
            std::future::pending::<Result<Response<Body>, BoxError>>()
        });
        RetryLayer::http(Policy::seeded(settings, 1)).layer(never)
    };
    let app = router(&ctx, Upstreams::new(hangs(), hangs(), hangs())).unwrap();
    let headers = [("authorization", auth.as_str())];
    assert_eq!(send(&app, request("GET", "/home", &headers)).await.0, 504);
}

#[tokio::test(start_paused = true)]
async fn patience_of_the_caller_is_the_deadline_at_most_a_second() {
    let ctx = testing::ctx("gateway-a");
    let (app, auth) = (app(&ctx), bearer(&ctx));
    let name = Deadline::HEADER;
    for (said, deadline) in
        [(None, 1_000), (Some("250"), 250), (Some("60000"), 1_000), (Some("soon"), 1_000)]
    {
        let mut headers = vec![("authorization", auth.as_str())];
        headers.extend(said.map(|value| (name.as_str(), value)));
        let answer = json(&app, request("GET", "/browse", &headers)).await;
        assert_eq!(answer["deadline"], deadline, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn json_is_compressed_for_who_takes_it() {
    let ctx = testing::ctx("gateway-a");
    let auth = bearer(&ctx);
    let rows = || async { axum::Json(vec!["The same title"; 500]) };
    let browse = Router::new().route("/browse", get(rows)).route("/home", put(rows));
    let app = router(&ctx, Upstreams::new(echo("p"), echo("s"), browse)).unwrap();
    let headers = [("authorization", auth.as_str()), ("accept-encoding", "gzip")];
    let (_, said, packed) = send(&app, request("GET", "/browse", &headers)).await;
    assert_eq!(said["content-encoding"], "gzip");
    let (_, said, plain) = send(&app, request("GET", "/browse", &headers[..1])).await;
    assert!(!said.contains_key("content-encoding"));
    assert!(packed.len() * 10 < plain.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}
