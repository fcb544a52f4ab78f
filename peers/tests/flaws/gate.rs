//! F13: a refusal comes at once, also while somebody else is inside of the breaker.

use crate::{
    MENDED,
    call::{BAD, Breaker, Went, poll_once},
    runtime::{paused, real},
    subject::{Ours, TowerResilience, n, plain},
};
use orlop_breaker::{BreakerLayer, Circuit, State, Transition, Trip};
use orlop_core::AnyError;
use std::{
    future::ready,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// Calls through the breaker that it listens to, and notes what that comes to at its first poll. It stands for another
/// thread that comes while the breaker has work to do.
struct Listener<B> {
    breaker: OnceLock<B>,
    heard: AtomicBool,
    seen: OnceLock<Poll<Went>>,
}

impl<B: Breaker> Listener<B> {
    fn new() -> Arc<Self> {
        let (breaker, heard, seen) = Default::default();
        Arc::new(Self { breaker, heard, seen })
    }

    fn hear(&self) {
        // Only the first time: it may hear of its own refusal.
        if !self.heard.swap(true, SeqCst) {
            let breaker = self.breaker.get().expect("set before the first call");
            let _ = self.seen.set(poll_once(&mut breaker.call(Box::pin(ready(BAD)))));
        }
    }

    /// Opens the breaker and has it refuse a call.
    fn run(&self, breaker: B) -> Poll<Went> {
        let breaker = self.breaker.get_or_init(|| breaker);
        assert_eq!(breaker.failures_to_open(10), 1);
        *self.seen.get().expect("an open circuit has refused")
    }
}

/// The peer's mutex is taken, so it waits for a millisecond and asks again: for that it needs tokio's timer, too.
#[test]
fn an_open_circuit_refuses_at_once_also_while_others_are_inside() {
    let peer = real(async {
        let listener = Listener::new();
        let hears = Arc::clone(&listener);
        let config = CircuitBreakerLayer::standard().consecutive_failures(1);
        listener.run(TowerResilience::new(config.on_call_rejected(move || hears.hear())))
    });
    assert_eq!(peer, Poll::Pending, "{MENDED}");
    let ours = paused(async {
        let listener = Listener::new();
        let hears = Arc::clone(&listener);
        let circuit = Circuit::new(plain([Trip::consecutive_failures(n(1))])).observed(
            move |transition: &Transition| {
                assert_eq!(transition.to(), State::Open);
                hears.hear();
            },
        );
        listener.run(Ours::of(&BreakerLayer::new(circuit.clone(), AnyError), &circuit))
    });
    assert_eq!(ours, Poll::Ready(Went::Refused));
}
