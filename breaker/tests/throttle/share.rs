//! How many are refused, and how it ends.

use crate::support::{book, calls, ms, pass, secs};
use orlop_breaker::{Throttle, ThrottleSettings, core::Verdict};

const SEED: u64 = 0x5eed;

/// The other side accepts so many calls of each second, and turns the others away. 200 ask. Those sent, and accepted.
async fn second(throttle: &Throttle, capacity: u32) -> (u32, u32) {
    let (mut sent, mut accepted) = (0, 0);
    for _ in 0..200 {
        if let Ok(permit) = throttle.try_enter() {
            sent += 1;
            let room = accepted < capacity;
            accepted += u32::from(room);
            permit.settle(if room { Verdict::SUCCESS } else { Verdict::THROTTLED });
        }
        pass(ms(5)).await;
    }
    (sent, accepted)
}

fn within_10_s() -> Throttle {
    Throttle::new(ThrottleSettings::default().within(secs(10)).unwrap()).seeded(SEED)
}

#[tokio::test(start_paused = true)]
async fn the_share_refused_is_that_of_the_formula() {
    let throttle = Throttle::new(book()).seeded(SEED);
    let (mut expected, mut variance, mut refused) = (0.0, 0.0, 0);
    for call in 0..5_000 {
        let p = throttle.snapshot().rejection();
        expected += p;
        variance += p * (1.0 - p);
        // About one in five is accepted, if it is sent.
        let verdict = if call % 5 == 0 { Verdict::SUCCESS } else { Verdict::THROTTLED };
        refused += calls(&throttle, 1, verdict);
    }
    // A sum of independent draws: 4 standard deviations, 6 in 100,000 seeds exceed them.
    let tolerance = 4.0 * f64::sqrt(variance);
    let off = f64::from(refused) - expected;
    assert!(
        off.abs() < tolerance,
        "seed {SEED:#x}: {refused} refused, {expected} +- {tolerance} expected"
    );
    assert!(expected > 1_000.0, "there was trouble: {expected}");
}

#[tokio::test(start_paused = true)]
async fn the_other_side_sees_k_times_what_it_accepts() {
    let throttle = within_10_s();
    for _ in 0..30 {
        second(&throttle, 30).await;
    }
    let (mut sent, mut accepted) = (0, 0);
    for _ in 0..20 {
        let (s, a) = second(&throttle, 30).await;
        (sent, accepted) = (sent + s, accepted + a);
    }
    // 200 ask, 30 pass, k is 2: 60 of each second are sent, of which a second has a standard deviation of 6.5.
    let times = f64::from(sent) / f64::from(accepted);
    assert!((1.8..2.2).contains(&times), "seed {SEED:#x}: {sent} sent, {accepted} accepted");
    assert_eq!(accepted, 20 * 30, "and all that it can do, it does");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_recovers_gets_all_its_calls_back() {
    let throttle = within_10_s();
    for _ in 0..15 {
        second(&throttle, 0).await;
    }
    let (sent, _) = second(&throttle, 0).await;
    // A tenth of 200 passes: 20, with a standard deviation of 4.2.
    assert!((4..=36).contains(&sent), "seed {SEED:#x}: {sent} find out whether it still refuses");
    // The tenth that passes is accepted, then twice that, and so on: each doubling takes about half of the window or less.
    for _ in 0..30 {
        second(&throttle, 200).await;
    }
    assert_eq!(throttle.snapshot().rejection(), 0.0);
    assert_eq!(second(&throttle, 200).await, (200, 200));
}

#[tokio::test(start_paused = true)]
async fn trouble_older_than_the_window_is_forgotten() {
    let throttle = within_10_s();
    calls(&throttle, 1_000, Verdict::FAILURE);
    assert_eq!(throttle.snapshot().rejection(), 0.9);
    pass(secs(10)).await;
    assert_eq!(throttle.snapshot().rejection(), 0.0);
    assert_eq!(calls(&throttle, 9, Verdict::FAILURE), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_seldom_is_not_throttled() {
    let throttle = Throttle::default();
    for _ in 0..1_000 {
        assert_eq!(
            calls(&throttle, 6, Verdict::SUCCESS) + calls(&throttle, 4, Verdict::FAILURE),
            0
        );
        pass(ms(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_seed_one_sequence() {
    let refused = |seed| -> Vec<u32> {
        let throttle = Throttle::new(book()).seeded(seed);
        (0..100).map(|_| calls(&throttle, 1, Verdict::THROTTLED)).collect()
    };
    assert_eq!(refused(1), refused(1));
    assert_ne!(refused(1), refused(2));
}
