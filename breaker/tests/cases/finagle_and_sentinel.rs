//! FailureAccrualPolicyTest, FailureAccrualFactoryTest of Finagle; ExceptionCircuitBreakerTest of Sentinel.

use crate::support::{
    consecutive, failing, half_open, in_buckets, n, n16, plain, play, secs, within,
};
use orlop_breaker::{Circuit, Ewma, OpenTime, Opening, Settings, Trip, core::Ratio};

fn mean(percent: u8, minimum: u32, over: Ewma) -> Settings {
    plain(Trip::success_rate(Ratio::percent(percent), n(minimum), over))
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_mark_dead_each_time() {
    // G1, Finagle: after revival and after a success it takes three again.
    let circuit = Circuit::new(consecutive(3));
    play(&circuit, "FF closed F open +5s S closed").await;
    play(&circuit, "FF closed F open +5s S closed").await;
    play(&circuit, "F S FF closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_waits_ends_with_the_longest_and_begins_again_once_revived() {
    // G2, G3, Finagle: 5, 10, 20 s, then 300 s for ever.
    let waits = |opening: &Opening| {
        let list = [5, 10, 20];
        secs(list.get(opening.reopenings() as usize).copied().unwrap_or(300))
    };
    let circuit = Circuit::new(consecutive(1).open(OpenTime::by(waits)));
    for _ in 0..2 {
        for wait in [5, 10, 20, 300, 300, 300] {
            play(&circuit, "F open").await;
            assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(secs(wait)));
            play(&circuit, &format!("+{wait}s")).await;
        }
        play(&circuit, "S closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_mean_over_five_calls_waits_for_five() {
    // G4, Finagle.
    play(&Circuit::new(mean(50, 5, Ewma::last(n16(5)))), "FFFF closed F open x").await;
}

#[tokio::test(start_paused = true)]
async fn a_mean_over_a_hundred_calls_forgets_a_hundred_successes_with_the_70th_failure() {
    // G5, Finagle: 100 ln 2, and one more.
    let circuit = Circuit::new(mean(50, 100, Ewma::last(n16(100))));
    play(&circuit, &"S".repeat(100)).await;
    play(&circuit, &"F".repeat(69)).await;
    play(&circuit, "closed F open x").await;
    assert_eq!(circuit.snapshot().cause().unwrap().to_string(), "mean success rate 0.497");
}

#[tokio::test(start_paused = true)]
async fn a_mean_over_thirty_seconds_waits_for_five_calls() {
    // G7, Finagle.
    let circuit = Circuit::new(mean(80, 5, Ewma::within(secs(30)).unwrap()));
    play(&circuit, "+30s FFFF closed F open x").await;
    // Calls older than the time are too few, however bad they were.
    let circuit = Circuit::new(mean(80, 5, Ewma::within(secs(30)).unwrap()));
    play(&circuit, "FFFF +31s F closed FFF closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn a_mean_recovers_as_good_calls_come() {
    let circuit = Circuit::new(mean(80, 5, Ewma::last(n16(5))));
    play(&circuit, "SSSSSSSSSS F closed").await;
    assert!((circuit.snapshot().success_rates()[0] - (-0.2_f64).exp()).abs() < 1e-6);
    play(&circuit, &"S".repeat(20)).await;
    play(&circuit, "F closed F open").await;
    // Too few good ones between them.
    play(&Circuit::new(mean(80, 5, Ewma::last(n16(5)))), "SSSSSSSSSS F closed SSSSS F open").await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_leaves_the_next_call_to_probe() {
    // G10, Finagle: a failed probe is busy again; an ignorable one leaves the door open.
    play(&half_open(consecutive(1)).await, "F open x +5s N half_open N S closed").await;
}

#[tokio::test(start_paused = true)]
async fn ignorable_results_neither_add_nor_reset() {
    // G11, Finagle.
    play(&Circuit::new(consecutive(3)), "FNFN closed F open").await;
    play(&Circuit::new(mean(50, 5, Ewma::last(n16(5)))), "FFFFNNNN closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn either_of_two_policies_marks_dead() {
    // Finagle: success rate over 30 s, or five failures in a row.
    let settings = || {
        plain(
            Trip::success_rate(Ratio::percent(80), n(5), Ewma::within(secs(30)).unwrap())
                .or(Trip::consecutive_failures(n(5))),
        )
    };
    let circuit = Circuit::new(settings());
    play(&circuit, &"S".repeat(1_000)).await;
    play(&circuit, "FFFF closed F open").await;
    play(&Circuit::new(settings()), "SSSSSSS F closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn seven_errors_of_ten_open() {
    // G13, Sentinel: exception ratio .5, at least 10.
    let circuit = Circuit::new(plain(failing(50, 10, in_buckets(secs(1), 1))));
    play(&circuit, "FFFFFF SSS closed F open x").await;
}

#[tokio::test(start_paused = true)]
async fn the_ratio_itself_opens() {
    // Sentinel: only above it. CHOICE: ours at it, as Hystrix (A2), resilience4j and Polly. One percent more is the other.
    let five_of_ten = "SSSSSFFFFF";
    let at = Circuit::new(plain(failing(50, 10, within(secs(1)))));
    play(&at, five_of_ten).await;
    play(&at, "open").await;
    let above = Circuit::new(plain(failing(51, 10, within(secs(1)))));
    play(&above, five_of_ten).await;
    play(&above, "closed F open").await;
    // Sentinel's exception: all of the calls, where the ratio is 1.
    play(&Circuit::new(plain(failing(100, 5, within(secs(1))))), "FFFF closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn an_exception_count_opens_at_its_number() {
    // Sentinel: exception count, however many calls there are beside them.
    let circuit = Circuit::new(plain(Trip::failures(n(3), within(secs(1)))));
    play(&circuit, &"S".repeat(1_000)).await;
    play(&circuit, "FF closed +1s FF closed F open").await;
}
