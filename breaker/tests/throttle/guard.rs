//! Throttles through core's guard, and beside circuits.

use crate::support::{book, calls, counts, pass, secs};
use orlop_breaker::{
    BreakerLayer, Circuit, OpenTime, Settings, State, Throttle, ThrottleLayer, Trip,
    core::{AnyError, BoxError, CallContext, Gate, Kind, Now, Permit, Rejected, Verdict},
};
use std::{
    future::{Ready, pending, ready},
    num::NonZeroU32,
    task::{Context, Poll},
};
use tokio_test::{assert_pending, assert_ready_err, task::spawn};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Refuses all but one call in 10,000, and with this seed the next ones.
fn refusing() -> Throttle {
    let throttle = Throttle::new(book()).named("playback").seeded(1);
    calls(&throttle, 10_000, Verdict::THROTTLED);
    throttle
}

fn circuit() -> Circuit {
    let settings = Settings::default()
        .trip([Trip::consecutive_failures(NonZeroU32::MIN)])
        .open(OpenTime::fixed(secs(5)));
    Circuit::new(settings)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_throttle_and_no_time_to_come_back() {
    let throttle = refusing();
    let mut service = ThrottleLayer::new(throttle.clone(), AnyError)
        .layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
    let error = service.ready().await.unwrap().call(()).await.unwrap_err();
    let rejected = Rejected::find(&*error).expect("refused");
    assert_eq!((rejected.kind(), rejected.name()), (Kind::Throttle, Some("playback")));
    assert_eq!(rejected.retry_after(), None);
    let next = CallContext::new();
    assert!(Permit::enter(&throttle, "request", Some(&next), &Now::lazy()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_service_counts_what_its_calls_come_to() {
    let throttle = Throttle::new(book().minimum_calls(10));
    let service = ThrottleLayer::new(throttle.clone(), AnyError).layer(service_fn(|ok: bool| {
        ready(ok.then_some(()).ok_or_else(|| BoxError::from("by test")))
    }));
    service.clone().oneshot(true).await.unwrap();
    service.clone().oneshot(false).await.unwrap_err();
    assert_eq!(counts(&throttle), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_midway_leaves_no_trace() {
    let throttle = Throttle::default();
    let service = ThrottleLayer::new(throttle.clone(), AnyError)
        .layer(service_fn(|()| pending::<Result<(), BoxError>>()));
    let mut call = spawn(service.oneshot(()));
    assert_pending!(call.poll());
    assert_eq!(counts(&throttle), (1, 0));
    drop(call);
    assert_eq!(counts(&throttle), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_become_ready_accepts_nothing() {
    #[derive(Clone)]
    struct Unready;
    impl Service<()> for Unready {
        type Response = ();
        type Error = BoxError;
        type Future = Ready<Result<(), BoxError>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Err("by test".into()))
        }
        fn call(&mut self, (): ()) -> Self::Future {
            ready(Ok(()))
        }
    }
    let throttle = Throttle::new(book());
    let mut service = spawn(ThrottleLayer::new(throttle.clone(), AnyError).layer(Unready));
    assert_ready_err!(service.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(counts(&throttle), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_throttle_and_a_circuit_are_one_gate() {
    let (circuit, throttle) = (circuit(), Throttle::default());
    let service = BreakerLayer::new((circuit.clone(), throttle.clone()), AnyError).layer(
        service_fn(|ok: bool| ready(ok.then_some(()).ok_or_else(|| BoxError::from("by test")))),
    );
    service.clone().oneshot(true).await.unwrap();
    assert_eq!(counts(&throttle), (1, 1));
    service.clone().oneshot(false).await.unwrap_err();
    assert_eq!((circuit.state(), counts(&throttle)), (State::Open, (2, 1)));
    // The circuit is asked first: what it refuses, the throttle never sees.
    let error = service.clone().oneshot(true).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Circuit));
    assert_eq!(counts(&throttle), (2, 1));
    pass(secs(5)).await;
    service.oneshot(true).await.unwrap();
    assert_eq!(counts(&throttle), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn what_a_later_gate_refuses_is_no_request() {
    let (throttle, circuit) = (Throttle::default(), circuit());
    circuit.force_open();
    let both = (throttle.clone(), circuit);
    let rejected = Gate::<()>::enter(&both, &(), None, &Now::lazy()).unwrap_err();
    assert_eq!(rejected.kind(), Kind::Circuit);
    assert_eq!(counts(&throttle), (0, 0));
}
