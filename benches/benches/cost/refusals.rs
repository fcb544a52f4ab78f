//! What an outage costs: gates that refuse.

use crate::{
    drive::{AddOne, drive, repeat},
    functions, gates, guards,
    http::{self, Download},
};
use ::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use orlop_benches::{Path, Row};
use orlop_breaker::BreakerLayer;
use orlop_bulkhead::{BulkheadLayer, Limit};
use orlop_core::{AnyError, BoxError, Kind, Refused, Rejected, http::unavailable};
use std::{convert::identity, io};
use tower_layer::Layer;

pub fn rows() -> Vec<Row> {
    vec![
        circuit_boxed().above(guards::BARE),
        circuit_typed().above(guards::BARE),
        circuit_without_tower().above(functions::BARE),
        circuit_as_response().above(http::BARE),
        limit_boxed().above(guards::BARE),
        limit_typed().above(guards::BARE),
    ]
}

fn circuit_boxed() -> Row {
    Row::new("refused: open circuit, BoxError", || {
        let circuit = gates::open();
        let service = BreakerLayer::new(circuit.clone(), AnyError).layer(AddOne);
        let one = move || drive(service.clone(), identity, |_, r| is_boxed(Kind::Circuit, r));
        Path::shared(one).checked(gates::refused(&circuit))
    })
}

fn circuit_typed() -> Row {
    Row::new("refused: open circuit, typed", || {
        let circuit = gates::open();
        let service = BreakerLayer::new(circuit.clone(), AnyError).typed().layer(AddOne);
        let one = move || drive(service.clone(), identity, |_, r| is_typed(Kind::Circuit, r));
        Path::shared(one).checked(gates::refused(&circuit))
    })
}

fn circuit_without_tower() -> Row {
    Row::new("refused: open circuit, no tower", || {
        let circuit = gates::open();
        let check = gates::refused(&circuit);
        let one = move || {
            let circuit = circuit.clone();
            repeat(move |_| circuit.try_enter().is_err_and(|why| is(Kind::Circuit, &why)))
        };
        Path::shared(one).checked(check)
    })
}

fn circuit_as_response() -> Row {
    Row::new("refused: open circuit, 503 with Retry-After", || {
        let circuit = gates::open();
        let check = gates::refused(&circuit);
        let layer = BreakerLayer::http(circuit).until_head().respond(unavailable::<Full<Bytes>>);
        let service = layer.layer(Download);
        let one = move || {
            let request = |_| Request::new(());
            drive(service.clone(), request, |_, result| {
                result.is_ok_and(|res| res.status() == StatusCode::SERVICE_UNAVAILABLE)
            })
        };
        Path::shared(one).checked(check)
    })
}

fn limit_boxed() -> Row {
    Row::new("refused: full limit, BoxError", || {
        let service = BulkheadLayer::new(full(), AnyError).layer(AddOne);
        Path::shared(move || drive(service.clone(), identity, |_, r| is_boxed(Kind::Limit, r)))
    })
}

fn limit_typed() -> Row {
    Row::new("refused: full limit, typed", || {
        let service = BulkheadLayer::new(full(), AnyError).typed().layer(AddOne);
        Path::shared(move || drive(service.clone(), identity, |_, r| is_typed(Kind::Limit, r)))
    })
}

/// Admits nobody, without a call that would have to stay.
fn full() -> Limit {
    Limit::new(0)
}

fn is(kind: Kind, rejected: &Rejected) -> bool {
    rejected.kind() == kind
}

#[inline(always)]
fn is_typed(kind: Kind, result: Result<u64, Refused<io::Error>>) -> bool {
    matches!(&result, Err(Refused::Rejected(rejected)) if is(kind, rejected))
}

fn is_boxed(kind: Kind, result: Result<u64, BoxError>) -> bool {
    result.is_err_and(|error| error.downcast_ref().is_some_and(|rejected| is(kind, rejected)))
}
