//! One guard around a service that is ready, gate by gate.

use crate::{
    drive::{AddOne, FailsRarely, calls, calls_of_rare_failure},
    gates,
};
use orlop_benches::{Path, Row};
use orlop_breaker::{BreakerLayer, Circuit, Throttle, ThrottleSettings};
use orlop_bulkhead::BulkheadLayer;
use orlop_core::{AnyError, GuardLayer};
use tower_layer::Layer;

/// The service alone.
pub const BARE: &str = "bare service";
const BARE_RARELY: &str = "bare service, one call in 64 fails";
/// Keys that take turns: fewer than a batch has calls, so that all have their circuits before anything is counted.
const KEYS: u64 = 320;

pub fn rows() -> Vec<Row> {
    let bare = Row::new(BARE, || Path::shared(|| calls(AddOne)));
    let bare_rarely = Row::new(BARE_RARELY, || Path::shared(|| calls_of_rare_failure(FailsRarely)));
    let rarely = Row::new("guard: circuit, last 100 calls, one in 64 failed, typed", || {
        let circuit = gates::count_window();
        let check = gates::admitted_some_failed(&circuit);
        let service = BreakerLayer::new(circuit, AnyError).typed().layer(FailsRarely);
        Path::shared(move || calls_of_rare_failure(service.clone())).checked(check)
    });
    let mut rows = vec![bare, bare_rarely, rarely.above(BARE_RARELY)];
    rows.extend(healthy().into_iter().map(|row| row.above(BARE)));
    rows
}

fn healthy() -> Vec<Row> {
    vec![
        Row::new("guard: ()", || {
            let service = GuardLayer::new((), AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone()))
        }),
        Row::new("guard: circuit, 5 in a row", || breaker(gates::consecutive())),
        Row::new("guard: circuit, last 100 calls", || breaker(gates::count_window())),
        Row::new("guard: circuit, last 10 s", || breaker(gates::time_window())),
        Row::new("guard: circuit, last 10 s, slow calls", || breaker(gates::slow_calls())),
        Row::new("guard: circuit, last 10 s, failures or slow calls", || {
            breaker(gates::time_window_or_slow_calls())
        }),
        Row::new("guard: circuit, last 10 s, coarse clock", || {
            breaker(gates::time_window().coarse(&gates::coarse_clock()))
        }),
        Row::new("guard: circuit, last 10 s, slow calls, coarse clock", || {
            breaker(gates::slow_calls().coarse(&gates::coarse_clock()))
        }),
        Row::new("guard: throttle", || {
            let throttle = Throttle::new(ThrottleSettings::default());
            let check = gates::unthrottled(&throttle);
            let service = GuardLayer::new(throttle, AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone())).checked(check)
        }),
        Row::new("guard: circuit, default settings", || breaker(Circuit::default())),
        Row::new("guard: circuits by key, 5 in a row", || {
            let circuits = gates::keyed();
            let check = gates::admitted_by_key(&circuits, KEYS);
            let gate = circuits.keyed(|n: &u64| n % KEYS);
            let service = BreakerLayer::new(gate, AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone())).checked(check)
        }),
        Row::new("guard: exact limit", || {
            let limit = gates::limit();
            let service = BulkheadLayer::new(limit.clone(), AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone())).checked(gates::empty(&limit))
        }),
        Row::new("guard: (circuit, limit) as one gate", || {
            let (circuit, limit) = gates::pair();
            let check = gates::both(&circuit, &limit);
            let service = GuardLayer::new((circuit, limit), AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone())).checked(check)
        }),
        Row::new("guard: circuit around guard: limit", || {
            let (circuit, limit) = gates::pair();
            let check = gates::both(&circuit, &limit);
            let inner = BulkheadLayer::new(limit, AnyError).layer(AddOne);
            let service = BreakerLayer::new(circuit, AnyError).layer(inner);
            Path::shared(move || calls(service.clone())).checked(check)
        }),
    ]
}

fn breaker(circuit: Circuit) -> Path {
    let check = gates::admitted(&circuit);
    let service = BreakerLayer::new(circuit, AnyError).layer(AddOne);
    Path::shared(move || calls(service.clone())).checked(check)
}
