use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use orlop_core::http::Deadline;
use orlop_core::{Addr, CallContext, Kind, Rejected};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::catalogue::TitleId;
use crate::members::Member;
use crate::services::problem::ProblemBody;
use crate::services::{appliance, entitlement, testing};

struct App {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    router: Router,
}

/// Playback in front of the real entitlement service, with appliances listed in these zones.
fn app(me: &str, zones: &'static [&'static str]) -> App {
    let ctx = testing::ctx(me);
    let catalogue = Catalogue::of(ctx.settings());
    let entitlement = entitlement::router(&testing::ctx("entitlement-a"), Arc::clone(&catalogue));
    let router = router(&ctx, Arc::clone(&catalogue), entitlement, move || listed(zones));
    App { ctx, catalogue, router }
}

fn listed(zones: &[&str]) -> Vec<Endpoint> {
    let endpoint = |zone: &&str| {
        let third = zone.as_bytes()[0] - b'a' + 1;
        let addr = Addr::from(([127, 0, third, 1], 18_003));
        Endpoint::builder(format!("appliance-{zone}"), addr).zone(*zone).build()
    };
    zones.iter().map(endpoint).collect()
}

fn put(id: &str, member: &str, title: &str) -> Request<Body> {
    Request::put(format!("/plays/{id}"))
        .header(MEMBER_HEADER, member)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(format!("{{\"title\":\"{title}\"}}")))
        .unwrap()
}

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, http::HeaderMap, Bytes) {
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

async fn problem(router: &Router, request: Request<Body>) -> (u16, String) {
    let (status, _, body) = send(router, request).await;
    let body: ProblemBody = serde_json::from_slice(&body).unwrap();
    (status.as_u16(), body.error)
}

impl App {
    async fn play(&self, request: Request<Body>) -> Play {
        let (status, _, body) = send(&self.router, request).await;
        assert_eq!(status, 200, "{body:?}");
        serde_json::from_slice(&body).unwrap()
    }

    /// A member and a title that this member may play, or may not.
    fn pair(&self, allowed: bool) -> (String, TitleId) {
        let seed = self.ctx.settings().seed;
        let mut members = (0..1_000).map(|number| Member::numbered(seed, number));
        let title = &self.catalogue.titles()[11];
        let member = members.find(|member| member.may_play(title).is_ok() == allowed).unwrap();
        (member.id().to_owned(), title.id())
    }
}

#[tokio::test(start_paused = true)]
async fn a_play_has_links_in_two_zones_that_appliances_honour() {
    let app = app("playback-b", &["a", "b", "c"]);
    let (member, id) = app.pair(true);
    let play = app.play(put("p-1", &member, &id.to_string())).await;
    let title = app.catalogue.get(id).unwrap();
    assert_eq!((play.zones, play.links.len()), (2, 2));
    assert_eq!(play.links[0].zone, crate::Zone::B, "its own first");
    assert_ne!(play.links[1].zone, crate::Zone::B);
    assert_eq!((play.length, play.segments), (title.length(), title.segments()));
    for link in &play.links {
        let name = format!("appliance-{}", link.zone);
        let at = testing::ctx(&name);
        let authority = at.me().addr.to_string();
        let path = link.url.strip_prefix(&format!("http://{authority}")).unwrap();
        let appliance = appliance::router(&at, Arc::clone(&app.catalogue));
        let range = title.segment_range(1).unwrap();
        let request = Request::get(path)
            .header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
            .body(Body::empty())
            .unwrap();
        let (status, _, bytes) = send(&appliance, request).await;
        assert_eq!(status, 206, "{name}");
        assert!(app.catalogue.is_segment(title, 1, &bytes), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_put_is_the_same_play() {
    let app = app("playback-a", &["a", "b", "c"]);
    let (member, title) = app.pair(true);
    let title = title.to_string();
    let first = app.play(put("p-1", &member, &title)).await;
    // Virtual time begins on a full minute.
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(app.play(put("p-1", &member, &title)).await, first);
    tokio::time::advance(Duration::from_secs(1)).await;
    let later = app.play(put("p-1", &member, &title)).await;
    assert_eq!(later.until, first.until + 60, "as good as the first, for a minute more");
}

#[tokio::test(start_paused = true)]
async fn one_zone_is_said_and_none_is_unavailable() {
    let one = app("playback-a", &["c"]);
    let (member, title) = one.pair(true);
    let play = one.play(put("p", &member, &title.to_string())).await;
    assert_eq!((play.zones, play.links.len()), (1, 1));

    let none = app("playback-a", &[]);
    let (status, headers, body) = send(&none.router, put("p", &member, &title.to_string())).await;
    assert_eq!(status, 503, "{body:?}");
    assert_eq!(headers[header::RETRY_AFTER], "0");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_and_why() {
    let app = app("playback-a", &["a", "b"]);
    let (member, title) = app.pair(false);
    let title = title.to_string();
    let refused = problem(&app.router, put("p", &member, &title)).await;
    assert_eq!(refused, (403, "not_entitled".into()));
    let (member, _) = app.pair(true);
    for (request, status, error) in [
        (put("p", &member, "t99999"), 404, "no_such_title"),
        (put("p", &member, "42"), 422, "bad_body"),
        (put(&"x".repeat(65), &member, &title), 400, "bad_id"),
        (put("a.b", &member, &title), 400, "bad_id"),
        (put("p", "", &title), 401, "no_member"),
        (
            Request::put("/plays/p").header(MEMBER_HEADER, "m").body(Body::from("{}")).unwrap(),
            415,
            "bad_body",
        ),
        (put("p", &member, &"x".repeat(5_000)), 413, "bad_body"),
    ] {
        let uri = request.uri().clone();
        assert_eq!(problem(&app.router, request).await, (status, error.into()), "{uri}");
    }
}

/// Playback in front of an entitlement that answers with `error`.
fn broken<E: Into<BoxError> + 'static>(error: fn() -> E) -> Router {
    let ctx = testing::ctx("playback-a");
    let catalogue = Catalogue::of(ctx.settings());
    let client = service_fn(move |_: Request<tonic::body::Body>| async move {
        Err::<Response<tonic::body::Body>, _>(error().into())
    });
    router(&ctx, catalogue, client, || listed(&["a"]))
}

#[tokio::test(start_paused = true)]
async fn no_answer_from_entitlement_is_503_and_sends_the_caller_elsewhere() {
    let open = || Rejected::new(Kind::Circuit).with_retry_after(Duration::from_millis(2_200));
    let reset = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    for router in [broken(open), broken(reset)] {
        let (status, headers, body) = send(&router, put("p", "m000001", "t00001")).await;
        assert_eq!(status, 503, "{body:?}");
        assert_eq!(headers[header::RETRY_AFTER], "0", "whatever a gate of this instance knows");
        let body: ProblemBody = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.error, "entitlement_unavailable");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_that_came_in_goes_on_and_is_clamped() {
    let seen = Arc::new(Mutex::new(None));
    let ctx = testing::ctx("playback-a");
    let catalogue = Catalogue::of(ctx.settings());
    let inner = entitlement::router(&ctx, Arc::clone(&catalogue));
    let note = Arc::clone(&seen);
    let client = service_fn(move |request: Request<tonic::body::Body>| {
        *note.lock().unwrap() = request.extensions().get::<CallContext>().cloned();
        let inner = inner.clone();
        async move { inner.oneshot(request).await as Result<_, Infallible> }
    });
    let router = router(&ctx, catalogue, client, || listed(&["a"]));
    for (said, left) in
        [(Some("120"), Some(120)), (Some("9999"), Some(1_000)), (Some("x"), None), (None, None)]
    {
        let mut request = put("p", "m000001", "t00001");
        if let Some(said) = said {
            request.headers_mut().insert(Deadline::HEADER, said.parse().unwrap());
        }
        send(&router, request).await;
        let context = seen.lock().unwrap().take().unwrap();
        let now = tokio::time::Instant::now();
        assert_eq!(context.deadline().map(|at| (at - now).as_millis()), left, "{said:?}");
        assert_eq!(context.is_idempotent(), Some(true));
    }
}
