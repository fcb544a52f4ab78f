//! Sequences for sliding windows, as a circuit shows them. The windows themselves have more of them in `src/window`.

use crate::support::{counting, in_buckets, last, ms, plain, play, secs, seen, slow, within};
use orlop_breaker::{Circuit, Window};

fn counts(window: Window) -> Circuit {
    Circuit::new(plain(counting(window)))
}

#[tokio::test(start_paused = true)]
async fn the_last_four_calls_decide_the_rate() {
    // H1, resilience4j: FixedSizeSlidingWindowMetricsTest.
    let circuit = counts(last(4));
    let mut rates = Vec::new();
    for call in ["F", "S", "S", "S", "S"] {
        play(&circuit, call).await;
        rates.push(circuit.snapshot().windows()[0].failure_ratio());
    }
    assert_eq!(rates, [1.0, 0.5, 1.0 / 3.0, 0.25, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_leave_as_others_do() {
    // H2, resilience4j: window of 2.
    let circuit = Circuit::new(plain(slow(100, 2, last(2))).trip_on_success(false));
    let mut slow_calls = Vec::new();
    for call in ["f", "S", "s", "S", "S"] {
        play(&circuit, call).await;
        slow_calls.push(seen(&circuit).2);
    }
    assert_eq!(slow_calls, [1, 1, 1, 1, 0]);
    let circuit = Circuit::new(plain([counting(last(2)), slow(100, 3, last(3))]));
    play(&circuit, "f s S S").await;
    let slow_in_three = circuit.snapshot().windows()[1];
    assert_eq!((slow_in_three.slow, slow_in_three.failures), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_time_window_of_five_seconds() {
    // H4, resilience4j: SlidingTimeWindowMetricsTest.
    let circuit = counts(in_buckets(secs(5), 5));
    play(&circuit, "F +100ms S +700ms F").await;
    assert_eq!(seen(&circuit), (3, 2, 0));
    play(&circuit, "+4s").await;
    assert_eq!(seen(&circuit), (3, 2, 0));
    play(&circuit, "+1s").await;
    assert_eq!(seen(&circuit), (0, 0, 0));
    play(&circuit, "S").await;
    assert_eq!(seen(&circuit), (1, 0, 0));
    play(&circuit, "+5s S").await;
    assert_eq!(seen(&circuit), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_silence_between_calls_takes_its_share_of_the_window() {
    // H6, H7, H8, Hystrix: HystrixRollingNumberTest, 200 ms in 10.
    let circuit = counts(in_buckets(ms(200), 10));
    play(&circuit, "F +60ms SSSS FF T").await;
    assert_eq!(seen(&circuit), (8, 4, 0));
    play(&circuit, "+140ms").await;
    assert_eq!(
        seen(&circuit),
        (7, 3, 0),
        "the first is 200 ms old, those of three buckets later are not"
    );
    play(&circuit, "+60ms S").await;
    assert_eq!(seen(&circuit), (1, 0, 0));
    // Spread over the buckets.
    let circuit = counts(in_buckets(ms(200), 10));
    play(&circuit, "SSS FF T +20ms SS F +20ms S F T +40ms F T").await;
    assert_eq!(seen(&circuit), (14, 8, 0));
    play(&circuit, "+200ms S").await;
    assert_eq!(seen(&circuit), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn looking_is_enough_for_calls_to_leave() {
    // H9, Hystrix: and looking changes nothing.
    let circuit = counts(within(secs(10)));
    play(&circuit, "FF +9999ms").await;
    for _ in 0..10 {
        assert_eq!(seen(&circuit), (2, 2, 0));
    }
    play(&circuit, "+1ms").await;
    assert_eq!(seen(&circuit), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_empty_window_after_twenty_rolls_is_empty() {
    // H11, Hystrix: 20 ms in 2; the shortest of ours is 100 ms.
    let circuit = counts(in_buckets(ms(100), 2));
    for _ in 0..20 {
        play(&circuit, "F +50ms").await;
        assert_eq!(seen(&circuit), (1, 1, 0));
    }
    play(&circuit, "+50ms").await;
    assert_eq!(seen(&circuit), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn fifty_calls_and_then_a_hundred_in_a_window_of_a_hundred() {
    // H16, failsafe-go: stats_test.go, every third of 50 a success.
    let circuit = counts(last(100));
    let fifty: String = (0..50).map(|i| if i % 3 == 0 { 'S' } else { 'F' }).collect();
    play(&circuit, &fifty).await;
    assert_eq!(seen(&circuit), (50, 33, 0));
    play(&circuit, &"S".repeat(100)).await;
    assert_eq!(seen(&circuit), (100, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_healthy_past_does_not_delay_opening() {
    // H19: 5 failures of the last 10 open, after 10,000 successes.
    let circuit = Circuit::new(crate::support::rate(50, 10, last(10)));
    play(&circuit, &"S".repeat(10_000)).await;
    play(&circuit, "FFFF closed F open").await;
}
