use crate::support::{calls, last, ms, n, pass, plain, rate, secs, within};
use orlop_breaker::{Cause, Circuit, Counts, Ewma, State, Trip, core::Ratio};
use std::num::NonZeroU16;

fn counts(calls: u64, failures: u64) -> Counts {
    Counts { calls, failures, slow: 0 }
}

#[tokio::test(start_paused = true)]
async fn the_threshold_itself_opens() {
    // Hystrix, threshold 50 %.
    let half = || Circuit::new(rate(50, 8, within(secs(10))));
    let circuit = half();
    assert_eq!(calls(&circuit, "SSFSFSFF S"), "SSFSFSFFx", "4 of 8");
    assert_eq!(circuit.snapshot().cause(), Some(Cause::FailureRate(counts(8, 4))));
    let circuit = half();
    assert_eq!(calls(&circuit, "SSFSSFSF S"), "SSFSSFSFS", "3 of 8");
    assert_eq!(circuit.snapshot().windows(), [counts(9, 3)]);
}

#[tokio::test(start_paused = true)]
async fn four_successes_then_four_failures_open_at_half() {
    let circuit = Circuit::new(rate(50, 1, within(secs(10))));
    assert_eq!(calls(&circuit, "SSSS FFF"), "SSSSFFF");
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(calls(&circuit, "F S"), "Fx");
}

