//! What others are told and asked while threads are at it.

use crate::support::{MINUTE, both, call, consecutive};
use orlop_breaker::{Circuit, OpenTime, State, Transition, core::Verdict};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

#[test]
fn transitions_at_once_are_told_once_each_and_in_order() {
    loom::model(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let observe = move |transition: &Transition| {
            let Ok(mut told) = hears.lock() else { return };
            told.push((transition.generation(), transition.to()));
        };
        let circuit = Circuit::new(consecutive(1)).observed(observe);
        let forces = circuit.clone();
        both(move || forces.force_open(), || circuit.disable());
        let told = told.lock().unwrap();
        let last = circuit.state();
        let first = if last == State::Disabled { State::ForcedOpen } else { State::Disabled };
        assert_eq!(*told, [(1, first), (2, last)]);
    });
}

#[test]
fn an_open_time_that_is_late_changes_nothing() {
    loom::model(|| {
        let settings = consecutive(1).open(OpenTime::by(|_| MINUTE));
        let (circuit, at) = (Circuit::new(settings), Instant::now());
        let resets = circuit.clone();
        let ticket = crate::support::enter(&circuit, at).unwrap();
        both(
            move || resets.reset(),
            || crate::support::end(&circuit, ticket, Verdict::FAILURE, at),
        );
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.until()), (State::Closed, None));
        call(&circuit, Verdict::FAILURE, at);
        assert!(circuit.snapshot().until().is_some());
    });
}
