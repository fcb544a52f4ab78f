//! F4, F5, fs1 and rx1: who may probe, and what becomes of a probe that hangs or dawdles.

use crate::{
    MENDED,
    call::{Breaker, GOOD, Shown, State, Went, admitted},
    runtime::{paused, real},
    subject::{Failsafe, Ours, PEER_OPEN, Recloser, TowerResilience, n, plain, within},
};
use failsafe::{backoff, failure_policy};
use orlop_breaker::{Settings, Trip};
use orlop_core::Ratio;
use std::{num::NonZeroU16, time::Duration};
use tokio::time::sleep;
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};

const CROWD: usize = 10_000;

/// So many failures open it. How many of a crowd that comes at once when it is half-open are let through to a backend which may be down still.
async fn let_through(breaker: &impl Breaker, failures: usize) -> usize {
    breaker.fail(failures);
    let first = admitted(breaker).await;
    let others: Vec<_> = (1..CROWD).filter_map(|_| breaker.begin()).collect();
    drop(first);
    1 + others.len()
}

fn three_probes() -> Settings {
    plain([Trip::consecutive_failures(n(2))]).probes(NonZeroU16::new(3).unwrap()).successes(n(3))
}

#[test]
fn half_open_admits_as_many_as_it_was_told() {
    let policy = failure_policy::consecutive_failures(2, backoff::constant(PEER_OPEN));
    let failsafe = real(let_through(&Failsafe::new(policy), 2));
    let config = recloser::Recloser::custom().closed_len(2).half_open_len(3).open_wait(PEER_OPEN);
    let recloser = real(let_through(&Recloser::new(config), 3));
    let ours = paused(async { let_through(&Ours::new(three_probes()), 2).await });
    println!("of {CROWD}: failsafe {failsafe}, recloser {recloser}, ours {ours}");
    assert_eq!(failsafe, CROWD, "failsafe: {MENDED}");
    assert_eq!(recloser, CROWD, "recloser: {MENDED}");
    assert_eq!(ours, 3);
}

/// One probe hangs. How many calls are admitted in 50 open times that follow, one asking in each.
async fn admitted_beside_a_hung_probe(breaker: &impl Breaker, open: Duration) -> usize {
    breaker.fail(1);
    let _hangs = admitted(breaker).await;
    let mut admitted = 0;
    for _ in 0..50 {
        sleep(open).await;
        admitted += usize::from(breaker.one(GOOD) == Went::Well);
    }
    admitted
}

#[test]
fn a_hung_probe_makes_room_in_the_end() {
    let peer = CircuitBreakerLayer::standard()
        .consecutive_failures(1)
        .wait_duration_in_open(PEER_OPEN)
        .permitted_calls_in_half_open(1);
    let peer = real(admitted_beside_a_hung_probe(&TowerResilience::new(peer), PEER_OPEN));
    let ours = paused(async {
        let ours = Ours::new(plain([Trip::consecutive_failures(n(1))]));
        admitted_beside_a_hung_probe(&ours, Duration::from_secs(1)).await
    });
    println!("of 50 calls beside a hung probe: {peer}, ours {ours}");
    assert_eq!(peer, 0, "{MENDED}");
    assert_eq!(
        ours, 41,
        "all from 10 s on, its time; in each of the seconds before one was refused"
    );
}

/// Both probes succeed, further apart than the window is long. How it stands, and how many of 20 more calls go well.
async fn probes_far_apart(breaker: &impl Shown, apart: Duration) -> (State, usize) {
    breaker.fail(1);
    assert_eq!(admitted(breaker).await.end(GOOD), Went::Well);
    sleep(apart).await;
    assert_eq!(breaker.one(GOOD), Went::Well);
    let state = breaker.state();
    let mut well = 0;
    for _ in 0..20 {
        sleep(PEER_OPEN).await;
        well += usize::from(breaker.one(GOOD) == Went::Well);
    }
    (state, well)
}

/// The peer looks for the probes' successes in its window of time, where the first is not any more when the second comes.
#[test]
fn probes_close_the_circuit_however_far_apart_they_come() {
    let window = Duration::from_millis(10);
    let peer = CircuitBreakerLayer::standard()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(window)
        .minimum_number_of_calls(1)
        .wait_duration_in_open(PEER_OPEN)
        .permitted_calls_in_half_open(2);
    let peer = real(probes_far_apart(&TowerResilience::new(peer), 2 * window));
    assert_eq!(peer, (State::HalfOpen, 0), "{MENDED}");
    let ours = paused(async {
        let window = Duration::from_secs(10);
        let rule = Trip::failure_rate(Ratio::HALF, n(1), within(window));
        probes_far_apart(&Ours::new(plain([rule]).successes(n(2))), 2 * window).await
    });
    assert_eq!(ours, (State::Closed, 20));
}
