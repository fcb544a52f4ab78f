//! F6 and fs6: callers who leave.

use crate::{
    MENDED,
    call::{Answer, Breaker, GOOD, Shown, State},
    runtime::paused,
    subject::{Failsafe, Ours, TowerResilience, last, n, plain, within},
};
use failsafe::{backoff, failure_policy};
use orlop_breaker::{Cause, OpenTime, Settings, Trip};
use orlop_core::Ratio;
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

const HOUR: Duration = Duration::from_secs(3600);

/// A backend that hangs, and a timeout outside of the breaker, which drops the call. How many of 500 calls reach it.
async fn reach_a_backend_that_hangs(breaker: &impl Breaker) -> usize {
    let reached = Arc::new(AtomicUsize::new(0));
    for _ in 0..500 {
        let counts = Arc::clone(&reached);
        let hangs: Answer = Box::pin(async move {
            counts.fetch_add(1, Relaxed);
            pending().await
        });
        let _ = timeout(Duration::from_secs(2), breaker.call(hangs)).await;
    }
    reached.load(Relaxed)
}

/// The same, where every other call is answered well. How many of the 250 that hang reach the backend.
async fn reach_a_backend_that_half_hangs(breaker: &impl Breaker) -> usize {
    let mut reached = 0;
    for _ in 0..250 {
        breaker.one(GOOD);
        let call = breaker.begin();
        reached += usize::from(call.is_some());
        sleep(Duration::from_secs(2)).await;
        drop(call);
    }
    reached
}

/// 500 callers leave as soon as their call is on its way. How many get that far.
fn reach_it_and_leave(breaker: &impl Breaker) -> usize {
    (0..500).filter_map(|_| breaker.begin()).map(drop).count()
}

/// Any settings will do: here is no rule about slow calls.
fn ours() -> Settings {
    plain([Trip::failure_rate(Ratio::HALF, n(20), within(Duration::from_secs(10)))])
        .open(OpenTime::fixed(HOUR))
}

#[test]
fn a_timeout_outside_of_the_breaker_does_not_blind_it() {
    let (peer, ours) = (
        TowerResilience::new(CircuitBreakerLayer::standard().consecutive_failures(5)),
        Ours::new(ours()),
    );
    let reached = paused(async {
        (reach_a_backend_that_hangs(&peer).await, reach_a_backend_that_hangs(&ours).await)
    });
    println!("of 500 calls that time out {} reach the backend, with ours {}", reached.0, reached.1);
    assert_eq!((reached.0, peer.state(), peer.counted()), (500, State::Closed, 0), "{MENDED}");
    assert_eq!((reached.1, ours.state()), (20, State::Open));
    assert_eq!(ours.circuit.snapshot().cause(), Some(Cause::OnlyDrops(20)));
}

/// Any answer between the drops, and ours needs a rule for it: here, that a call is slow after 1 s. Or drops count as
/// failures, if so set.
#[test]
fn a_dropped_call_counts_as_slow_once_it_has_been_slow() {
    let peer = TowerResilience::new(CircuitBreakerLayer::standard().sliding_window_size(20));
    let slow = Trip::slow_rate(Ratio::HALF, Duration::from_secs(1), n(20), last(20));
    let ours = Ours::new(plain([slow.expect("in range")]).open(OpenTime::fixed(HOUR)));
    let reached = paused(async {
        let peer = reach_a_backend_that_half_hangs(&peer).await;
        (peer, reach_a_backend_that_half_hangs(&ours).await)
    });
    println!(
        "where half of the calls hang: {} reach the backend, with ours {}",
        reached.0, reached.1
    );
    assert_eq!((reached.0, peer.state(), peer.counted()), (250, State::Closed, 250), "{MENDED}");
    assert_eq!((reached.1, ours.state()), (10, State::Open));
}

#[test]
fn callers_who_only_ever_leave_open_the_circuit() {
    let policy = failure_policy::consecutive_failures(5, backoff::constant(HOUR));
    let failsafe = Failsafe::new(policy);
    assert_eq!(reach_it_and_leave(&failsafe), 500, "{MENDED}");
    assert_eq!(failsafe.state(), State::Closed, "{MENDED}");
    let ours = Ours::new(ours());
    assert_eq!(paused(async { reach_it_and_leave(&ours) }), 20);
    assert_eq!(ours.state(), State::Open);
}
