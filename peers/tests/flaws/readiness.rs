//! F7: a backend that does not become ready.

use crate::{
    MENDED,
    call::Down,
    runtime::paused,
    subject::{n, plain},
};
use futures_util::FutureExt;
use orlop_breaker::{BreakerLayer, Circuit, State, Trip};
use orlop_core::AnyError;
use std::{
    future::Ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, CircuitState};

/// Tries to connect when asked whether it is ready, and fails.
#[derive(Clone, Default)]
struct Unready {
    connects: Arc<AtomicUsize>,
}

impl Service<()> for Unready {
    type Response = ();
    type Error = Down;
    type Future = Ready<Result<(), Down>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        self.connects.fetch_add(1, Relaxed);
        Poll::Ready(Err(Down))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("never ready")
    }
}

/// How many of 1000 calls reach the backend.
fn connects<L>(layer: &L) -> usize
where
    L: Layer<Unready, Service: Service<(), Response = ()> + Clone>,
{
    let backend = Unready::default();
    let service = layer.layer(backend.clone());
    for _ in 0..1_000 {
        let went = service.clone().oneshot(()).now_or_never().expect("nothing to wait for");
        assert!(went.is_err(), "nobody is ready");
    }
    backend.connects.load(Relaxed)
}

#[test]
fn a_backend_that_cannot_be_reached_opens_the_circuit() {
    let (layer, handle) =
        CircuitBreakerLayer::standard().consecutive_failures(5).build_with_handle().unwrap();
    let peer = connects(&layer);
    let (ours, state) = paused(async {
        let circuit = Circuit::new(plain([Trip::consecutive_failures(n(5))]));
        (connects(&BreakerLayer::new(circuit.clone(), AnyError)), circuit.state())
    });
    println!("of 1000 calls that cannot connect {peer} try to, with ours {ours}");
    assert_eq!((peer, handle.state()), (1_000, CircuitState::Closed), "{MENDED}");
    let counted = handle.metrics().now_or_never().expect("nobody holds its lock").total_calls;
    assert_eq!(counted, 0, "{MENDED}");
    assert_eq!((ours, state), (5, State::Open));
}
