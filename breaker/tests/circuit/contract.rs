//! Tower's contract, with testkit's probe behind the breaker: it panics if it is used against it.

use crate::support::{calls, consecutive, pass, probing, secs};
use orlop_breaker::{
    Breaker, BreakerLayer, Circuit, State,
    core::{AnyError, Refused},
};
use orlop_testkit::{Probe, ProbeHandle};
use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};
use tokio_test::{assert_pending, assert_ready_ok, task::spawn};
use tower::{Layer, Service};

type Guarded =
    Breaker<Probe, Circuit, AnyError, orlop_breaker::core::OnHead, orlop_breaker::core::Typed>;

fn guarded(circuit: &Circuit) -> (Guarded, ProbeHandle) {
    let (probe, handle) = Probe::new();
    (BreakerLayer::new(circuit.clone(), AnyError).typed().layer(probe), handle)
}

/// Becomes ready, and makes one call.
fn call(service: &mut Guarded) -> Result<u32, Refused<Infallible>> {
    assert_ready_ok!(spawn(()).enter(|cx, _| Service::<u32>::poll_ready(service, cx)));
    match spawn(service.call(7)).poll() {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the probe answers at once"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_behind_is_called_only_when_it_was_ready_whatever_the_circuit_does() {
    let circuit = Circuit::new(probing(1, 2));
    let (mut service, handle) = guarded(&circuit);
    assert_eq!(call(&mut service).unwrap(), 7);
    calls(&circuit, "F");
    // Open: ready without the service's being ready, and then refused without a call.
    handle.block();
    for _ in 0..3 {
        assert!(matches!(call(&mut service), Err(Refused::Rejected(_))));
    }
    assert_eq!(handle.calls(), 1);
    // Half-open: it waits for the service.
    pass(secs(5)).await;
    assert_pending!(spawn(()).enter(|cx, _| Service::<u32>::poll_ready(&mut service, cx)));
    handle.unblock();
    assert_eq!(call(&mut service).unwrap(), 7);
    assert_eq!(circuit.state(), State::HalfOpen);
    assert_eq!(call(&mut service).unwrap(), 7);
    assert_eq!((circuit.state(), handle.calls()), (State::Closed, 3));
}

#[tokio::test(start_paused = true)]
async fn a_clone_made_after_readiness_is_not_ready() {
    let circuit = Circuit::new(consecutive(2));
    let (mut service, handle) = guarded(&circuit);
    assert_ready_ok!(spawn(()).enter(|cx, _| Service::<u32>::poll_ready(&mut service, cx)));
    let mut clone = service.clone();
    let unready = catch_unwind(AssertUnwindSafe(|| drop(clone.call(1))));
    assert!(unready.is_err(), "the probe in the clone was never ready");
    assert_eq!(spawn(service.call(2)).poll(), Poll::Ready(Ok(2)), "the original still is");
    assert_eq!(handle.in_flight(), 0);
    assert_eq!(circuit.state(), State::Closed, "the panic was a failure, the answer ended the run");
}

#[tokio::test(start_paused = true)]
async fn a_probe_future_dropped_at_either_of_its_states_frees_its_slot() {
    let circuit = Circuit::new(probing(1, 1));
    let (mut service, handle) = guarded(&circuit);
    handle.hold();
    for polls in [0, 1, 2] {
        calls(&circuit, "F");
        pass(secs(5)).await;
        assert_ready_ok!(spawn(()).enter(|cx, _| Service::<u32>::poll_ready(&mut service, cx)));
        let mut future = spawn(service.call(1));
        for _ in 0..polls {
            assert_pending!(future.poll());
        }
        assert_eq!(circuit.snapshot().probes_in_flight(), 1);
        assert!(circuit.try_enter().is_err());
        drop(future);
        assert_eq!((handle.in_flight(), circuit.snapshot().probes_in_flight()), (0, 0));
        assert!(circuit.try_enter().is_ok(), "after {polls} polls");
        circuit.reset();
    }
    assert_eq!(handle.dropped(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_panics_is_a_failure_and_nobody_else_notices() {
    let circuit = Circuit::new(consecutive(2));
    let (mut service, handle) = guarded(&circuit);
    handle.panic();
    for state in [State::Closed, State::Open] {
        let polled = catch_unwind(AssertUnwindSafe(|| call(&mut service)));
        assert!(polled.is_err());
        assert_eq!(circuit.state(), state);
    }
    assert!(matches!(call(&mut service), Err(Refused::Rejected(_))));
    assert_eq!(handle.in_flight(), 0);
}
