//! Decisions that hold everywhere, where it takes several crates to see them. Each test is named after its rule; core's own are
//! in `core/tests/decisions`.

use orlop::{
    breaker::{BreakerLayer, Circuit, Settings, State, Trip, Window},
    bulkhead::{Line, QueueLayer},
    core::{AnyError, Ratio},
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
