//! Circuits through core's guard: what tower sees.

use crate::support::{calls, consecutive, pass, probing, secs};
use orlop_breaker::{
    BreakerLayer, Circuit, State,
    core::{AnyError, BoxError, CallContext, Kind, Rejected},
};
use std::{
    future::{Future, Ready, poll_fn, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tokio_test::{assert_ready_err, assert_ready_ok, task::spawn};
use tower::{Layer, Service, ServiceExt, service_fn};

async fn half_open(circuit: &Circuit) {
    calls(circuit, "F");
    pass(secs(5)).await;
}

/// Pending so many times, then well.
async fn after(polls: u32) -> Result<(), BoxError> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(Ok(()));
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_at_any_await_point_makes_room_for_another() {
    let circuit = Circuit::new(consecutive(1));
    let service =
        BreakerLayer::new(circuit.clone(), AnyError).layer(service_fn(|polls: u32| after(polls)));
    half_open(&circuit).await;
    for polls in 0..5 {
        let mut probe = Box::pin(service.clone().oneshot(5));
        for _ in 0..polls {
            assert!(probe.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(probe);
        assert_eq!(circuit.snapshot().probes_in_flight(), 0, "dropped after {polls} polls");
    }
    service.oneshot(5).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_inner_service_is_a_failure() {
    let circuit = Circuit::new(consecutive(1));
    let in_call = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(|_: ()| -> Ready<Result<(), BoxError>> { panic!("by test, in call") }));
    let in_poll = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(async |_: ()| -> Result<(), BoxError> { panic!("by test, in poll") }));
    let panics = |future: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(future)).is_err();
    assert!(panics(&mut || drop(in_call.clone().call(()))));
    assert_eq!(circuit.state(), State::Open);
    // As a probe: the circuit opens again, and others go on.
    pass(secs(5)).await;
    assert!(panics(&mut || {
        let mut probe = pin!(in_poll.clone().oneshot(()));
        let _ = probe.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert_eq!(circuit.state(), State::Open);
    pass(secs(5)).await;
    assert_eq!(calls(&circuit, "S"), "S");
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_ready_and_refuses_the_next_call_of_that_handle_only() {
    let circuit = Circuit::new(consecutive(1)).named("a");
    let mut service = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
    calls(&circuit, "F");
    assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
    let mut clone = service.clone();
    circuit.reset();
    let error = service.call(()).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).unwrap().kind(), Kind::Circuit, "ready stays ready");
    assert_ready_ok!(spawn(()).enter(|cx, _| clone.poll_ready(cx)));
    clone.call(()).await.expect("the promise was made to the other handle");
    service.ready().await.unwrap().call(()).await.expect("and held for one call");
}

/// Never becomes ready.
#[derive(Clone)]
struct Down;

impl Service<()> for Down {
    type Response = ();
    type Error = BoxError;
    type Future = Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("connection refused".into()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("never ready")
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_readiness_open_the_circuit_and_keep_it_open() {
    let circuit = Circuit::new(consecutive(3));
    let layer = BreakerLayer::new(circuit.clone(), AnyError);
    for _ in 0..3 {
        assert_eq!(circuit.state(), State::Closed);
        assert_ready_err!(spawn(()).enter(|cx, _| layer.layer(Down).poll_ready(cx)));
    }
    assert_eq!(circuit.state(), State::Open);
    // When it is time for a probe, readiness is the probe.
    pass(secs(5)).await;
    assert_ready_err!(spawn(()).enter(|cx, _| layer.layer(Down).poll_ready(cx)));
    assert_eq!(circuit.state(), State::Open);
    let rejected = circuit.try_enter().unwrap_err();
    assert_eq!(rejected.retry_after(), Some(secs(5)), "a whole open time again");
}

#[tokio::test(start_paused = true)]
async fn a_probe_refused_by_an_inner_circuit_neither_closes_nor_opens() {
    let (outer, inner) = (Circuit::new(consecutive(1)), Circuit::new(consecutive(1)));
    let service = BreakerLayer::new(outer.clone(), AnyError).layer(
        BreakerLayer::new(inner.clone(), AnyError)
            .layer(service_fn(|()| ready(Ok::<_, BoxError>(())))),
    );
    half_open(&outer).await;
    inner.force_open();
    for _ in 0..10 {
        service.clone().oneshot(()).await.unwrap_err();
        assert_eq!(outer.state(), State::HalfOpen);
        assert_eq!(outer.snapshot().probes_in_flight(), 0);
    }
    inner.release();
    service.oneshot(()).await.unwrap();
    assert_eq!(outer.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_refused_by_a_second_gate_beside_it_returns_its_slot() {
    let (first, second) = (Circuit::new(consecutive(1)), Circuit::new(consecutive(1)));
    let service = BreakerLayer::new((first.clone(), second.clone()), AnyError)
        .layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
    half_open(&first).await;
    let _probe = {
        half_open(&second).await;
        second.try_enter().unwrap()
    };
    service.oneshot(()).await.unwrap_err();
    assert_eq!(first.state(), State::HalfOpen);
    assert_eq!(first.snapshot().probes_in_flight(), 0, "refunded");
}

#[tokio::test(start_paused = true)]
async fn two_clones_race_for_the_last_probe_and_one_wins() {
    let circuit = Circuit::new(probing(1, 1));
    let service =
        BreakerLayer::new(circuit.clone(), AnyError).layer(service_fn(|polls: u32| after(polls)));
    half_open(&circuit).await;
    let (mut one, mut two) = (service.clone(), service);
    assert_ready_ok!(spawn(()).enter(|cx, _| Service::<u32>::poll_ready(&mut one, cx)));
    assert_ready_ok!(spawn(()).enter(|cx, _| Service::<u32>::poll_ready(&mut two, cx)));
    let (first, second) = (one.call(1), two.call(1));
    assert!(Rejected::find(&*second.await.unwrap_err()).is_some());
    first.await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_after_a_transition_decides_nothing() {
    let circuit = Circuit::new(consecutive(1));
    let mut service = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(|well: bool| ready(if well { Ok(()) } else { Err("down") })));
    let stale = (service.ready().await.unwrap().call(true), service.call(false));
    half_open(&circuit).await;
    let _probe = circuit.try_enter().unwrap();
    let before = circuit.snapshot();
    stale.0.await.unwrap();
    stale.1.await.unwrap_err();
    assert_eq!(circuit.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn calls_dropped_at_their_deadline_open_the_circuit_and_earlier_ones_do_not() {
    // A function, for a closure's type would not say that what it returns lives as long as what it is given.
    fn itself(req: &CallContext) -> Option<&CallContext> {
        Some(req)
    }
    let circuit = Circuit::new(consecutive(3));
    let service = BreakerLayer::new(circuit.clone(), AnyError)
        .context(itself)
        .layer(service_fn(|_: CallContext| std::future::pending::<Result<(), BoxError>>()));
    let call = || CallContext::new().timeout(secs(1));
    for _ in 0..10 {
        let mut frozen = spawn(service.clone().oneshot(call()));
        assert!(frozen.poll().is_pending());
    }
    assert_eq!(circuit.snapshot().consecutive_failures(), 0, "their callers left early");
    for _ in 0..3 {
        let mut frozen = spawn(service.clone().oneshot(call()));
        assert!(frozen.poll().is_pending());
        pass(secs(1)).await;
    }
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_the_circuit() {
    let circuit = Circuit::new(consecutive(2));
    let layer = BreakerLayer::new(circuit.clone(), AnyError).typed();
    let down = || layer.layer(service_fn(|()| ready(Err::<(), _>(std::fmt::Error))));
    down().oneshot(()).await.unwrap_err();
    down().oneshot(()).await.unwrap_err();
    assert_eq!(circuit.state(), State::Open);
}
