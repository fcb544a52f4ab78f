//! Finagle's cases for the budget (`RetryBudgetTest`), with time that stands still unless it is told to move.

use orlop_retry::{Budget, BudgetSettings, InvalidBudget, Share, Ttl};
use std::{sync::Barrier, thread, time::Duration};
use tokio::time::advance;

fn budget(share: f64, min_per_second: u32) -> Budget {
    let share = Share::new(share).unwrap();
    Budget::new(BudgetSettings::default().with_share(share).with_min_per_second(min_per_second))
}

#[tokio::test(start_paused = true)]
async fn retries_are_their_share_and_never_ahead_of_it() {
    for share in [0.1, 0.5, 0.25, 0.75, 0.99, 0.999, 0.9999, 0.01, 0.001, 0.0001] {
        let budget = budget(share, 0);
        let mut withdrawn = 0;
        for deposits in 1..=10_000 {
            budget.deposit();
            withdrawn += u32::from(budget.withdraw());
            assert!(
                f64::from(withdrawn) <= f64::from(deposits) * share + 1e-9,
                "{withdrawn} retries after {deposits} calls at {share}"
            );
        }
        let expected = 10_000.0 * share;
        assert!((f64::from(withdrawn) - expected).abs() <= 1.0, "{withdrawn}, not {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_above_one_pays_for_several() {
    let budget = budget(2.0, 0);
    assert_eq!(budget.balance(), 0);
    for _ in 0..10_000 {
        budget.deposit();
    }
    assert_eq!(budget.balance(), 20_000);
}

#[tokio::test(start_paused = true)]
async fn nothing_pays_for_nothing() {
    for budget in [budget(0.0, 0), Budget::empty()] {
        budget.deposit();
        assert!(!budget.withdraw());
        assert_eq!(budget.balance(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_minimum_is_there_from_the_start_and_comes_back() {
    for share in [0.0, 0.2] {
        let budget = budget(share, 10);
        assert_eq!(budget.balance(), 100, "10 a second for the 10 s that deposits last");
        for _ in 0..100 {
            assert!(budget.withdraw());
        }
        assert!(!budget.withdraw());
        advance(Duration::from_secs(9)).await;
        assert!(!budget.withdraw(), "share {share}");
        advance(Duration::from_secs(1)).await;
        assert_eq!(budget.balance(), 100, "share {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn deposits_leave_after_their_time() {
    let budget = budget(0.2, 0);
    for _ in 0..50 {
        budget.deposit();
    }
    advance(Duration::from_secs(9)).await;
    assert_eq!(budget.balance(), 10);
    advance(Duration::from_secs(1)).await;
    assert_eq!(budget.balance(), 0);
    advance(Duration::from_secs(365 * 24 * 60 * 60)).await;
    budget.deposit();
    assert_eq!(budget.balance(), 0, "one deposit is a fifth of a retry");
}

#[test]
fn settings_out_of_range_are_refused() {
    let text = |error: InvalidBudget| error.to_string();
    assert_eq!(
        Share::new(-0.1).map_err(text),
        Err("a budget's share must be within 0..=1000, got -0.1".to_owned())
    );
    assert!(Share::new(f64::NAN).is_err() && Share::new(1000.1).is_err());
    assert_eq!(
        Ttl::new(Duration::from_millis(999)).map_err(text),
        Err("a budget's ttl must be within 1s..=60s, got 999ms".to_owned())
    );
    assert!(Ttl::new(Duration::from_secs(61)).is_err());
    assert!(Ttl::new(Duration::from_secs(60)).is_ok());
}

#[test]
fn threads_take_no_more_than_there_is() {
    let budget = budget(1.0, 0);
    for _ in 0..1000 {
        budget.deposit();
    }
    let start = Barrier::new(4);
    let taken: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    (0..500).filter(|_| budget.withdraw()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 1000);
}