#[tokio::test(start_paused = true)]
async fn too_few_calls_never_open() {
    // Hystrix: volume 5.
    let circuit = Circuit::new(rate(50, 5, within(secs(10))));
    assert_eq!(calls(&circuit, "FFFF"), "FFFF");
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_spread_over_time_count_together() {
    // resilience4j: window 20 s, minimum 5, at 0..4 s.
    let circuit = Circuit::new(rate(50, 5, within(secs(20))));
    for call in ["S", "S", "S", "F", "F"] {
        assert_eq!(calls(&circuit, call), call);
        pass(secs(1)).await;
    }
    assert_eq!(circuit.state(), State::Closed, "2 of 5");
    assert_eq!(calls(&circuit, "F S"), "Fx", "3 of 6");
}

#[tokio::test(start_paused = true)]
async fn a_success_opens_only_if_the_settings_say_so() {
    // Polly's F F F S stays closed; resilience4j's F F F S S opens on the fifth.
    let settings = rate(50, 5, last(100));
    let circuit = Circuit::new(settings.clone());
    assert_eq!(calls(&circuit, "FFFSS S"), "FFFSSS");
    assert_eq!(calls(&circuit, "F S"), "Fx", "the next failure opens");
    let circuit = Circuit::new(settings.trip_on_success(true));
    assert_eq!(calls(&circuit, "FFFSS S"), "FFFSSx");
}

#[tokio::test(start_paused = true)]
async fn failures_leave_the_window_at_its_end_not_before() {
    // Polly: three failures at 0, one at 10 s, or just before.
    for (at, state) in [(secs(10), State::Closed), (secs(10) - ms(1), State::Open)] {
        let circuit = Circuit::new(rate(50, 4, within(secs(10))));
        calls(&circuit, "FFF");
        pass(at).await;
        calls(&circuit, "F");
        assert_eq!(circuit.state(), state, "fourth failure after {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_healthy_past_does_not_delay_opening() {
    let circuit = Circuit::new(rate(50, 10, last(10)));
    calls(&circuit, &"S".repeat(10_000));
    assert_eq!(calls(&circuit, "FFFFF S"), "FFFFFx", "5 of the last 10");
}

#[tokio::test(start_paused = true)]
async fn two_of_the_last_three_open() {
    let circuit = Circuit::new(rate(66, 3, last(3)));
    assert_eq!(calls(&circuit, "SFS F S"), "SFSFx");
    let circuit = Circuit::new(rate(75, 4, last(4)));
    assert_eq!(calls(&circuit, &"SF".repeat(20)), "SF".repeat(20), "never 3 of 4");
}

#[tokio::test(start_paused = true)]
async fn a_minimum_above_the_window_counts_as_the_window() {
    let circuit = Circuit::new(rate(50, 1_000, last(4)));
    assert_eq!(calls(&circuit, "FFFF S"), "FFFFx");
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_count_as_failures_in_a_rate() {
    let circuit = Circuit::new(rate(50, 4, last(4)));
    assert_eq!(calls(&circuit, "SSTT S"), "SSTTx");
}

#[tokio::test(start_paused = true)]
async fn neutral_calls_count_nowhere() {
    // Hystrix: S -> 0 %, +F -> 50 %, +two bad requests -> 50 %, +F F -> 75 %.
    let circuit = Circuit::new(rate(100, 1_000, within(secs(10))));
    let mut seen = Vec::new();
    for script in ["S", "F", "NN", "FF"] {
        calls(&circuit, script);
        seen.extend(circuit.snapshot().windows().iter().copied());
    }
    assert_eq!(seen, [counts(1, 0), counts(2, 1), counts(2, 1), counts(4, 3)]);
}

#[tokio::test(start_paused = true)]
async fn all_counts_age_out() {
    let circuit = Circuit::new(rate(100, 1_000, within(secs(10))));
    calls(&circuit, "SFTFS");
    pass(secs(10)).await;
    assert_eq!(circuit.snapshot().windows(), [counts(0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_of_zero_needs_a_failure() {
    let circuit = Circuit::new(rate(0, 1, last(10)).trip_on_success(true));
    assert_eq!(calls(&circuit, "SSS F S"), "SSSFx");
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_compared_exactly() {
    let circuit = Circuit::new(rate(56, 25, last(25)));
    let script = format!("{}{}", "S".repeat(11), "F".repeat(14));
    assert_eq!(calls(&circuit, &script), script);
    assert_eq!(circuit.state(), State::Open, "14 of 25 is 56 %");
}

#[tokio::test(start_paused = true)]
async fn any_one_rule_is_enough() {
    let settings = plain([
        Trip::consecutive_failures(n(3)),
        Trip::failure_rate(Ratio::HALF, n(6), last(10)),
        Trip::failure_rate(Ratio::percent(20), n(50), within(secs(60))),
    ]);
    let circuit = Circuit::new(settings.clone());
    assert_eq!(calls(&circuit, "FFF S"), "FFFx");
    let circuit = Circuit::new(settings.clone());
    assert_eq!(calls(&circuit, "SFFSFF S"), "SFFSFFx");
    assert!(matches!(circuit.snapshot().cause(), Some(Cause::FailureRate(_))));
    let circuit = Circuit::new(settings);
    assert_eq!(calls(&circuit, &"SSSF".repeat(13)), "SSSF".repeat(13));
    assert_eq!(
        calls(&circuit, "S"),
        "x",
        "a quarter of 52, judged at the first failure from the fiftieth call on"
    );
    assert_eq!(circuit.snapshot().cause(), Some(Cause::FailureRate(counts(52, 13))));
}

#[tokio::test(start_paused = true)]
async fn recovery_clears_the_window() {
    let circuit = Circuit::new(rate(50, 2, within(secs(60))));
    calls(&circuit, "FF");
    pass(secs(5)).await;
    assert_eq!(calls(&circuit, "S"), "S");
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(circuit.snapshot().windows(), [counts(0, 0)], "a fresh start");
    assert_eq!(calls(&circuit, "F"), "F");
    assert_eq!(circuit.state(), State::Closed, "the old failures no longer count");
}

#[tokio::test(start_paused = true)]
async fn a_number_of_failures_opens_whatever_their_share() {
    let failures = |window| plain(Trip::failures(n(3), window));
    let circuit = Circuit::new(failures(within(secs(10))));
    calls(&circuit, &"S".repeat(1_000));
    assert_eq!(calls(&circuit, "F S T S F S"), "FSTSFx", "a throttled call counts as a failure");
    assert_eq!(circuit.snapshot().cause(), Some(Cause::Failures(counts(1_005, 3))));
    let circuit = Circuit::new(failures(within(secs(10))));
    assert_eq!(calls(&circuit, "FF"), "FF");
    pass(secs(10)).await;
    assert_eq!(calls(&circuit, "FF"), "FF");
    assert_eq!(circuit.state(), State::Closed, "the first two have left");
    let circuit = Circuit::new(failures(last(4)));
    assert_eq!(calls(&circuit, "FFSSF"), "FFSSF");
    assert_eq!(circuit.state(), State::Closed, "two of the last four");
    assert_eq!(calls(&circuit, "FF S"), "FFx");
}

#[tokio::test(start_paused = true)]
async fn more_failures_than_a_window_holds_never_open() {
    let circuit = Circuit::new(plain(Trip::failures(n(5), last(4))));
    let script = "F".repeat(100);
    assert_eq!(calls(&circuit, &script), script);
}

#[tokio::test(start_paused = true)]
async fn a_mean_success_rate_opens_below_what_is_required() {
    let required = |percent, over| {
        Circuit::new(plain(Trip::success_rate(Ratio::percent(percent), n(4), over)))
    };
    let mean = Ewma::last(const { NonZeroU16::new(4).unwrap() });
    let circuit = required(50, mean);
    assert_eq!(calls(&circuit, "FFF"), "FFF");
    assert_eq!(circuit.state(), State::Closed, "three are too few");
    assert_eq!(calls(&circuit, "F S"), "Fx");
    assert_eq!(circuit.snapshot().cause(), Some(Cause::SuccessRate(0.0)));
    assert!(circuit.snapshot().success_rates().is_empty(), "an open circuit counts nothing");
    // By time, calls of one instant weigh alike: 2 of 4 are 50 %, which is not below.
    let over_10_s = Ewma::within(secs(10)).unwrap();
    let circuit = required(50, over_10_s);
    assert_eq!(calls(&circuit, "SSFF"), "SSFF");
    assert_eq!(circuit.snapshot().success_rates(), [0.5]);
    assert_eq!(calls(&circuit, "F S"), "Fx");
    assert_eq!(circuit.snapshot().cause(), Some(Cause::SuccessRate(0.4)));
    // A rate of 100 % opens with the first failure, of 0 % never.
    assert_eq!(calls(&required(100, mean), "SSSSSS F S"), "SSSSSSFx");
    let script = "F".repeat(100);
    assert_eq!(calls(&required(0, mean), &script), script);
}

#[tokio::test(start_paused = true)]
async fn rules_are_put_together_with_or() {
    let rules = Trip::consecutive_failures(n(9))
        .or(Trip::failures(n(3), last(10)))
        .or(Trip::failure_rate(Ratio::HALF, n(4), last(10)));
    let circuit = Circuit::new(plain(rules.clone()));
    assert_eq!(calls(&circuit, "SSSSSSS FFF S"), "SSSSSSSFFFx");
    assert_eq!(circuit.snapshot().cause(), Some(Cause::Failures(counts(10, 3))));
    let listed = [
        Trip::consecutive_failures(n(9)),
        Trip::failures(n(3), last(10)),
        Trip::failure_rate(Ratio::HALF, n(4), last(10)),
    ];
    assert_eq!(plain(rules), plain(listed));
}
