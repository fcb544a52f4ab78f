//! Many calls at once, on several threads, of which many are given up at any point: everything comes back.

use crate::support::{get, in_flight, post, settings};
use bytes::Bytes;
use fastrand::Rng;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use orlop::{Body, BoxError, Endpoint, discovery};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tower::service_fn;

async fn yields(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Fails, answers whole, or streams, after some yields; each call as its path says.
async fn answer(req: Request<Body>) -> Result<Response<Body>, BoxError> {
    let seed = req.uri().path()[1..].parse()?;
    let mut rng = Rng::with_seed(seed);
    req.into_body().collect().await?;
    yields(rng.usize(..5)).await;
    match rng.u8(..4) {
        0 => Err("as the seed says".into()),
        1 => Ok(Response::new(Body::from("whole"))),
        _ => {
            let frames = stream::iter(0..rng.u8(1..6)).then(|n| async move {
                yields(1).await;
                Ok::<_, BoxError>(Frame::data(Bytes::from(vec![n])))
            });
            Ok(Response::new(Body::new(StreamBody::new(Box::pin(frames)))))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_storm_of_calls_nothing_is_in_flight() {
    let endpoints = (1..=4).map(|n| Endpoint::new(format!("e{n}"), ([127, 0, 0, 1], n)));
    let mut settings = settings(Some(60_000), None);
    settings.limit = NonZeroU32::new(8);
    // Where all circuits are open, a call is refused and does not wait: time is real here.
    settings.retry.max_retry_after = std::time::Duration::ZERO;
    let client = orlop::client("storm")
        .settings(settings)
        .discover(discovery::fixed(endpoints))
        .connect(|_: &Endpoint| Ok::<_, BoxError>(service_fn(answer)))
        .seeded(7)
        .build()
        .unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let mut calls = tokio::task::JoinSet::new();
    for seed in 0..2_000 {
        let (client, ended) = (client.clone(), ended.clone());
        let mut rng = Rng::with_seed(!seed);
        let call = async move {
            let req =
                if rng.bool() { get(&format!("/{seed}")) } else { post(&format!("/{seed}"), "x") };
            if let Ok(res) = client.send(req).await {
                let mut body = res.into_body();
                // Reads so many frames, and drops the rest.
                for _ in 0..rng.usize(..8) {
                    if body.frame().await.is_none() {
                        break;
                    }
                }
            }
            ended.fetch_add(1, SeqCst);
        };
        let handle = calls.spawn(call);
        // One in three is given up somewhere on its way.
        if seed % 3 == 0 {
            tokio::spawn(async move {
                yields(seed as usize % 17).await;
                handle.abort();
            });
        }
    }
    while calls.join_next().await.is_some() {}
    assert!(ended.load(SeqCst) >= 1_300, "those that were not given up have ended");
    let snapshot = client.snapshot();
    assert_eq!(in_flight(&snapshot), 0, "{snapshot:?}");
    // The limits are free again: as many calls as they allow are let in at once.
    for endpoint in &snapshot.endpoints {
        assert_eq!(endpoint.in_flight, 0, "{endpoint:?}");
    }
}
