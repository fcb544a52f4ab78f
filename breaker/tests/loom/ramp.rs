//! The load coming back in shares.

use crate::support::{both, call, consecutive, due, end, enter};
use orlop_breaker::{Circuit, Ramp, State, core::Verdict};
use std::time::Duration;
use tokio::time::Instant;

const RAMP: Duration = Duration::from_secs(60);

/// A circuit whose ramp has begun at this time, and its generation.
fn ramping() -> (Circuit, Instant, u32) {
    let (circuit, at) = due(consecutive(1).ramp(Ramp::over(RAMP).unwrap()));
    call(&circuit, Verdict::SUCCESS, at);
    let seen = circuit.snapshot();
    assert_eq!((seen.state(), seen.probes_in_flight()), (State::HalfOpen, 0));
    assert!(seen.share().is_some());
    (circuit, at, seen.generation())
}

#[test]
fn of_two_at_the_start_of_a_ramp_one_passes() {
    loom::model(|| {
        let (circuit, at, _) = ramping();
        let enters = circuit.clone();
        let (one, other) =
            both(move || enter(&enters, at).is_some(), || enter(&circuit, at).is_some());
        assert!(one ^ other, "one of sixteen");
    });
}

#[test]
fn at_the_end_of_a_ramp_everybody_passes_and_it_closes_once() {
    loom::model(|| {
        let (circuit, at, generation) = ramping();
        let over = at + RAMP;
        let enters = circuit.clone();
        let both = both(move || enter(&enters, over).is_some(), || enter(&circuit, over).is_some());
        assert_eq!(both, (true, true));
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.generation()), (State::Closed, generation + 1));
    });
}

#[test]
fn a_failure_in_a_ramp_opens_it_unless_the_ramp_is_over_first() {
    loom::model(|| {
        let (circuit, at, generation) = ramping();
        let ticket = enter(&circuit, at).unwrap();
        let over = at + RAMP;
        let fails = circuit.clone();
        let ((), admitted) = both(
            move || end(&fails, ticket, Verdict::FAILURE, over),
            || enter(&circuit, over).is_some(),
        );
        let seen = circuit.snapshot();
        let closed = if admitted { State::Closed } else { State::Open };
        assert_eq!((seen.state(), seen.generation()), (closed, generation + 1));
    });
}
