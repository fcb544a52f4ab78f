//! fs2, fs3 and fs4: failsafe's success rate over a window of time.

use crate::{
    MENDED,
    call::{BAD, Breaker, GOOD, Went},
    runtime::paused,
    subject::{Failsafe, Ours, n, plain},
};
use failsafe::{FailurePolicy, backoff, clock, failure_policy};
use futures_util::FutureExt;
use orlop_breaker::{Ewma, Settings, Trip};
use orlop_core::Ratio;
use std::time::Duration;
use tokio::time::advance;

/// Opens below a success rate of 0.8, its default, of at least 5 calls.
fn failsafe(window: Duration) -> Failsafe<impl FailurePolicy + Send + Sync> {
    let open = backoff::constant(Duration::from_secs(60));
    Failsafe::new(failure_policy::success_rate_over_time_window(0.8, 5, window, open))
}

/// The same rule: the mean of both goes back to Finagle's.
fn ours(window: Duration) -> Settings {
    let mean = Ewma::within(window).expect("in range");
    plain([Trip::success_rate(Ratio::percent(80), n(5), mean)])
}

/// What passes time for a script.
trait Pass: AsyncFnMut(Duration) {}

impl<F: AsyncFnMut(Duration)> Pass for F {}

/// For 4 s a success at the beginning of each millisecond, and 12 failures after it. How many calls, until one is refused.
async fn one_of_13_succeeds(breaker: &impl Breaker, mut pass: impl Pass) -> Option<usize> {
    let mut calls = 0;
    for _ in 0..4_000 {
        pass(Duration::from_millis(1)).await;
        for answer in [GOOD].into_iter().chain([BAD; 12]) {
            if breaker.one(answer) == Went::Refused {
                return Some(calls);
            }
            calls += 1;
        }
    }
    None
}

/// In the peer's average a call weighs as much as time has passed since the call before, in whole milliseconds.
#[test]
fn every_call_counts_however_many_come_in_a_millisecond() {
    let window = Duration::from_secs(1);
    let peer = clock::freeze(|clock| {
        let pass = async |time| clock.advance(time);
        one_of_13_succeeds(&failsafe(window), pass).now_or_never().expect("frozen")
    });
    let ours = paused(async {
        one_of_13_succeeds(&Ours::new(ours(window)), async |time| advance(time).await).await
    });
    println!("1 of 13 succeeds: of 52000 calls it refuses from {peer:?} on, ours from {ours:?} on");
    assert_eq!(peer, None, "{MENDED}");
    assert_eq!(ours, Some(5), "the first that are enough");
}

/// Nothing succeeds, every 10 ms. How many calls are let through.
async fn nothing_succeeds(breaker: &impl Breaker, mut pass: impl Pass) -> usize {
    for calls in 0..10_000 {
        if breaker.one(BAD) == Went::Refused {
            return calls;
        }
        pass(Duration::from_millis(10)).await;
    }
    panic!("10000 failures, and none refused");
}

/// The peer looks at its average only when a whole window has passed since it was made or has recovered.
#[test]
fn an_outage_at_the_start_is_seen_as_soon_as_there_are_enough_calls() {
    let window = Duration::from_secs(3);
    let peer = clock::freeze(|clock| {
        let pass = async |time| clock.advance(time);
        nothing_succeeds(&failsafe(window), pass).now_or_never().expect("frozen")
    });
    let ours = paused(async {
        nothing_succeeds(&Ours::new(ours(window)), async |time| advance(time).await).await
    });
    println!("an outage at the start: {peer} calls let through, ours {ours}");
    assert_eq!(peer, 301, "3 s in steps of 10 ms; {MENDED}");
    assert_eq!(ours, 5);
}

/// 50 successes and then one failure, all within 900 ms. Whether the next call is let through.
async fn one_failure_in_51(breaker: &impl Breaker, mut pass: impl Pass) -> bool {
    for _ in 0..50 {
        pass(Duration::from_millis(10)).await;
        assert_eq!(breaker.one(GOOD), Went::Well);
    }
    assert_eq!(breaker.one(BAD), Went::Badly);
    breaker.one(GOOD) == Went::Well
}

/// The peer takes whole seconds only: 900 ms are none, and its average is the last call.
#[test]
fn a_window_below_a_second_is_a_window() {
    let window = Duration::from_millis(900);
    let peer = clock::freeze(|clock| {
        let pass = async |time| clock.advance(time);
        one_failure_in_51(&failsafe(window), pass).now_or_never().expect("frozen")
    });
    let ours = paused(async {
        one_failure_in_51(&Ours::new(ours(window)), async |time| advance(time).await).await
    });
    assert!(!peer, "{MENDED}");
    assert!(ours, "2 % failed");
}
