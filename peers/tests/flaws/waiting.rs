//! F8, F9 and F10: callers that wait.
//!
//! These are not flaws of breakers: the peers are tower-resilience's coalescing, outlier detection and reconnecting. Ours
//! has no such layers; shown is what a caller waits for that comes nearest: a place in a line behind a call in flight, an
//! endpoint whose circuit is open, a first endpoint to call.

use crate::{
    MENDED,
    call::{Breaker, Down},
    runtime::{paused, polls_with_nothing_to_do, settle},
    subject::{Ours, n, plain},
};
use futures_util::stream;
use orlop_breaker::Trip;
use orlop_bulkhead::{Line, QueueLayer};
use orlop_core::{Addr, AnyError, BoxError, Endpoint, Update};
use orlop_lb::{Balance, Settings, fixed};
use std::{
    future::{Future, pending, poll_fn, ready},
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::advance,
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_coalesce::CoalesceLayer;
use tower_resilience_outlier::{OutlierDetectionLayer, OutlierDetector};
use tower_resilience_reconnect::{ReconnectConfig, ReconnectService};

/// Where counting ends: it is a spin.
const AT_MOST: u64 = 10_000;

fn polls<F: Future>(future: F) -> u64 {
    let mut future = Box::pin(future);
    polls_with_nothing_to_do(AT_MOST, |cx| future.as_mut().poll(cx))
}

/// A second call while the first is with a backend that does not answer: how often it is polled, with nothing new to see.
async fn polls_behind_another<S: Service<u32> + Clone>(service: S) -> u64 {
    let mut first = Box::pin(service.clone().oneshot(7));
    assert!(futures_util::poll!(&mut first).is_pending());
    polls(service.oneshot(7))
}

#[test]
fn a_call_that_waits_for_another_is_polled_when_there_is_news() {
    let hangs = || service_fn(|_: u32| pending::<Result<(), Down>>());
    let (peer, ours) = paused(async {
        let peer = CoalesceLayer::new(|key: &u32| *key).layer(hangs());
        let line = orlop_bulkhead::Settings::default()
            .with_limit(NonZeroU32::MIN)
            .with_max_waiting(1)
            .with_max_wait(Duration::from_secs(10));
        let ours = QueueLayer::new(Line::new(line)).layer(hangs());
        (polls_behind_another(peer).await, polls_behind_another(ours).await)
    });
    println!("coalesced, a waiting call is polled {peer} times or more; in line {ours} times");
    assert_eq!(peer, AT_MOST, "{MENDED}");
    assert_eq!(ours, 1);
}

fn endpoint() -> Endpoint {
    Endpoint::new("a", Addr::from(([127, 0, 0, 1], 9000)))
}

#[test]
fn a_call_that_waits_for_an_open_circuit_does_not_spin() {
    let detector = OutlierDetector::new().max_ejection_percent(100);
    detector.register("a", 1);
    detector.record_failure("a");
    let layer = OutlierDetectionLayer::builder().detector(detector).instance_name("a").build();
    let mut ejected = layer.unwrap().layer(service_fn(|(): ()| ready(Ok::<_, Down>(()))));
    let peer = polls_with_nothing_to_do(AT_MOST, |cx| ejected.poll_ready(cx));

    let (standing, through) = paused(async {
        let breaker = Ours::new(plain([Trip::consecutive_failures(n(1))]));
        let circuit = breaker.circuit.clone();
        let connect =
            |_: &Endpoint| Ok::<_, BoxError>(service_fn(|(): ()| ready(Ok::<_, Down>(()))));
        let balance = Balance::builder(fixed([endpoint()]), connect, AnyError)
            .gate(move |_: &Endpoint| circuit.clone())
            .settings(Settings::new().wait_when_refused(Duration::from_secs(10)))
            .build();
        settle().await;
        breaker.fail(1);
        let standing = polls(balance.clone().oneshot(()));
        let (mut through, mut call) = (0, Box::pin(balance.oneshot(())));
        let went = poll_fn(|cx| {
            through += 1;
            call.as_mut().poll(cx)
        });
        went.await.expect("the circuit has become half-open, and the backend is well");
        (standing, through)
    });
    println!("ejected, it is polled {peer} times or more; behind an open circuit {standing} times");
    println!("and {through} times until it is through, 1 s later");
    assert_eq!(peer, AT_MOST, "{MENDED}");
    assert!(standing <= 2, "{standing} polls while the clock stood still");
    // A waiting call asks every 50 ms, whatever its gates say: 20 times, and two to begin and to end.
    assert!(through <= 22, "{through} polls in 1 s");
}

/// Eight callers wait for what `comes`. How many of them are served in the hour after it has come.
async fn served<S>(service: S, comes: impl FnOnce()) -> usize
where
    S: Service<(), Future: Send> + Clone + Send + 'static,
{
    let served = Arc::new(AtomicUsize::new(0));
    for _ in 0..8 {
        let (call, served) = (service.clone().oneshot(()), Arc::clone(&served));
        tokio::spawn(async move { served.fetch_add(usize::from(call.await.is_ok()), Relaxed) });
    }
    settle().await;
    assert_eq!(served.load(Relaxed), 0, "there is nothing yet");
    comes();
    settle().await;
    advance(Duration::from_secs(3600)).await;
    settle().await;
    served.load(Relaxed)
}

async fn served_by_reconnecting() -> usize {
    let (connected, connects) = oneshot::channel::<()>();
    let connects = Arc::new(Mutex::new(Some(connects)));
    let factory = service_fn(move |(): ()| {
        let connects = connects.lock().unwrap().take().expect("connects once");
        async {
            connects.await.map_err(|_| Down)?;
            Ok::<_, Down>(service_fn(|(): ()| ready(Ok::<_, Down>(()))))
        }
    });
    let service = ReconnectService::new(factory, (), ReconnectConfig::builder().build());
    served(service, || connected.send(()).expect("they wait for it")).await
}

async fn served_by_a_balancer() -> usize {
    let (tell, mut told) = mpsc::unbounded_channel();
    let connect = |_: &Endpoint| Ok::<_, BoxError>(service_fn(|(): ()| ready(Ok::<_, Down>(()))));
    let balance =
        Balance::builder(stream::poll_fn(move |cx| told.poll_recv(cx)), connect, AnyError)
            .settings(Settings::new().wait_for_endpoints(Duration::from_secs(10)))
            .build();
    served(balance, || tell.send(Update::Reset(vec![endpoint()])).expect("it is followed")).await
}

/// The peer's clones poll one future, and that keeps the waker of the last of them.
#[test]
fn all_that_wait_for_one_thing_are_woken_by_it() {
    let (peer, ours) =
        paused(async { (served_by_reconnecting().await, served_by_a_balancer().await) });
    println!("of 8 that wait for a connection {peer} are served, for an endpoint {ours}");
    assert_eq!(peer, 1, "{MENDED}");
    assert_eq!(ours, 8);
}
