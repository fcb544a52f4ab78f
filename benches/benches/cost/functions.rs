//! Gates around a plain function, without tower: `try_enter` and `settle`.

use crate::{drive::repeat, gates};
use orlop_benches::{Path, Row};
use orlop_breaker::Circuit;
use orlop_core::{Now, Permit, Settle, Verdict};
use std::hint::black_box;

/// The function alone.
pub const BARE: &str = "bare function";

pub fn rows() -> Vec<Row> {
    let bare = Row::new(BARE, || Path::shared(|| repeat(|n| answer(n) == n + 1)));
    let mut rows = vec![bare];
    rows.extend(healthy().into_iter().map(|row| row.above(BARE)));
    rows
}

fn healthy() -> Vec<Row> {
    vec![
        Row::new("no tower: circuit, 5 in a row", || owned(gates::consecutive())),
        Row::new("no tower: circuit, 5 in a row, borrowed", || borrowed(gates::consecutive())),
        Row::new("no tower: circuit, last 100 calls", || owned(gates::count_window())),
        Row::new("no tower: circuit, last 100 calls, borrowed", || borrowed(gates::count_window())),
        Row::new("no tower: circuit, last 10 s", || owned(gates::time_window())),
        Row::new("no tower: circuit, last 10 s, borrowed", || borrowed(gates::time_window())),
        Row::new("no tower: exact limit", || {
            let limit = gates::limit();
            let check = gates::empty(&limit);
            let one = move || {
                let limit = limit.clone();
                repeat(move |n| limit.try_enter().is_ok_and(|_permit| answer(n) == n + 1))
            };
            Path::shared(one).checked(check)
        }),
    ]
}

/// With a permit that owns its handle, as a future would need it.
fn owned(circuit: Circuit) -> Path {
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

fn work<G: Settle>(permit: Permit<G>, n: u64) -> bool {
    let answer = answer(n);
    permit.settle(Verdict::SUCCESS);
    answer == n + 1
}

/// The function.
pub fn answer(n: u64) -> u64 {
    black_box(n + 1)
}
