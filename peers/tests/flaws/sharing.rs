//! F14: two services that one layer makes, as a router does for each of its routes.

use crate::{
    MENDED,
    call::{BAD, Breaker, Went},
    runtime::paused,
    subject::{Ours, TowerResilience, n, plain},
};
use orlop_breaker::{BreakerLayer, Circuit, Trip};
use orlop_core::AnyError;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// What a call through the one comes to when the other has opened.
fn through_the_other(one: &impl Breaker, other: &impl Breaker) -> Went {
    assert_eq!(one.failures_to_open(10), 1);
    other.one(BAD)
}

/// The peer's layer shares its circuit only where it was built with a handle.
#[test]
fn services_of_one_layer_share_their_circuit() {
    let layer = CircuitBreakerLayer::standard().consecutive_failures(1).build().unwrap();
    let peer = through_the_other(&TowerResilience::of(&layer), &TowerResilience::of(&layer));
    assert_eq!(peer, Went::Badly, "{MENDED}");
    paused(async {
        let circuit = Circuit::new(plain([Trip::consecutive_failures(n(1))]));
        let layer = BreakerLayer::new(circuit.clone(), AnyError);
        let (one, other) = (Ours::of(&layer, &circuit), Ours::of(&layer, &circuit));
        assert_eq!(through_the_other(&one, &other), Went::Refused);
    });
}
