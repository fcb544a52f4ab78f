//! Settings that change, and handles.

use crate::support::{book, calls, counts, pass, secs};
use orlop_breaker::{Throttle, core::Verdict};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn new_settings_hold_at_once_and_counts_go_on() {
    let throttle = Throttle::new(book().k(4.0).unwrap()).seeded(1);
    let clone = throttle.clone();
    calls(&throttle, 30, Verdict::SUCCESS);
    calls(&throttle, 70, Verdict::FAILURE);
    assert_eq!(throttle.snapshot().rejection(), 0.0);
    throttle.update(book());
    assert_eq!(counts(&clone), (100, 30));
    assert_eq!(clone.snapshot().rejection(), 40.0 / 101.0);
    assert_eq!(clone.settings(), book());
}

#[tokio::test(start_paused = true)]
async fn slack_found_under_older_settings_is_not_used() {
    let throttle = Throttle::new(book().k(100.0).unwrap()).seeded(1);
    calls(&throttle, 10, Verdict::SUCCESS);
    calls(&throttle, 90, Verdict::FAILURE);
    throttle.update(book());
    assert!(calls(&throttle, 100, Verdict::FAILURE) > 50, "slack of 900 calls was left");
}

#[tokio::test(start_paused = true)]
async fn another_window_starts_from_nothing_and_calls_under_way_count_nowhere() {
    let throttle = Throttle::new(book());
    calls(&throttle, 5, Verdict::SUCCESS);
    let (ends_well, is_dropped) = (throttle.try_enter().unwrap(), throttle.try_enter().unwrap());
    throttle.update(book().within(secs(30)).unwrap());
    assert_eq!(counts(&throttle), (0, 0));
    ends_well.settle(Verdict::SUCCESS);
    drop(is_dropped);
    assert_eq!(counts(&throttle), (0, 0), "they never asked here");
    calls(&throttle, 1, Verdict::SUCCESS);
    assert_eq!(counts(&throttle), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_throttle_shares_settings_and_name_and_no_counts() {
    let throttle = Throttle::new(book()).named("a");
    calls(&throttle, 5, Verdict::SUCCESS);
    let (clone, fresh) = (throttle.clone(), throttle.fresh());
    assert_eq!((counts(&clone), counts(&fresh)), ((5, 5), (0, 0)));
    assert_eq!((fresh.name(), fresh.snapshot().name()), (Some("a"), Some("a")));
    assert_eq!(fresh.settings(), throttle.settings());
    assert_eq!(throttle.named("b").name(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn the_clock_may_stand_still_before_the_throttle_was_made() {
    let early = tokio::time::Instant::now();
    pass(Duration::from_secs(1)).await;
    let throttle = Throttle::new(book());
    let now = orlop_breaker::core::Now::at(early);
    orlop_breaker::core::Permit::enter(&throttle, &(), None, &now)
        .unwrap()
        .settle(Verdict::SUCCESS);
    assert_eq!(counts(&throttle), (1, 1));
}

#[test]
fn throttles_cross_threads() {
    fn crosses<T: Send + Sync + Unpin + 'static>() {}
    crosses::<Throttle>();
    crosses::<orlop_breaker::ThrottleTicket>();
    crosses::<orlop_breaker::ThrottleSnapshot>();
}

#[test]
fn settings_out_of_range_say_what_is_allowed() {
    let say = |error: orlop_breaker::InvalidSetting| error.to_string();
    for k in [0.99, 100.5, f64::NAN, f64::INFINITY, -2.0] {
        assert_eq!(
            book().k(k).map_err(say).unwrap_err(),
            format!("k must be within 1..=100, got {k}")
        );
    }
    assert_eq!(
        book().within(Duration::from_millis(999)).map_err(say).unwrap_err(),
        "within must be within 1s..=1h, got 999ms",
    );
    assert_eq!(
        book().grace(secs(3601)).map_err(say).unwrap_err(),
        "grace must be within 0s..=1h, got 3601s",
    );
}
