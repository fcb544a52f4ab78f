//! Retries around a service that needs none.

use crate::{
    drive::{AddOne, calls},
    guards,
    http::{self, Download, downloads},
};
use bytes::Bytes;
use http_body_util::Empty;
use orlop_benches::{Path, Row};
use orlop_core::AnyError;
use orlop_retry::{Policy, RetryLayer, Settings};
use std::time::Duration;
use tower_layer::Layer;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("retry", || {
            let policy = Policy::seeded(Settings::default(), 7);
            let service = RetryLayer::new(policy.clone(), AnyError).layer(AddOne);
            first_time(policy, Path::shared(move || calls(service.clone())))
        })
        .above(guards::BARE),
        Row::new("retry: total and attempt deadline", || {
            let settings = Settings::default()
                .with_timeout(Duration::from_secs(1))
                .with_attempt_timeout(Duration::from_millis(300));
            let policy = Policy::seeded(settings, 7);
            let service = RetryLayer::new(policy.clone(), AnyError).layer(AddOne);
            first_time(policy, Path::shared(move || calls(service.clone())))
        })
        .above(guards::BARE),
        Row::new("retry: http, empty body", || {
            let policy = Policy::seeded(Settings::default(), 7);
            let service = RetryLayer::http(policy.clone()).layer(Download);
            first_time(
                policy,
                Path::shared(move || downloads(service.clone(), Empty::<Bytes>::new)),
            )
        })
        .above(http::BARE),
    ]
}

/// Every call went well with its first attempt.
fn first_time(policy: Policy, path: Path) -> Path {
    path.checked(move |calls| {
        let snapshot = policy.snapshot();
        assert_eq!((snapshot.calls, snapshot.paid, snapshot.unsent), (calls, 0, 0));
    })
}
