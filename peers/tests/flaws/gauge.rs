//! F16: the gauge of the state.

use crate::{
    MENDED,
    call::{GOOD, Shown, State, Went, admitted},
    runtime::{paused, real},
    subject::{Ours, PEER_OPEN, TowerResilience, n, plain},
};
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use orlop_breaker::{BreakerLayer, Circuit, Trip};
use orlop_core::AnyError;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// Keeps gauges by their label `state`, as an exporter would.
#[derive(Clone, Default)]
struct Gauges(Arc<Mutex<BTreeMap<String, f64>>>);

struct Series(String, Gauges);

impl GaugeFn for Series {
    fn increment(&self, _: f64) {
        unreachable!("a state is set");
    }

    fn decrement(&self, _: f64) {
        unreachable!("a state is set");
    }

    fn set(&self, value: f64) {
        self.1.0.lock().unwrap().insert(self.0.clone(), value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match key.labels().find(|label| label.key() == "state") {
            Some(state) => Gauge::from_arc(Arc::new(Series(state.value().into(), self.clone()))),
            None => Gauge::noop(),
        }
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Opens and closes again; the states that read 1 then.
async fn shown<B: Shown>(breaker: impl FnOnce() -> B) -> Vec<String> {
    let gauges = Gauges::default();
    let _current = metrics::set_default_local_recorder(&gauges);
    let breaker = breaker();
    breaker.fail(1);
    assert_eq!(admitted(&breaker).await.end(GOOD), Went::Well);
    assert_eq!(breaker.state(), State::Closed);
    let gauges = gauges.0.lock().unwrap();
    let on = gauges.iter().filter(|(_, value)| **value == 1.0);
    on.map(|(state, _)| state.clone()).collect()
}

#[test]
fn the_gauge_shows_one_state_at_a_time() {
    let peer = real(shown(|| {
        TowerResilience::new(
            CircuitBreakerLayer::standard()
                .consecutive_failures(1)
                .wait_duration_in_open(PEER_OPEN)
                .permitted_calls_in_half_open(1),
        )
    }));
    let ours = paused(shown(|| {
        let circuit = Circuit::new(plain([Trip::consecutive_failures(n(1))])).named("a");
        Ours::of(&BreakerLayer::new(circuit.clone(), AnyError), &circuit)
    }));
    println!("closed again, the gauge says {peer:?}, ours {ours:?}");
    assert_eq!(peer, ["Closed", "HalfOpen", "Open"], "{MENDED}");
    assert_eq!(ours, ["closed"]);
}
