//! Decisions that hold everywhere, where it takes several crates to see them. Each test is named after its rule; core's own are
//! in `core/tests/decisions`.

use orlop::{
    breaker::{BreakerLayer, Circuit, Settings, State, Trip, Window},
    bulkhead::{BulkheadLayer, Limit, Line, QueueLayer},
    core::{AnyError, Kind, Ratio, Rejected},
};
use std::{num::NonZeroU32, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not 0")
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Opens when half of at least two calls take longer than a second.
fn watching_slow_calls() -> Circuit {
    let window = Window::within(secs(60)).expect("in range");
    let slow = Trip::slow_rate(Ratio::HALF, secs(1), n(2), window).expect("in range");
    Circuit::new(Settings::default().trip(slow))
}

#[tokio::test(start_paused = true)]
async fn slow_call_time_excludes_local_queueing() {
    let settings = orlop::bulkhead::Settings::default()
        .with_limit(n(1))
        .with_max_waiting(8)
        .with_max_wait(secs(600));
    let work = service_fn(async |time: Duration| {
        tokio::time::sleep(time).await;
        Ok::<_, std::io::Error>(())
    });
    let circuit = watching_slow_calls();
    let breaker = BreakerLayer::new(circuit.clone(), AnyError).layer(work);
    let service = QueueLayer::new(Line::new(settings)).layer(breaker);
    // One after the other: the last waits for 3.5 s, and takes half a second.
    let calls = (0..8).map(|_| tokio::spawn(service.clone().oneshot(Duration::from_millis(500))));
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic").expect("it has its turn");
    }
    assert_eq!(circuit.state(), State::Closed, "{:?}", circuit.snapshot().windows());
    assert_eq!(circuit.snapshot().windows()[0].slow, 0);
    // That the time is taken at all.
    for _ in 0..2 {
        service.clone().oneshot(secs(2)).await.expect("it has its turn");
    }
    assert_eq!(circuit.snapshot().windows()[0].slow, 2, "the time is taken, though");
}

#[test]
fn every_leaf_re_exports_core() {
    use std::any::TypeId;
    let of = TypeId::of::<orlop::core::Verdict>();
    let leaves = [
        TypeId::of::<orlop::breaker::core::Verdict>(),
        TypeId::of::<orlop::bulkhead::core::Verdict>(),
        TypeId::of::<orlop::retry::core::Verdict>(),
        TypeId::of::<orlop::fallback::core::Verdict>(),
        TypeId::of::<orlop::lb::core::Verdict>(),
        TypeId::of::<orlop::discovery::core::Verdict>(),
    ];
    assert!(leaves.iter().all(|leaf| *leaf == of));
}

#[tokio::test(start_paused = true)]
async fn calls_refused_by_this_process_are_no_failures_of_the_other_side() {
    // Hystrix's HealthCountsStreamTest: 10 run, 2 are refused by a semaphore of 10. There they are errors, 2 of 12; here they
    // say nothing of the other side, and a full bulkhead opens no circuit.
    let window = Window::within(secs(60)).expect("in range");
    let circuit =
        Circuit::new(Settings::default().trip(Trip::failure_rate(Ratio::percent(1), n(1), window)));
    let (limit, work) = (Limit::new(10), async |(): ()| {
        tokio::time::sleep(secs(1)).await;
        Ok::<_, std::io::Error>(())
    });
    let inner = BulkheadLayer::new(limit.clone(), AnyError).layer(service_fn(work));
    let service = BreakerLayer::new(circuit.clone(), AnyError).layer(inner);
    let calls: Vec<_> = (0..12).map(|_| tokio::spawn(service.clone().oneshot(()))).collect();
    tokio::task::yield_now().await;
    assert_eq!(limit.in_flight(), 10, "Hystrix's gauge of executions");
    let mut refused = 0;
    for call in calls {
        if let Err(error) = call.await.expect("no panic") {
            assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Limit));
            refused += 1;
        }
    }
    assert_eq!((refused, limit.in_flight()), (2, 0));
    let counts = circuit.snapshot().windows()[0];
    assert_eq!((circuit.state(), counts.calls, counts.failures), (State::Closed, 10, 0));
    // The gauge also falls where a caller gives up.
    let given_up = tokio::time::timeout(secs(1) / 2, service.clone().oneshot(())).await;
    assert!(given_up.is_err());
    assert_eq!(limit.in_flight(), 0);
}
