//! AdvancedCircuitBreakerSpecs, CircuitStateControllerTests, RollingHealthMetricsTests, HealthMetricsTests: 50 % of at least
//! 4 calls in 10 s; a break of 5 s; one probe.

use crate::support::{counting, half_open, ms, pass, plain, play, rate, secs, seen, within};
use orlop_breaker::{Cause, Circuit, OpenTime, Opening, Settings, Window};
use std::sync::{Arc, Mutex};

fn polly() -> Settings {
    rate(50, 4, within(secs(10)))
}

#[tokio::test(start_paused = true)]
async fn a_success_does_not_open() {
    // D1, Polly: 3 of 4 failed, but the fourth did not. CHOICE: resilience4j's opens (C5).
    let circuit = Circuit::new(polly());
    play(&circuit, "FFFS closed").await;
    play(&circuit, "F open x").await;
    play(&Circuit::new(polly().trip_on_success(true)), "FFFS open x").await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_gone_at_the_end_of_the_window_and_not_before() {
    // D2, D3, Polly.
    play(&Circuit::new(polly()), "FFF +10s F closed").await;
    play(&Circuit::new(polly()), "FFF +11s F closed").await;
    play(&Circuit::new(polly()), "FFF +9s +999ms F open x").await;
    play(&Circuit::new(polly()), "FFF +9999999999ns F open x").await;
}

#[tokio::test(start_paused = true)]
async fn half_open_admits_one_at_a_time() {
    // D7, Polly: the second caller gets the broken circuit's error.
    let circuit = half_open(crate::support::consecutive(1)).await;
    let probe = circuit.try_enter().unwrap();
    play(&circuit, "x half_open x").await;
    drop(probe);
}

#[tokio::test(start_paused = true)]
async fn isolated_refuses_without_advice_until_closed() {
    // D9, Polly: isolate() is our force_open, close() our force_close or release.
    for end in [Circuit::force_close, Circuit::release] {
        let circuit = Circuit::new(polly());
        circuit.force_open();
        assert_eq!(circuit.try_enter().unwrap_err().retry_after(), None);
        assert_eq!(circuit.snapshot().cause(), Some(Cause::Forced));
        play(&circuit, "xx +1000s x forced_open").await;
        end(&circuit);
        play(&circuit, "closed S").await;
    }
}

#[tokio::test(start_paused = true)]
async fn late_results_leave_isolated_and_open_alone() {
    // D10, Polly.
    for late in ['S', 'F'] {
        let settle = |circuit: &Circuit, stop: fn(&Circuit)| {
            let permit = circuit.try_enter().unwrap();
            stop(circuit);
            let stopped = circuit.snapshot();
            permit.settle(crate::support::verdict(late).unwrap());
            assert_eq!(circuit.snapshot(), stopped, "late {late}");
        };
        settle(&Circuit::new(polly()), Circuit::force_open);
        settle(&Circuit::new(crate::support::consecutive(1)), |circuit| {
            let failed = circuit.try_enter().unwrap();
            failed.settle(orlop_breaker::core::Verdict::FAILURE);
            assert_eq!(circuit.state().as_str(), "open");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn the_open_time_is_told_how_often_the_circuit_opened_again() {
    // D11, Polly: half-open attempts 0, 1, 2, 3, 4, and after a close 0, 1, 2.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let answer = Arc::clone(&asked);
    let open = OpenTime::by(move |opening: &Opening| {
        answer.lock().unwrap().push(opening.reopenings());
        secs(5)
    });
    let circuit = Circuit::new(crate::support::consecutive(1).open(open));
    play(&circuit, "F +5s F +5s F +5s F +5s F +5s S closed F +5s F +5s F open").await;
    assert_eq!(*asked.lock().unwrap(), [0, 1, 2, 3, 4, 0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_advice_of_a_refusal_is_what_is_left() {
    // D13, Polly: opened for 1 s.
    let circuit = Circuit::new(crate::support::consecutive(1).open(OpenTime::fixed(secs(1))));
    play(&circuit, "F").await;
    let left = || circuit.try_enter().unwrap_err().retry_after();
    assert_eq!(left(), Some(secs(1)));
    pass(ms(500)).await;
    assert_eq!(left(), Some(ms(500)));
}

#[tokio::test(start_paused = true)]
async fn one_failure_of_five_is_a_fifth() {
    // D14, Polly: RollingHealthMetrics.
    let circuit = Circuit::new(plain(counting(within(secs(30)))));
    play(&circuit, "FSSSS").await;
    let counts = circuit.snapshot().windows()[0];
    assert_eq!((counts.calls, counts.failure_ratio()), (5, 0.2));
}

#[tokio::test(start_paused = true)]
async fn a_rolling_window_lets_go_a_tenth_at_a_time() {
    // D15, Polly: at 10 s the calls of 0 s are gone, those of 2 s are not.
    let circuit = Circuit::new(plain(counting(within(secs(10)))));
    let mut steps = Vec::new();
    for calls in ["FS +2s", "FS +2s", "SS +2s", "SS +2s", "SS +2s", "+2s"] {
        play(&circuit, calls).await;
        steps.push(seen(&circuit));
    }
    assert_eq!(steps, [(2, 1, 0), (4, 2, 0), (6, 2, 0), (8, 2, 0), (8, 1, 0), (6, 0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_window_of_a_tenth_of_a_second_still_slides_and_a_shorter_one_is_refused() {
    // D17, Polly: below 200 ms a single window, which forgets all at once. CHOICE: ours slides at any length there may be.
    let circuit = Circuit::new(plain(counting(within(ms(100)))));
    play(&circuit, "F +10ms S +89ms").await;
    assert_eq!(seen(&circuit), (2, 1, 0));
    play(&circuit, "+1ms").await;
    assert_eq!(seen(&circuit), (1, 0, 0));
    let refused = Window::within(ms(99)).unwrap_err();
    assert_eq!(refused.to_string(), "within must be within 100ms..=1h, got 99ms");
    // And the single window, for who wants it.
    let single = Circuit::new(plain(counting(crate::support::in_buckets(ms(199), 1))));
    play(&single, "F +150ms S +48ms").await;
    assert_eq!(seen(&single), (2, 1, 0));
    play(&single, "+1ms").await;
    assert_eq!(seen(&single), (0, 0, 0), "all at once");
}
