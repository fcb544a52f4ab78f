//! The rate limit as a filter. Its arithmetic is tested against a model where it is written.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use http::{HeaderName, Request, StatusCode, header};
use orlop_gateway_filters::{Body, Endpoints, Rate, RateLimit};

use crate::support::{behind, get, says, send};

fn rate() -> Rate {
    Rate::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(10))
}

fn keyed(key: &str) -> Request<Body> {
    Request::get("/").header("x-key", key).body(Body::Empty).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_rate_and_is_told_when_to_come_back() {
    let limit = RateLimit::by_header(rate(), HeaderName::from_static("x-key"));
    let gateway = behind(limit.clone(), Endpoints::new().fallback(says("x")));
    for key in ["a", "b"] {
        assert_eq!(send(&gateway, keyed(key)).await.status(), StatusCode::OK);
        assert_eq!(send(&gateway, keyed(key)).await.status(), StatusCode::OK);
        let refused = send(&gateway, keyed(key)).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "5", "two in ten seconds");
    }
    tokio::time::advance(Duration::from_millis(4_500)).await;
    let refused = send(&gateway, keyed("a")).await;
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1", "rounded up");
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(send(&gateway, keyed("a")).await.status(), StatusCode::OK);
    assert_eq!(send(&gateway, keyed("a")).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limit.key_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_key_share_a_bucket() {
    let limit = RateLimit::by_subject(rate());
    let gateway = behind(limit, Endpoints::new().fallback(says("x")));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(send(&gateway, get("/")).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test(start_paused = true)]
async fn keys_are_bounded_and_newcomers_share_what_is_left() {
    let limit = RateLimit::by(rate(), |_, req| Some(req.uri().path().to_owned()))
        .keys(NonZeroUsize::new(40).unwrap());
    let gateway = behind(limit.clone(), Endpoints::new().fallback(says("x")));
    for at in 0..1_000 {
        send(&gateway, get(&format!("/{at}"))).await;
    }
    assert!(limit.key_count() <= 40);
    assert!(limit.overflowed() >= 960, "{}", limit.overflowed());
    assert_eq!(send(&gateway, get("/new")).await.status(), StatusCode::TOO_MANY_REQUESTS);

    tokio::time::advance(Duration::from_secs(10)).await;
    let before = limit.overflowed();
    assert_eq!(send(&gateway, get("/new")).await.status(), StatusCode::OK);
    assert_eq!(limit.overflowed(), before, "idle keys made room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_together_get_no_more_than_the_rate() {
    let hour = Duration::from_secs(3_600);
    let limit = RateLimit::all(Rate::new(NonZeroU32::new(100).unwrap(), hour));
    let gateway = behind(limit, Endpoints::new().fallback(says("x")));
    let task = |gateway: orlop_gateway_filters::Gateway| async move {
        let mut admitted = 0;
        for _ in 0..500 {
            admitted += usize::from(send(&gateway, get("/")).await.status() == StatusCode::OK);
        }
        admitted
    };
    let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(task(gateway.clone()))).collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.unwrap();
    }
    // 36 s would have to pass for one more.
    assert_eq!(admitted, 100);
}
