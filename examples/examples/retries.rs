//! Retries under one budget: what was not sent is free, what may have been sent must be idempotent and paid for.

use orlop_retry::{Budget, Policy, RetryLayer, Settings, core::AnyError};
use std::{
    io,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};

static CALLS: AtomicU32 = AtomicU32::new(0);

#[tokio::main]
async fn main() {
    let settings = Settings::default()
        .with_timeout(Duration::from_secs(1))
        .with_attempt_timeout(Duration::from_millis(100))
        .with_backoff(Duration::from_millis(1), Duration::from_millis(5))
        .with_idempotent(true);
    let policy = Policy::new(settings);
    // Fails every third time, and now and then does not answer at all.
    let flaky = service_fn(async |_: u32| match CALLS.fetch_add(1, Relaxed) {
        n if n % 17 == 5 => std::future::pending().await,
        n if n % 3 == 1 => Err(io::Error::other("reset")),
        _ => Ok("answer"),
    });
    let service = RetryLayer::new(policy.clone(), AnyError).layer(flaky);

    let mut answered = 0;
    for call in 0..40 {
        answered += u32::from(service.clone().oneshot(call).await.is_ok());
    }
    println!("{answered} of 40 answered, {} requests sent", CALLS.load(Relaxed));
    println!("{:?}", policy.snapshot());
    assert!(answered >= 39);

    // Without a budget the first answer is the last.
    let broke = policy.clone().with_budget(Budget::empty());
    let down = service_fn(async |_: u32| Err::<(), _>(io::Error::other("down")));
    let error = RetryLayer::new(broke, AnyError).layer(down).oneshot(0).await.unwrap_err();
    println!("without a budget: {error}");
}
