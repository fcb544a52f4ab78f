//! The whole client over connections that do nothing: every layer of ours, and the boxes at the top.

use crate::{
    balance::endpoints,
    http::{self, Download, downloads},
};
use orlop::{Body, Client, Endpoint, Settings};
use orlop_benches::{Path, Row};
use std::{convert::Infallible, time::Duration};
use tokio::runtime::{Builder, Runtime};

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("orlop::Client, n = 10, default settings", || over(Settings::default()))
            .above(http::BARE),
        Row::new("orlop::Client, n = 10, both deadlines", || {
            let mut settings = Settings::default();
            settings.retry = settings
                .retry
                .with_timeout(Duration::from_secs(1))
                .with_attempt_timeout(Duration::from_millis(300));
            over(settings)
        })
        .above(http::BARE),
    ]
}

fn over(settings: Settings) -> Path {
    // It follows discovery on this runtime, which must last as long as the client; calls need none.
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let client = runtime.block_on(async {
        let client = orlop::client("bench")
            .settings(settings)
            .discover(orlop::discovery::fixed(endpoints(10)))
            .connect(|_: &Endpoint| Ok::<_, Infallible>(Download))
            .seeded(7)
            .build()
            .expect("we are within a runtime");
        while client.snapshot().endpoints.len() < 10 {
            tokio::task::yield_now().await;
        }
        client
    });
    let check = checks(client.clone(), runtime);
    Path::shared(move || downloads(client.clone(), Body::empty)).checked(check)
}

/// Every call went well with its first attempt, and is over.
fn checks(client: Client, runtime: Runtime) -> impl Fn(u64) + 'static {
    move |calls| {
        let _alive = &runtime;
        let snapshot = client.snapshot();
        let retries = snapshot.retries;
        assert_eq!((retries.calls, retries.paid, retries.unsent), (calls, 0, 0));
        assert!(snapshot.endpoints.iter().all(|e| e.in_flight == 0 && e.refused == 0));
    }
}
