//! The balancer over endpoints that are all well.

use crate::{
    drive::{AddOne, calls},
    gates, guards,
};
use orlop_benches::{Path, Row};
use orlop_core::{AnyError, Endpoint, Gate};
use orlop_lb::{Balance, Policy, Settings, fixed};
use std::{
    convert::Infallible,
    pin::pin,
    task::{Context, Waker},
};

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (word, policy) in
        [("least in flight", Policy::LeastInFlight), ("peak-ewma", Policy::PeakEwma)]
    {
        for n in [2, 10, 1000] {
            rows.push(Row::new(format!("balance: {word}, n = {n}"), move || {
                over(n, policy, |_| ())
            }));
            rows.push(Row::new(format!("balance: {word}, n = {n}, (circuit, limit)"), move || {
                over(n, policy, |_| gates::pair())
            }));
        }
    }
    rows.into_iter().map(|row| row.above(guards::BARE)).collect()
}

/// Endpoints by number.
pub fn endpoints(n: u16) -> impl Iterator<Item = Endpoint> {
    (0..n).map(|i| Endpoint::new(format!("e{i}"), ([127, 0, 0, 1], 9000 + i)))
}

fn over<G>(n: u16, policy: Policy, gate: fn(&Endpoint) -> G) -> Path
where
    G: Gate<u64> + Send + Sync + 'static,
    G::Ticket: Send,
{
    let connect = |_: &Endpoint| Ok::<_, Infallible>(AddOne);
    let (balance, task) = Balance::builder(fixed(endpoints(n)), connect, AnyError)
        .gate(gate)
        .settings(Settings::new().policy(policy))
        .seeded(7)
        .pair();
    // A fixed list is one update and the end.
    let done = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
    assert!(done.is_ready(), "the task takes a fixed list in at once");
    let (all, check) = (usize::from(n), balance.clone());
    Path::shared(move || calls(balance.clone())).checked(move |calls| {
        let endpoints = check.snapshot().endpoints;
        assert_eq!(endpoints.len(), all);
        assert!(endpoints.iter().all(|e| e.in_flight == 0 && e.refused == 0), "{endpoints:?}");
        if policy == Policy::PeakEwma && calls > 100 {
            assert!(endpoints.iter().any(|e| e.estimate.is_some()), "some call was measured");
        }
    })
}
