//! Of tower itself: its limit, its balancer, its retry.

use crate::{
    drive::{AddOne, calls, drive},
    guards,
};
use orlop_benches::{Path, Row};
use std::{convert::identity, future::Ready, io, sync::Arc, time::Duration};
use tower::{
    balance::p2c::Balance,
    discover::ServiceList,
    limit::ConcurrencyLimit,
    load::{CompleteOnResponse, PeakEwma, PendingRequests},
    load_shed::{LoadShed, error::Overloaded},
    retry::{
        Policy, Retry,
        budget::{Budget, TpsBudget},
    },
};

const SECOND: Duration = Duration::from_secs(1);

pub fn limit() -> Row {
    let row = Row::peer("tower ConcurrencyLimit", || {
        let service = ConcurrencyLimit::new(AddOne, 1024);
        Path::shared(move || calls(service.clone()))
    });
    row.above(guards::BARE)
}

pub fn full_limit() -> Row {
    let row = Row::peer("refused: tower LoadShed over a full ConcurrencyLimit", || {
        let service = LoadShed::new(ConcurrencyLimit::new(AddOne, 0));
        let ended = |_, result: Result<u64, tower::BoxError>| {
            result.is_err_and(|error| error.is::<Overloaded>())
        };
        Path::shared(move || drive(service.clone(), identity, ended))
    });
    row.above(guards::BARE)
}

pub fn balance() -> Vec<Row> {
    vec![
        Row::peer("tower Balance, PendingRequests, n = 10", || {
            let one = || PendingRequests::new(AddOne, CompleteOnResponse::default());
            let services: Vec<_> = (0..10).map(|_| one()).collect();
            Path::alone(calls(Balance::new(ServiceList::new(services))))
        })
        .above(guards::BARE),
        Row::peer("tower Balance, PeakEwma, n = 10", || {
            let (rtt, decay) = (Duration::from_millis(30), 10.0 * SECOND.as_nanos() as f64);
            let one = || PeakEwma::new(AddOne, rtt, decay, CompleteOnResponse::default());
            let services: Vec<_> = (0..10).map(|_| one()).collect();
            Path::alone(calls(Balance::new(ServiceList::new(services))))
        })
        .above(guards::BARE),
    ]
}

pub fn retry() -> Vec<Row> {
    let row = Row::peer("tower Retry with TpsBudget", || {
        let service = Retry::new(Budgeted(Arc::default()), AddOne);
        Path::shared(move || calls(service.clone()))
    });
    vec![row.above(guards::BARE)]
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
