//! What others offer for the same, as near as it comes.

use crate::drive::{AddOne, calls, drive, now, repeat};
use failsafe::{CircuitBreaker, Config, backoff, failure_policy::consecutive_failures};
use orlop_benches::{Path, Row};
use recloser::Recloser;
use std::{convert::identity, future::Ready, hint::black_box, io, sync::Arc, time::Duration};
use tower::{
    balance::p2c::Balance,
    discover::ServiceList,
    limit::ConcurrencyLimit,
    load::{CompleteOnResponse, PeakEwma, PendingRequests},
    retry::{
        Policy, Retry,
        budget::{Budget, TpsBudget},
    },
};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};

/// Longer than a measurement takes.
const LONG: Duration = Duration::from_secs(3000);
const SECOND: Duration = Duration::from_secs(1);

pub fn gates() -> Vec<Row> {
    vec![
        Row::peer("tower-resilience circuit, last 100 calls", || {
            let layer = CircuitBreakerLayer::builder().sliding_window_size(100).build();
            let service = layer.expect("its settings are valid").layer_fn(AddOne);
            Path::shared(move || calls(service.clone()))
        }),
        Row::peer("tower ConcurrencyLimit", || {
            let service = ConcurrencyLimit::new(AddOne, 1024);
            Path::shared(move || calls(service.clone()))
        }),
        Row::peer("recloser, last 100 calls, closure", || {
            let circuit = Arc::new(recloser());
            let one = move || {
                let circuit = Arc::clone(&circuit);
                repeat(move |n| is_next(n, circuit.call(|| answer(n))))
            };
            Path::shared(one)
        }),
        Row::peer("failsafe, 5 in a row, closure", || {
            let policy = consecutive_failures(5, backoff::constant(SECOND));
            failsafe(Config::new().failure_policy(policy).build())
        }),
        Row::peer("failsafe, default policy (30 s, 5 in a row), closure", || {
            failsafe(Config::new().build())
        }),
    ]
}

pub fn refusals() -> Vec<Row> {
    vec![
        Row::peer("refused: tower-resilience circuit", || {
            let layer = CircuitBreakerLayer::builder().wait_duration_in_open(LONG).build();
            let service = layer.expect("its settings are valid").layer_fn(AddOne);
            now(service.force_open());
            let ended =
                |_, result: Result<u64, _>| matches!(result, Err(CircuitBreakerError::OpenCircuit));
            // One handle: where two meet, one waits on a timer, and there is no runtime here to turn it.
            Path::alone(drive(service, identity, ended))
        }),
        Row::peer("refused: recloser, closure", || {
            let circuit = Arc::new(recloser());
            for _ in 0..200 {
                let _ = circuit.call(|| Err::<u64, _>(io::Error::other("down")));
            }
            let one = move || {
                let circuit = Arc::clone(&circuit);
                repeat(move |n| {
                    matches!(circuit.call(|| answer(n)), Err(recloser::Error::Rejected))
                })
            };
            Path::shared(one)
        }),
        Row::peer("refused: failsafe, closure", || {
            let policy = consecutive_failures(5, backoff::constant(LONG));
            let circuit = Config::new().failure_policy(policy).build();
            for _ in 0..5 {
                let _ = circuit.call(|| Err::<u64, _>(io::Error::other("down")));
            }
            let one = move || {
                let circuit = circuit.clone();
                repeat(move |n| {
                    matches!(circuit.call(|| answer(n)), Err(failsafe::Error::Rejected))
                })
            };
            Path::shared(one)
        }),
    ]
}

pub fn balance() -> Vec<Row> {
    vec![
        Row::peer("tower Balance, PendingRequests, n = 10", || {
            let one = || PendingRequests::new(AddOne, CompleteOnResponse::default());
            let services: Vec<_> = (0..10).map(|_| one()).collect();
            Path::alone(calls(Balance::new(ServiceList::new(services))))
        }),
        Row::peer("tower Balance, PeakEwma, n = 10", || {
            let (rtt, decay) = (Duration::from_millis(30), 10.0 * SECOND.as_nanos() as f64);
            let one = || PeakEwma::new(AddOne, rtt, decay, CompleteOnResponse::default());
            let services: Vec<_> = (0..10).map(|_| one()).collect();
            Path::alone(calls(Balance::new(ServiceList::new(services))))
        }),
    ]
}

pub fn retry() -> Vec<Row> {
    vec![Row::peer("tower Retry with TpsBudget", || {
        let service = Retry::new(Budgeted(Arc::default()), AddOne);
        Path::shared(move || calls(service.clone()))
    })]
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
    Ok(black_box(n + 1))
}

fn is_next<E>(n: u64, result: Result<u64, E>) -> bool {
    result.is_ok_and(|answer| answer == n + 1)
}

/// Retries every error that the budget pays for.
#[derive(Clone)]
struct Budgeted(Arc<TpsBudget>);

impl Policy<u64, u64, io::Error> for Budgeted {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut io::Result<u64>) -> Option<Self::Future> {
        match result {
            Ok(_) => {
                self.0.deposit();
                None
            }
            Err(_) => self.0.withdraw().then(|| std::future::ready(())),
        }
    }

    fn clone_request(&mut self, n: &u64) -> Option<u64> {
        Some(*n)
    }
}
