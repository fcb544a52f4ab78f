//! Readiness.

use super::{Asked, Recorder};
use orlop_core::{AnyError, Class, Guard, GuardLayer, Kind, OnHead, Rejected};
use std::{future::poll_fn, task::Poll};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service};

fn guard(gate: &Recorder, inner: Asked) -> Guard<Asked, Recorder, AnyError, OnHead> {
    GuardLayer::new(gate.clone(), AnyError).layer(inner)
}

fn poll(
    service: &mut impl Service<(), Error = orlop_core::BoxError>,
) -> Poll<Result<(), orlop_core::BoxError>> {
    task::spawn(poll_fn(|cx| service.poll_ready(cx))).poll()
}

#[test]
fn layers_that_never_wait_pass_poll_ready_through() {
    let gate = Recorder::new();
    let inner = Asked::answering(|| Poll::Pending);
    assert_pending!(poll(&mut guard(&gate, inner.clone())));
    assert_eq!(inner.times(), 1);
    assert_ready_ok!(poll(&mut guard(&gate, Asked::answering(|| Poll::Ready(Ok(()))))));
    assert!(gate.heard().is_empty(), "nothing is entered before the call");
}

#[test]
fn one_that_is_refusing_is_ready_without_polling_the_inner_service_and_then_refuses_its_next_call()
{
    let gate = Recorder::new();
    gate.refuse_early(Kind::Circuit);
    let inner = Asked::answering(|| Poll::Pending);
    let mut service = guard(&gate, inner.clone());
    assert_ready_ok!(poll(&mut service));
    assert_eq!(inner.times(), 0);
    gate.admit();
    let Poll::Ready(Err(error)) = task::spawn(service.call(())).poll() else {
        panic!("refused, although the gate would let it in by now: the inner service was not asked")
    };
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Circuit));
}

#[test]
fn an_error_of_readiness_is_an_outcome() {
    let gate = Recorder::new();
    let mut service =
        guard(&gate, Asked::answering(|| Poll::Ready(Err("connection refused".into()))));
    assert!(matches!(poll(&mut service), Poll::Ready(Err(_))));
    assert_eq!(gate.heard(), [super::support::Heard::Unready(Class::Failure)]);
}

#[test]
fn a_clone_starts_unready() {
    let gate = Recorder::new();
    gate.refuse_early(Kind::Circuit);
    let mut service = guard(&gate, Asked::answering(|| Poll::Ready(Ok(()))));
    assert_ready_ok!(poll(&mut service));
    gate.admit();
    let mut clone = service.clone();
    assert_ready_ok!(poll(&mut clone));
    assert!(matches!(task::spawn(clone.call(())).poll(), Poll::Ready(Ok(()))), "owes no refusal");
}
