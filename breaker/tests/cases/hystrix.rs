//! HystrixCircuitBreakerTest, HystrixCommandTest, HealthCountsStreamTest, HystrixCommandMetricsTest. Hystrix looks at its
//! window twice a second, we at each failure; so where calls come at once, the volume is what they are together.

use crate::support::{counting, ms, play, rate, secs, seen, within};
use orlop_breaker::{
    BreakerLayer, Circuit, OpenTime, Settings, State,
    core::{AnyError, BoxError},
};
use std::io;
use tower::{Layer, ServiceExt, service_fn};

/// 50 % of so many calls in 10 s; open for 200 ms.
fn hystrix(volume: u32) -> Circuit {
    let settings = rate(50, volume, within(secs(10))).open(OpenTime::fixed(ms(200)));
    Circuit::new(settings)
}

fn watching() -> Circuit {
    Circuit::new(crate::support::plain(counting(within(secs(10)))))
}

/// Percent of failures, as Hystrix truncates it.
fn percent(circuit: &Circuit) -> u64 {
    let (calls, failures, _) = seen(circuit);
    (failures * 100).checked_div(calls).unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn half_of_the_calls_failing_opens_after_a_good_start() {
    // A1, Hystrix: testTripCircuit.
    play(&hystrix(1), "SSSS closed FFF closed F open xx").await;
}

#[tokio::test(start_paused = true)]
async fn the_threshold_itself_opens() {
    // A2, Hystrix: testTripCircuitOnFailuresAboveThreshold, 4 of 8.
    play(&hystrix(1), "SSFSFSF closed F open x").await;
}

#[tokio::test(start_paused = true)]
async fn below_the_threshold_stays_closed() {
    // A3, Hystrix: testCircuitDoesNotTripOnFailuresBelowThreshold, 3 of 8 at most.
    play(&hystrix(1), "SSFSSFSF closed").await;
}

#[tokio::test(start_paused = true)]
async fn timeouts_are_failures() {
    // A4, Hystrix: testTripCircuitOnTimeouts.
    play(&hystrix(4), "LLL closed L open x").await;
}

#[tokio::test(start_paused = true)]
async fn one_call_tests_an_open_circuit_and_the_next_is_refused() {
    // A6, Hystrix: testSingleTestOnOpenCircuitAfterTimeWindow. Not closed while the probe runs.
    let circuit = hystrix(4);
    play(&circuit, "FFFF open x +199ms x +1ms open").await;
    let probe = circuit.try_enter().unwrap();
    play(&circuit, "half_open xx").await;
    drop(probe);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_closed_again_has_forgotten_its_failures() {
    // A7, Hystrix: testCircuitClosedAfterSuccess.
    let circuit = hystrix(4);
    play(&circuit, "FFFF open +200ms S closed").await;
    assert_eq!(seen(&circuit), (0, 0, 0));
    play(&circuit, "FFF closed SSS closed").await;
}

#[tokio::test(start_paused = true)]
async fn a_low_volume_never_opens() {
    // A9, Hystrix: testLowVolumeDoesNotTripCircuit.
    play(&hystrix(5), "FFFF closed").await;
}

#[tokio::test(start_paused = true)]
async fn forced_open_refuses_though_all_goes_well() {
    // A11, Hystrix: HystrixCommandTest, circuitBreakerForceOpen. What the caller falls back to is another layer's.
    let circuit = hystrix(1);
    play(&circuit, "SSSS").await;
    circuit.force_open();
    play(&circuit, "forced_open xxxx +1000s xxxx").await;
}

#[tokio::test(start_paused = true)]
async fn forced_closed_admits_though_all_fails() {
    // A12, Hystrix: circuitBreakerForceClosed. It lasts, so it is our `disable`, or, as theirs goes on computing, our
    // `shadow`; our `force_close` closes once and goes on by itself.
    let circuit = hystrix(1);
    circuit.disable();
    play(&circuit, "FFFFFFFF disabled FFFF").await;
    circuit.shadow();
    play(&circuit, "FFFFFFFF shadow FFFF").await;
    assert_eq!(circuit.snapshot().in_shadow(), Some(State::Open));
}

#[tokio::test(start_paused = true)]
async fn a_circuit_without_rules_or_disabled_never_opens() {
    // A14, Hystrix: circuitBreakerEnabled = false.
    play(&Circuit::new(Settings::default().trip([])), "FFFFFFFFFFFFFFFFFFFFFFFF closed").await;
    let disabled = hystrix(1);
    disabled.disable();
    play(&disabled, "FFFFFFFFFFFFFFFFFFFFFFFF disabled").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_nothing() {
    // B1, Hystrix.
    let circuit = watching();
    assert_eq!((seen(&circuit), percent(&circuit)), ((0, 0, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn each_outcome_counts_as_it_is_documented() {
    // B2, B3, Hystrix: success, failure, timeout; a bad request counts nowhere.
    for (call, counts) in [
        ("S", (1, 0, 0)),
        ("F", (1, 1, 0)),
        ("L", (1, 1, 0)),
        ("T", (1, 1, 0)),
        ("N", (0, 0, 0)),
        ("D", (0, 0, 0)),
    ] {
        let circuit = watching();
        play(&circuit, call).await;
        assert_eq!(seen(&circuit), counts, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_does_with_an_error_does_not_count() {
    // B7, Hystrix: a failure whose fallback fails, or is missing, is one failure of one call.
    let circuit = watching();
    let service = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(async |()| Err::<(), _>(io::Error::other("down"))));
    let fails = service.clone().map_err(|_| io::Error::other("and so is the fallback"));
    fails.oneshot(()).await.unwrap_err();
    assert_eq!(seen(&circuit), (1, 1, 0));
    let falls_back = service.clone().map_result(|_| Ok::<_, BoxError>(()));
    falls_back.oneshot(()).await.unwrap();
    service.oneshot(()).await.unwrap_err();
    assert_eq!(seen(&circuit), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn all_ages_out() {
    // B9, Hystrix.
    let circuit = watching();
    play(&circuit, "SFLTND +9s SF").await;
    assert_eq!(seen(&circuit), (6, 4, 0));
    play(&circuit, "+1s").await;
    assert_eq!(seen(&circuit), (2, 1, 0), "the first second has left");
    play(&circuit, "+9s").await;
    assert_eq!(seen(&circuit), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_share_of_failures_follows_each_call() {
    // B10, Hystrix: testGetErrorPercentage. A call that is slow and good is no failure.
    let circuit = watching();
    let mut percents = Vec::new();
    for calls in ["S", "F", "SS", "LL", "SSS s"] {
        play(&circuit, calls).await;
        percents.push(percent(&circuit));
    }
    assert_eq!(percents, [0, 50, 25, 50, 30]);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_do_not_dilute_failures() {
    // B11, Hystrix: testBadRequestsDoNotAffectErrorPercentage.
    let circuit = watching();
    let mut percents = Vec::new();
    for calls in ["S", "F", "NN", "FF"] {
        play(&circuit, calls).await;
        percents.push(percent(&circuit));
    }
    assert_eq!(percents, [0, 50, 50, 75]);
}
