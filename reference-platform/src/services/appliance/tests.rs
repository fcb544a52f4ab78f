use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::catalogue::{SEGMENT, TitleId};
use crate::services::problem::ProblemBody;
use crate::services::testing;
use crate::signing::{Grant, LINK_SKEW};
use crate::topology::Zone;

struct App {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    router: Router,
}

fn app() -> App {
    let ctx = testing::ctx("appliance-b");
    let catalogue = Catalogue::of(ctx.settings());
    let router = router(&ctx, Arc::clone(&catalogue));
    App { ctx, catalogue, router }
}

impl App {
    fn link(&self, title: u32, zone: Zone, seconds: u64) -> String {
        let expires = self.ctx.wall().unix_seconds() + seconds;
        let grant = Grant { title: TitleId::new(title), member: "m000001".into(), zone, expires };
        LinkSigner::new(&self.ctx.settings().secret).sign(&grant).unwrap()
    }

    async fn send(&self, method: &str, link: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(link);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

async fn read(response: Response) -> bytes::Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_segment_fetched_by_range_has_the_catalogues_digest() {
    let app = app();
    let title = app.catalogue.get(TitleId::new(42)).unwrap();
    let link = app.link(42, Zone::B, 60);
    for segment in 0..title.segments() {
        let range = title.segment_range(segment).unwrap();
        let asked = format!("bytes={}-{}", range.start, range.start + SEGMENT - 1);
        let response = app.send("GET", &link, &[("range", &asked)]).await;
        assert_eq!(response.status(), 206);
        let said = format!("bytes {}-{}/{}", range.start, range.end - 1, title.length());
        assert_eq!(header(&response, "content-range"), Some(&*said));
        let length = (range.end - range.start).to_string();
        assert_eq!(header(&response, "content-length"), Some(&*length));
        let bytes = read(response).await;
        assert!(app.catalogue.is_segment(title, segment, &bytes), "segment {segment}");
    }
}

#[tokio::test(start_paused = true)]
async fn whole_title_comes_in_frames_and_head_says_the_same_without_them() {
    let app = app();
    let title = app.catalogue.get(TitleId::new(7)).unwrap();
    let link = app.link(7, Zone::B, 60);
    let response = app.send("GET", &link, &[]).await;
    assert_eq!(response.status(), 200);
    let head = app.send("HEAD", &link, &[("range", "bytes=0-1")]).await;
    assert_eq!(head.status(), 200, "ranges are for GET");
    for name in ["content-length", "etag", "accept-ranges", "content-type"] {
        assert!(header(&response, name).is_some(), "{name}");
        assert_eq!(header(&response, name), header(&head, name), "{name}");
    }
    assert!(read(head).await.is_empty());

    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!((first.len() as u64) < title.length(), "not built at once");
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!([first, rest].concat(), app.catalogue.bytes(title, 0..u64::MAX));
}

#[tokio::test(start_paused = true)]
async fn a_range_behind_the_end_is_answered_with_the_end() {
    let app = app();
    let length = app.catalogue.get(TitleId::new(3)).unwrap().length();
    let asked = format!("bytes={length}-");
    let response = app.send("GET", &app.link(3, Zone::B, 60), &[("range", &asked)]).await;
    assert_eq!(response.status(), 416);
    assert_eq!(header(&response, "content-range"), Some(&*format!("bytes */{length}")));
}

#[tokio::test(start_paused = true)]
async fn who_has_the_title_already_gets_no_bytes() {
    let app = app();
    let link = app.link(3, Zone::B, 60);
    let tag = header(&app.send("HEAD", &link, &[]).await, "etag").unwrap().to_owned();
    for given in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        let response = app.send("GET", &link, &[("if-none-match", &given)]).await;
        assert_eq!(response.status(), 304, "{given}");
        assert!(read(response).await.is_empty());
    }
    let other = app.send("HEAD", &app.link(4, Zone::B, 60), &[]).await;
    assert_ne!(header(&other, "etag"), Some(&*tag));
}

#[tokio::test(start_paused = true)]
async fn links_that_are_altered_expired_or_for_elsewhere_are_refused() {
    let app = app();
    let good = app.link(5, Zone::B, 60);
    for (link, code) in [
        (good.replace("t00005", "t00006"), "link_altered"),
        (good.replace("m000001", "m000002"), "link_altered"),
        (good.replace("zone=b", "zone=a"), "link_altered"),
        (app.link(5, Zone::A, 60), "link_elsewhere"),
        ("/titles/t00005/bytes".to_owned(), "link_malformed"),
        (good.replace("t00005", "t%300005"), "link_malformed"),
    ] {
        let response = app.send("GET", &link, &[]).await;
        assert_eq!(response.status(), 403, "{link}");
        let body: ProblemBody = serde_json::from_slice(&read(response).await).unwrap();
        assert_eq!(body.error, code, "{link}");
    }
    assert_eq!(app.send("GET", &good, &[]).await.status(), 200);
    tokio::time::advance(std::time::Duration::from_secs(60 + LINK_SKEW + 1)).await;
    let response = app.send("GET", &good, &[]).await;
    assert_eq!(response.status(), 403);
    let body: ProblemBody = serde_json::from_slice(&read(response).await).unwrap();
    assert_eq!(body.error, "link_expired");
    assert!(body.detail.contains("start the play again"), "{}", body.detail);
}

#[tokio::test(start_paused = true)]
async fn a_title_that_is_not_there_and_a_method_that_is_not_taken() {
    let app = app();
    let link = app.link(99_999, Zone::B, 60);
    assert_eq!(app.send("GET", &link, &[]).await.status(), 404);
    assert_eq!(app.send("POST", &app.link(1, Zone::B, 60), &[]).await.status(), 405);
}
