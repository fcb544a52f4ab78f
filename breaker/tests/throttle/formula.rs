//! The probability, against the numbers of the sources.

use crate::support::{book, calls, counts};
use orlop_breaker::{
    Throttle, ThrottleSettings,
    core::{Ratio, Verdict},
};

/// So many accepted calls, then others up to so many requests: some fail, some are refused, and both are requests.
fn after(settings: ThrottleSettings, requests: u32, accepts: u32) -> f64 {
    let throttle = Throttle::new(settings).seeded(u64::from(requests) << 32 | u64::from(accepts));
    assert_eq!(calls(&throttle, accepts, Verdict::SUCCESS), 0);
    calls(&throttle, requests - accepts, Verdict::THROTTLED);
    assert_eq!(counts(&throttle), (u64::from(requests), u64::from(accepts)));
    throttle.snapshot().rejection()
}

fn assert_near(found: f64, expected: f64, what: &str) {
    // The sources give six digits at most.
    assert!((found - expected).abs() < 5e-7, "{what}: {found}, not {expected}");
}

#[tokio::test(start_paused = true)]
async fn the_rejection_is_that_of_the_book() {
    for (requests, accepts, expected) in [
        (100, 50, 0.0),
        (100, 40, 0.198_020),
        (100, 10, 0.792_079),
        (100, 0, 0.990_099),
        (1, 0, 0.5),
        (0, 0, 0.0),
    ] {
        assert_near(
            after(book(), requests, accepts),
            expected,
            &format!("{accepts} of {requests}"),
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_rejection_is_that_of_failsafe_go_with_its_multiplier() {
    // adaptivethrottler_test.go: success threshold .9, at most .8. There the threshold is what 1 / k is here.
    let settings = || book().k(1.0 / 0.9).unwrap().max_rejection(Ratio::percent(80));
    for (requests, accepts, expected) in [
        (100, 95, 0.0),
        (120, 90, 20.0 / 121.0),
        (200, 50, (200.0 - 50.0 / 0.9) / 201.0),
        (1000, 10, 0.8),
        (0, 0, 0.0),
    ] {
        assert_near(
            after(settings(), requests, accepts),
            expected,
            &format!("{accepts} of {requests}"),
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_share_refused_never_exceeds_the_highest() {
    for percent in [0, 50, 90] {
        let settings = book().max_rejection(Ratio::percent(percent));
        let share = f64::from(percent) / 100.0;
        assert_eq!(after(settings, 1000, 0), share);
    }
}

#[tokio::test(start_paused = true)]
async fn below_the_minimum_of_calls_none_is_refused() {
    let throttle = Throttle::new(book().minimum_calls(10)).seeded(1);
    for call in 1..=10 {
        assert_eq!(calls(&throttle, 1, Verdict::FAILURE), 0, "call {call} of the first ten");
    }
    assert_near(throttle.snapshot().rejection(), 10.0 / 11.0, "with ten");
}
