//! When a call is counted.

use crate::support::{book, calls, counts, ms, pass, secs};
use orlop_breaker::{
    Throttle, ThrottleSettings,
    core::{Ratio, Verdict},
};

#[tokio::test(start_paused = true)]
async fn a_request_counts_when_it_asks_not_when_it_ends() {
    let throttle = Throttle::new(book().minimum_calls(100));
    let permits: Vec<_> = (0..100).map(|_| throttle.try_enter().unwrap()).collect();
    assert_eq!(counts(&throttle), (100, 0));
    assert_eq!(throttle.snapshot().rejection(), 100.0 / 101.0, "without a grace, as in the book");
    permits.into_iter().for_each(|permit| permit.settle(Verdict::SUCCESS));
    assert_eq!(counts(&throttle), (100, 100));
    assert_eq!(throttle.snapshot().rejection(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_a_request() {
    let throttle = Throttle::new(book()).seeded(3);
    let refused = calls(&throttle, 50, Verdict::THROTTLED);
    assert!((1..50).contains(&refused), "{refused}");
    assert_eq!(counts(&throttle), (50, 0));
    assert_eq!(throttle.snapshot().refused(), u64::from(refused));
}

#[tokio::test(start_paused = true)]
async fn calls_that_hang_for_longer_than_the_window_throttle() {
    // go-zero counts at completion, over 10 s: where calls take 15 s to fail, it sees none that is under way.
    for grace in [secs(0), secs(2)] {
        let settings = book().within(secs(10)).unwrap().grace(grace).unwrap();
        let throttle = Throttle::new(settings.max_rejection(Ratio::percent(90))).seeded(4);
        let mut under_way = Vec::new();
        for _ in 0..150 {
            under_way.extend(throttle.try_enter());
            pass(ms(100)).await;
        }
        let snapshot = throttle.snapshot();
        assert!(snapshot.rejection() > 0.5, "none has ended: {snapshot:?}");
        assert!(snapshot.refused() > 50, "{snapshot:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_to_a_healthy_server_is_not_throttled() {
    let throttle = Throttle::default();
    let permits: Vec<_> =
        (0..1000).map(|_| throttle.try_enter().expect("none is refused")).collect();
    assert_eq!(throttle.snapshot().under_way(), 1000);
    assert_eq!(counts(&throttle), (1000, 0));
    pass(ms(100)).await;
    permits.into_iter().for_each(|permit| permit.settle(Verdict::SUCCESS));
    let snapshot = throttle.snapshot();
    assert_eq!((snapshot.under_way(), snapshot.accepts()), (0, 1000));
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_counts_as_accepted_for_all_of_the_grace_and_not_for_long_after() {
    // Steps of 6 s, a grace of 5 s.
    for begun in [ms(0), ms(5_999)] {
        let throttle = Throttle::new(ThrottleSettings::default().minimum_calls(1)).seeded(5);
        pass(begun).await;
        let permit = throttle.try_enter().unwrap();
        pass(ms(4_999)).await;
        assert_eq!(throttle.snapshot().rejection(), 0.0, "within the grace");
        pass(ms(12_001)).await;
        assert_eq!(throttle.snapshot().rejection(), 0.5, "5 s and two steps later");
        permit.settle(Verdict::SUCCESS);
        assert_eq!(throttle.snapshot().rejection(), 0.0, "a late success is one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_after_the_window_leaves_no_trace() {
    let throttle = Throttle::new(book().within(secs(10)).unwrap());
    let permit = throttle.try_enter().unwrap();
    pass(secs(10)).await;
    calls(&throttle, 1, Verdict::SUCCESS);
    assert_eq!(counts(&throttle), (1, 1));
    permit.settle(Verdict::SUCCESS);
    assert_eq!(counts(&throttle), (1, 1), "an accept without its request would admit calls");
}

#[tokio::test(start_paused = true)]
async fn a_healthy_throttle_draws_no_random_number() {
    let settings = book().within(secs(10)).unwrap();
    let (busy, idle) =
        (Throttle::new(settings.clone()).seeded(6), Throttle::new(settings).seeded(6));
    assert_eq!(calls(&busy, 10_000, Verdict::SUCCESS), 0);
    pass(secs(10)).await;
    let trouble = |throttle: &Throttle| -> Vec<u32> {
        (0..200).map(|_| calls(throttle, 1, Verdict::THROTTLED)).collect()
    };
    assert_eq!(trouble(&busy), trouble(&idle), "both sequences are at their start");
}

#[tokio::test]
async fn threads_lose_no_request() {
    let throttle = Throttle::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(calls(&throttle, 5_000, Verdict::SUCCESS), 0));
        }
    });
    assert_eq!(counts(&throttle), (20_000, 20_000));
}
