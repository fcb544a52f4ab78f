//! One guard around a service that is ready, gate by gate; gates without tower; what refuses.

use crate::{
    drive::{AddOne, calls, drive, repeat},
    gates,
};
use orlop_benches::{Path, Row};
use orlop_breaker::{BreakerLayer, Circuit};
use orlop_bulkhead::BulkheadLayer;
use orlop_core::{AnyError, GuardLayer, Kind, Now, Permit, Refused, Rejected, Verdict};
use std::{convert::identity, hint::black_box, io};
use tower_layer::Layer;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("bare service", || Path::shared(|| calls(AddOne))),
        Row::new("guard: ()", || {
            let service = GuardLayer::new((), AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone()))
        }),
        Row::new("guard: circuit, 5 in a row", || breaker(gates::consecutive())),
        Row::new("guard: circuit, last 100 calls", || breaker(gates::count_window())),
        Row::new("guard: circuit, last 10 s", || breaker(gates::time_window())),
        Row::new("guard: circuit, default settings", || breaker(Circuit::default())),
        Row::new("guard: exact limit", || {
            let limit = gates::limit();
            let service = BulkheadLayer::new(limit.clone(), AnyError).layer(AddOne);
            Path::shared(move || calls(service.clone())).checked(gates::empty(&limit))
        }),
        Row::new("guard: (circuit, limit) as one gate", || {
            let (circuit, limit) = gates::pair();
            let service = GuardLayer::new((circuit.clone(), limit.clone()), AnyError).layer(AddOne);
            healthy(&circuit, &limit, Path::shared(move || calls(service.clone())))
        }),
        Row::new("guard: circuit around guard: limit", || {
            let (circuit, limit) = gates::pair();
            let inner = BulkheadLayer::new(limit.clone(), AnyError).layer(AddOne);
            let service = BreakerLayer::new(circuit.clone(), AnyError).layer(inner);
            healthy(&circuit, &limit, Path::shared(move || calls(service.clone())))
        }),
        Row::new("no tower: circuit, 5 in a row", || entered(gates::consecutive())),
        Row::new("no tower: circuit, 5 in a row, borrowed", || borrowed(gates::consecutive())),
        Row::new("no tower: circuit, last 100 calls", || entered(gates::count_window())),
        Row::new("no tower: circuit, last 100 calls, borrowed", || borrowed(gates::count_window())),
        Row::new("no tower: exact limit", || {
            let limit = gates::limit();
            let check = gates::empty(&limit);
            let one = move || {
                let limit = limit.clone();
                repeat(move |n| limit.try_enter().is_ok_and(|_permit| black_box(n + 1) > n))
            };
            Path::shared(one).checked(check)
        }),
    ]
}

pub fn refusals() -> Vec<Row> {
    vec![
        Row::new("refused: open circuit, BoxError", || {
            let circuit = gates::open();
            let service = BreakerLayer::new(circuit.clone(), AnyError).layer(AddOne);
            let ended = |_, result: Result<u64, _>| result.is_err();
            let one = move || drive(service.clone(), identity, ended);
            Path::shared(one).checked(gates::refused(&circuit))
        }),
        Row::new("refused: open circuit, typed", || {
            let circuit = gates::open();
            let service = BreakerLayer::new(circuit.clone(), AnyError).typed().layer(AddOne);
            let one = move || drive(service.clone(), identity, |_, r| is_refused(Kind::Circuit, r));
            Path::shared(one).checked(gates::refused(&circuit))
        }),
        Row::new("refused: open circuit, no tower", || {
            let circuit = gates::open();
            let check = gates::refused(&circuit);
            let one = move || {
                let circuit = circuit.clone();
                repeat(move |_| circuit.try_enter().is_err_and(|why| is(Kind::Circuit, &why)))
            };
            Path::shared(one).checked(check)
        }),
        Row::new("refused: full limit, BoxError", || {
            let limit = full();
            let service = BulkheadLayer::new(limit.clone(), AnyError).layer(AddOne);
            Path::shared(move || {
                drive(service.clone(), identity, |_, r: Result<u64, _>| r.is_err())
            })
        }),
        Row::new("refused: full limit, typed", || {
            let service = BulkheadLayer::new(full(), AnyError).typed().layer(AddOne);
            Path::shared(move || {
                drive(service.clone(), identity, |_, r| is_refused(Kind::Limit, r))
            })
        }),
    ]
}

fn breaker(circuit: Circuit) -> Path {
    let check = gates::admitted(&circuit);
    let service = BreakerLayer::new(circuit, AnyError).layer(AddOne);
    Path::shared(move || calls(service.clone())).checked(check)
}

/// With a permit that owns its handle, as a future would need it.
fn entered(circuit: Circuit) -> Path {
    let check = gates::admitted(&circuit);
    let one = move || {
        let circuit = circuit.clone();
        repeat(move |n| circuit.try_enter().is_ok_and(|permit| work(permit, n)))
    };
    Path::shared(one).checked(check)
}

/// With a permit that borrows the circuit, as a plain function can.
fn borrowed(circuit: Circuit) -> Path {
    let check = gates::admitted(&circuit);
    let one = move || {
        let circuit = circuit.clone();
        repeat(move |n| {
            let permit = Permit::enter(&circuit, &n, None, &Now::lazy());
            permit.is_ok_and(|permit| work(permit, n))
        })
    };
    Path::shared(one).checked(check)
}

fn work<G: orlop_core::Settle>(permit: Permit<G>, n: u64) -> bool {
    let answer = black_box(n + 1);
    permit.settle(&Verdict::SUCCESS, &Now::lazy());
    answer == n + 1
}

/// Admits nobody, without a call that would have to stay.
fn full() -> orlop_bulkhead::Limit {
    orlop_bulkhead::Limit::new(0)
}

fn is(kind: Kind, rejected: &Rejected) -> bool {
    rejected.kind() == kind
}

fn is_refused(kind: Kind, result: Result<u64, Refused<io::Error>>) -> bool {
    matches!(result, Err(Refused::Rejected(rejected)) if is(kind, &rejected))
}

fn healthy(circuit: &Circuit, limit: &orlop_bulkhead::Limit, path: Path) -> Path {
    let (circuit, limit) = (gates::admitted(circuit), gates::empty(limit));
    path.checked(move |calls| {
        circuit(calls);
        limit(calls);
    })
}
