//! Breakers around a closure: recloser and failsafe.

use super::LONG;
use crate::{drive::repeat, functions};
use failsafe::{CircuitBreaker, Config, backoff, failure_policy::consecutive_failures};
use orlop_benches::{Path, Row};
use recloser::Recloser;
use std::{io, sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

pub fn rows() -> Vec<Row> {
    vec![
        Row::peer("recloser, last 100 calls, closure", || {
            let circuit = Arc::new(recloser());
            let one = move || {
                let circuit = Arc::clone(&circuit);
                repeat(move |n| is_next(n, circuit.call(|| answer(n))))
            };
            Path::shared(one)
        })
        .above(functions::BARE),
        Row::peer("failsafe, 5 in a row, closure", || {
            let policy = consecutive_failures(5, backoff::constant(SECOND));
            failsafe(Config::new().failure_policy(policy).build())
        })
        .above(functions::BARE),
        Row::peer("failsafe, default policy (30 s, 5 in a row), closure", || {
            failsafe(Config::new().build())
        })
        .above(functions::BARE),
    ]
}

pub fn refusals() -> Vec<Row> {
    vec![
        Row::peer("refused: recloser, closure", || {
            let circuit = Arc::new(recloser());
            for _ in 0..200 {
                let _ = circuit.call(down);
            }
            let one = move || {
                let circuit = Arc::clone(&circuit);
                repeat(move |n| {
                    matches!(circuit.call(|| answer(n)), Err(recloser::Error::Rejected))
                })
            };
            Path::shared(one)
        })
        .above(functions::BARE),
        Row::peer("refused: failsafe, closure", || {
            let policy = consecutive_failures(5, backoff::constant(LONG));
            let circuit = Config::new().failure_policy(policy).build();
            for _ in 0..5 {
                let _ = circuit.call(down);
            }
            let one = move || {
                let circuit = circuit.clone();
                repeat(move |n| {
                    matches!(circuit.call(|| answer(n)), Err(failsafe::Error::Rejected))
                })
            };
            Path::shared(one)
        })
        .above(functions::BARE),
    ]
}

fn recloser() -> Recloser {
    Recloser::custom().error_rate(0.5).closed_len(100).open_wait(LONG).build()
}

fn failsafe<C: CircuitBreaker + Clone + Send + 'static>(circuit: C) -> Path {
    Path::shared(move || {
        let circuit = circuit.clone();
        repeat(move |n| is_next(n, circuit.call(|| answer(n))))
    })
}

fn answer(n: u64) -> io::Result<u64> {
    Ok(functions::answer(n))
}

fn down() -> io::Result<u64> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

fn is_next<E>(n: u64, result: Result<u64, E>) -> bool {
    result.is_ok_and(|answer| answer == n + 1)
}
