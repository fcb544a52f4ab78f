//! A circuit in shadow: it computes, and refuses nothing.

use crate::support::{consecutive, last, n, pass, play, rate, secs, seen, verdict};
use orlop_breaker::{
    BreakerLayer, Cause, Circuit, Initial, Ramp, State, Transition,
    core::{Again, AnyError, BoxError, Gate, Now},
};
use std::{
    future::ready,
    sync::{Arc, Mutex},
    task::Waker,
};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn it_refuses_nothing_and_shows_where_it_would_stand() {
    let circuit = Circuit::new(rate(50, 4, last(4)).initial(Initial::Shadow));
    let stands = || circuit.snapshot().in_shadow();
    play(&circuit, "shadow FFS").await;
    assert_eq!((stands(), seen(&circuit)), (Some(State::Closed), (3, 2, 0)));
    play(&circuit, "F shadow").await;
    assert_eq!(stands(), Some(State::Open));
    let snapshot = circuit.snapshot();
    assert!(matches!(snapshot.cause(), Some(Cause::FailureRate(_))));
    assert!(snapshot.until().is_some(), "when it would probe");
    play(&circuit, "SFSFSF").await;
    assert_eq!(circuit.snapshot().would_have_refused(), 6);
    play(&circuit, "+5s N shadow").await;
    assert_eq!(stands(), Some(State::HalfOpen));
    play(&circuit, "S shadow").await;
    assert_eq!(stands(), Some(State::Closed));
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.refused(), snapshot.would_have_refused()), (0, 6));
}

#[tokio::test(start_paused = true)]
async fn only_would_be_probes_decide_its_half_open() {
    let circuit = Circuit::new(consecutive(1));
    circuit.shadow();
    play(&circuit, "F +5s").await;
    let probe = circuit.try_enter().unwrap();
    let beside = circuit.try_enter().expect("nothing is refused");
    assert_eq!(circuit.snapshot().probes_in_flight(), 1);
    beside.settle(verdict('F').unwrap());
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::HalfOpen), "it would have been refused");
    assert_eq!(circuit.snapshot().would_have_refused(), 1);
    probe.settle(verdict('S').unwrap());
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::Closed));
}

#[tokio::test(start_paused = true)]
async fn calls_let_through_while_it_would_be_open_count_nowhere() {
    let circuit = Circuit::new(consecutive(2));
    circuit.shadow();
    play(&circuit, "FF").await;
    let open = circuit.snapshot();
    play(&circuit, "SSSS FFFF LDNT").await;
    let later = circuit.snapshot();
    assert_eq!((later.in_shadow(), later.generation()), (open.in_shadow(), open.generation()));
    assert_eq!(later.would_have_refused(), 12);
}

#[tokio::test(start_paused = true)]
async fn its_transitions_say_that_they_are_only_computed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let circuit = Circuit::new(consecutive(1)).observed(move |step: &Transition| {
        into.lock().unwrap().push((step.is_in_shadow(), step.from(), step.to()));
    });
    circuit.shadow();
    play(&circuit, "F +5s F +5s S F").await;
    circuit.release();
    use State::{Closed, HalfOpen, Open, Shadow};
    let expected = [
        (false, Closed, Shadow),
        (true, Closed, Open),
        (true, Open, HalfOpen),
        (true, HalfOpen, Open),
        (true, Open, HalfOpen),
        (true, HalfOpen, Closed),
        (true, Closed, Open),
        (false, Shadow, Closed),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn every_hand_ends_it() {
    for (hand, state) in [
        (Circuit::release as fn(&Circuit), State::Closed),
        (Circuit::force_close, State::Closed),
        (Circuit::reset, State::Closed),
        (Circuit::force_open, State::ForcedOpen),
        (Circuit::disable, State::Disabled),
    ] {
        let circuit = Circuit::new(consecutive(1).initial(Initial::Shadow));
        play(&circuit, "FFF").await;
        let early = circuit.try_enter().unwrap();
        hand(&circuit);
        let snapshot = circuit.snapshot();
        assert_eq!((snapshot.state(), snapshot.in_shadow()), (state, None));
        early.settle(verdict('F').unwrap());
        assert_eq!(circuit.state(), state, "calls of the shadow count nowhere after it");
        if state == State::Closed {
            play(&circuit, "F open x").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn new_settings_leave_it_in_shadow() {
    let circuit = Circuit::new(consecutive(2).initial(Initial::Shadow));
    play(&circuit, "F").await;
    circuit.update(consecutive(1).initial(Initial::Closed));
    play(&circuit, "shadow").await;
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::Closed), "other rules, other counts");
    play(&circuit, "F shadow").await;
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::Open));
}

#[tokio::test(start_paused = true)]
async fn tower_sees_no_refusal_and_those_who_wait_need_not() {
    let circuit = Circuit::new(consecutive(1));
    circuit.shadow();
    play(&circuit, "F").await;
    let service = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
    for _ in 0..3 {
        service.clone().oneshot(()).await.unwrap();
    }
    assert_eq!(circuit.snapshot().would_have_refused(), 3);
    assert!(Gate::<str>::refusing(&circuit, &Now::lazy()).is_none());
    assert_eq!(Gate::<str>::wake(&circuit, Waker::noop(), &Now::lazy()), Again::Never);
}

#[tokio::test(start_paused = true)]
async fn a_ramp_in_shadow_counts_what_it_would_refuse() {
    let circuit = Circuit::new(consecutive(1).ramp(Ramp::over(secs(8)).unwrap()).successes(n(1)));
    circuit.shadow();
    play(&circuit, "F +5s S").await;
    play(&circuit, &"S".repeat(16)).await;
    assert_eq!(circuit.snapshot().would_have_refused(), 15);
    assert_eq!(circuit.snapshot().share(), Some(1.0 / 16.0));
    pass(secs(8)).await;
    play(&circuit, "S shadow").await;
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::Closed));
}
