//! Services that fail to become ready: connections that cannot be had.

use crate::support::{consecutive, failing, half_open, last, n, plain, play, seen};
use orlop_breaker::{
    BreakerLayer, Cause, Circuit, Recovery, State, Trip,
    core::{AnyError, BoxError, Kind, Rejected},
};
use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};
use tokio_test::{assert_ready_err, assert_ready_ok, task::spawn};
use tower::{Layer, Service};

/// Fails to become ready: refused by the other side, or, with a kind, by this process.
#[derive(Clone)]
struct Down(Option<Kind>);

impl Service<()> for Down {
    type Response = ();
    type Error = BoxError;
    type Future = Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err(match self.0 {
            Some(kind) => Rejected::new(kind).into(),
            None => "connection refused".into(),
        }))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

fn ask(circuit: &Circuit, down: Down) {
    let mut service = BreakerLayer::new(circuit.clone(), AnyError).layer(down);
    assert_ready_err!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
}

#[tokio::test(start_paused = true)]
async fn each_failure_to_become_ready_counts_as_one() {
    let circuit = Circuit::new(plain([Trip::consecutive_failures(n(3)), failing(100, 9, last(9))]));
    ask(&circuit, Down(None));
    ask(&circuit, Down(None));
    assert_eq!((circuit.snapshot().consecutive_failures(), seen(&circuit)), (2, (2, 2, 0)));
    ask(&circuit, Down(None));
    assert_eq!(circuit.snapshot().cause(), Some(Cause::ConsecutiveFailures(3)));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_ready_to_refuse_and_asks_nobody() {
    let circuit = Circuit::new(consecutive(1));
    ask(&circuit, Down(None));
    play(&circuit, "open").await;
    let mut service = BreakerLayer::new(circuit.clone(), AnyError).layer(Down(None));
    assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
    assert!(Rejected::find(&*service.call(()).await.unwrap_err()).is_some());
}

#[tokio::test(start_paused = true)]
async fn readiness_that_fails_when_it_is_time_for_a_probe_opens_for_a_whole_time() {
    // Whatever the recovery forgives: there is nobody to probe.
    for recovery in [Recovery::successes(n(1)), Recovery::successes_of(n(1), n(9))] {
        let circuit = half_open(consecutive(1).recovery(recovery)).await;
        ask(&circuit, Down(None));
        assert_eq!(circuit.snapshot().cause(), Some(Cause::Unready));
        play(&circuit, "open +4999ms x +1ms").await;
        let probe = circuit.try_enter().unwrap();
        ask(&circuit, Down(None));
        play(&circuit, "open x").await;
        let open = circuit.snapshot();
        drop(probe);
        assert_eq!(circuit.snapshot(), open);
        play(&circuit, "+5s S closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_by_this_process_say_nothing_about_the_other_side() {
    let circuit = Circuit::new(consecutive(1));
    ask(&circuit, Down(Some(Kind::Limit)));
    play(&circuit, "closed F open +5s").await;
    ask(&circuit, Down(Some(Kind::Limit)));
    play(&circuit, "open S closed").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_set_by_hand_is_left_alone() {
    let circuit = Circuit::new(consecutive(1));
    circuit.disable();
    ask(&circuit, Down(None));
    play(&circuit, "disabled").await;
    circuit.shadow();
    ask(&circuit, Down(None));
    play(&circuit, "shadow").await;
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::Open));
}
