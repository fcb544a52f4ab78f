//! A stack of tower's own layers, and the same stack with orlop's, in front of a backend that is down.

use http::{Request, Response, StatusCode};
use orlop_breaker::{
    BreakerLayer, Circuit,
    core::{BoxError, Rejected},
};
use orlop_bulkhead::Limit;
use orlop_retry::{Cloned, Policy, RetryLayer, Settings};
use std::{
    convert::Infallible,
    future::Ready,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};
use tower::{Service, ServiceBuilder, ServiceExt, retry, service_fn};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Is down.
async fn playback(_: Request<String>) -> Result<Response<String>, Infallible> {
    REQUESTS.fetch_add(1, Relaxed);
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    Ok(response)
}

fn before()
-> impl Service<Request<String>, Response = Response<String>, Error = BoxError, Future: Send> + Clone
{
    ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(64)
        .retry(Attempts(3))
        .timeout(Duration::from_millis(300))
        .service(service_fn(playback))
}

/// Which answers are tried again, and how often.
#[derive(Clone)]
struct Attempts(u32);

impl<E> retry::Policy<Request<String>, Response<String>, E> for Attempts {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<String>,
        result: &mut Result<Response<String>, E>,
    ) -> Option<Ready<()>> {
        let failed = result.as_ref().map_or(true, |response| response.status().is_server_error());
        self.0 -= 1;
        (failed && self.0 > 0).then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<String>) -> Option<Request<String>> {
        Some(request.clone())
    }
}

fn after(
    circuit: &Circuit,
) -> impl Service<Request<String>, Response: Send, Error = BoxError, Future: Send> + Clone {
    let settings = Settings::default()
        .with_timeout(Duration::from_secs(1))
        .with_attempt_timeout(Duration::from_millis(300));
    let limit = Limit::new(64).named("playback");
    ServiceBuilder::new()
        .layer(RetryLayer::http(Policy::new(settings)).keep(Cloned))
        .layer(BreakerLayer::http((circuit.clone(), limit)))
        .service(service_fn(playback))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let call = || Request::get("/plays/7").body(String::new());

    let service = before();
    for _ in 0..100 {
        service.clone().oneshot(call()?).await?;
    }
    let sent = REQUESTS.swap(0, Relaxed);
    println!("before: 100 calls, {sent} requests to a backend that is down");
    assert_eq!(sent, 300);

    let circuit = Circuit::new(Default::default()).named("playback");
    let service = after(&circuit);
    let mut refused = 0;
    for _ in 0..100 {
        if let Err(error) = service.clone().oneshot(call()?).await {
            assert!(Rejected::find(&*error).is_some());
            refused += 1;
        }
    }
    let sent = REQUESTS.swap(0, Relaxed);
    println!(
        "after: 100 calls, {sent} requests to a backend that is down, {refused} refused at once"
    );
    assert!(sent < 20, "{sent} requests");
    Ok(())
}
