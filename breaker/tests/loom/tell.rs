//! What others are told and asked while threads are at it.

use crate::support::{MINUTE, both, call, consecutive, end, enter};
use loom::sync::atomic::{AtomicU32, Ordering::SeqCst};
use orlop_breaker::{Circuit, OpenTime, State, Transition, core::Verdict};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

#[test]
fn transitions_at_once_are_told_once_each_and_in_order() {
    loom::model(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (hears, comes) = (Arc::clone(&told), AtomicU32::new(0));
        let observe = move |transition: &Transition| {
            // Here another thread may come first.
            comes.fetch_add(1, SeqCst);
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
        let as_asked = OpenTime::by(|opening| opening.retry_after().unwrap_or_default());
        let (circuit, at) = (Circuit::new(consecutive(1).open(as_asked)), Instant::now());
        let fails = |wait| Verdict::FAILURE.with_retry_after(wait);
        let ticket = enter(&circuit, at).unwrap();
        let ends = circuit.clone();
        both(
            move || end(&ends, ticket, fails(MINUTE / 6), at),
            || {
                circuit.reset();
                call(&circuit, fails(MINUTE / 3), at);
            },
        );
        let seen = circuit.snapshot();
        assert_eq!(seen.state(), State::Open);
        assert_eq!(seen.until(), Some(seen.since() + MINUTE / 3), "as the second was told");
    });
}
