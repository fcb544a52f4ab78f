//! CircuitBreakerStateMachineTest, CircuitBreakerMetricsTest: a window of 20 s, at least 5 calls, 50 % failed or 50 % above
//! 4 s; open for 5 s; half-open, 4 calls of which half may not fail.

use crate::support::{
    counting, failing, half_open, last, ms, n, n16, pass, plain, play, secs, seen, slow, within,
};
use orlop_breaker::{
    Cause, Circuit, Counts, Initial, OpenTime, Recovery, Settings, State, Trip, core::Ratio,
};

fn settings() -> Settings {
    Settings::default()
        .trip(failing(50, 5, within(secs(20))).or(slow(50, 5, within(secs(20)))))
        .trip_on_success(true)
        .open(OpenTime::fixed(secs(5)))
        .probes(n16(4))
        .recovery(Recovery::failure_rate(Ratio::HALF, n(4)))
        .probe_timeout(secs(1))
        .expect("in range")
}

/// As above; it has opened by one failure.
async fn probing() -> Circuit {
    half_open(settings().trip(Trip::consecutive_failures(n(1)).or(failing(
        50,
        5,
        within(secs(20)),
    ))))
    .await
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_refuses_and_counts_its_refusals() {
    // C1, resilience4j; forced open likewise.
    let circuit = Circuit::new(settings());
    play(&circuit, "FFFFF open xx").await;
    assert_eq!(circuit.snapshot().refused(), 2);
    circuit.reset();
    circuit.force_open();
    play(&circuit, "forced_open x").await;
    assert_eq!(circuit.snapshot().refused(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slot_given_back_admits_exactly_one_more() {
    // C2, resilience4j: acquire 4, release 1.
    let circuit = probing().await;
    let mut probes: Vec<_> = (0..4).map(|_| circuit.try_enter().unwrap()).collect();
    play(&circuit, "xx").await;
    probes.pop().unwrap().refund();
    probes.push(circuit.try_enter().unwrap());
    play(&circuit, "xx half_open").await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_five_seconds_count_together() {
    // C4, resilience4j: 2 of 5 do not open, 3 of 6 do.
    play(&Circuit::new(settings()), "S +1s S +1s S +1s F +1s F closed +1s F open x").await;
}

#[tokio::test(start_paused = true)]
async fn a_success_may_open_where_the_settings_say_so() {
    // C5, resilience4j: F F F S S opens on the fifth. CHOICE: ours does not by default, as Polly (D1).
    let circuit = Circuit::new(settings());
    play(&circuit, "FFFS closed S open x").await;
    let cause = Cause::FailureRate(Counts { calls: 5, failures: 3, slow: 0 });
    assert_eq!((circuit.snapshot().cause(), circuit.snapshot().refused()), (Some(cause), 1));
    let ours = Circuit::new(settings().trip_on_success(false));
    play(&ours, "FFFSS closed S closed F open x").await;
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_whatever_came_of_them() {
    // C6, resilience4j: slow 60 % of 5, failed 40 %.
    let circuit = Circuit::new(settings());
    play(&circuit, "f s F S closed s open").await;
    let cause = Cause::SlowRate(Counts { calls: 5, failures: 2, slow: 3 });
    assert_eq!(circuit.snapshot().cause(), Some(cause));
    // Not only where successes may open: a slow call is a bad one to a rule of slow calls.
    play(&Circuit::new(settings().trip_on_success(false)), "f s F S closed s open").await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_with_a_call_and_the_counts_are_gone() {
    // C7, resilience4j: +3 s refused, +6 s half-open.
    let circuit = Circuit::new(settings());
    play(&circuit, "FFFFF open +3s x +3s open").await;
    let probe = circuit.try_enter().unwrap();
    play(&circuit, "half_open").await;
    assert!(circuit.snapshot().windows().is_empty(), "nothing is counted in windows here");
    assert_eq!(circuit.snapshot().probe_results(), Counts::default());
    drop(probe);
}

#[tokio::test(start_paused = true)]
async fn a_rate_of_probes_is_decided_at_the_last_of_them() {
    // C10, C12, resilience4j: F F S F opens at 75 %, F S S S closes at 25 %, both at the fourth.
    let circuit = probing().await;
    play(&circuit, "FFS half_open F open x").await;
    let cause = Cause::ProbesFailed(Counts { calls: 4, failures: 3, slow: 0 });
    assert_eq!(circuit.snapshot().cause(), Some(cause));
    let circuit = probing().await;
    play(&circuit, "FSS half_open S closed").await;
    assert_eq!(seen(&circuit), (0, 0, 0));
    // Half of the probes is too many; all of them well is well.
    play(&probing().await, "FSFS open").await;
    play(&probing().await, "SSSS closed").await;
}

#[tokio::test(start_paused = true)]
async fn successes_of_so_many_are_decided_as_early_as_certain() {
    // C10. CHOICE: the same probes with our other way, 3 of 4.
    let early = || async {
        half_open(
            plain(Trip::consecutive_failures(n(1))).recovery(Recovery::successes_of(n(3), n(4))),
        )
        .await
    };
    play(&early().await, "F half_open F open x").await;
    play(&early().await, "FSS half_open S closed").await;
    play(&early().await, "SS half_open S closed").await;
    // The default: the first failure decides.
    play(
        &half_open(plain(Trip::consecutive_failures(n(1))).successes(n(3))).await,
        "SS half_open F open",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn reset_closes_from_any_state_with_nothing_counted() {
    // C13, resilience4j.
    let states: [fn(&Circuit); 5] =
        [|_| {}, Circuit::force_open, Circuit::disable, Circuit::shadow, Circuit::force_close];
    for set in states {
        let circuit = Circuit::new(settings());
        play(&circuit, "FFF").await;
        set(&circuit);
        let before = circuit.state();
        let transitions = circuit.transitions();
        circuit.reset();
        assert_eq!(transitions.has_changed().unwrap(), before != State::Closed, "{before}");
        assert_eq!((circuit.state(), seen(&circuit)), (State::Closed, (0, 0, 0)), "{before}");
        assert_eq!(circuit.snapshot().cause(), None);
        play(&circuit, "FFFF closed F open xx").await;
        circuit.reset();
        assert_eq!(circuit.snapshot().refused(), 0);
        play(&circuit, "closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_circuit_records_nothing() {
    // C14, resilience4j.
    let circuit = Circuit::new(settings());
    circuit.disable();
    play(&circuit, "FFFFFFFFFF disabled fsff disabled").await;
    assert!(circuit.snapshot().windows().is_empty());
    circuit.release();
    assert_eq!((circuit.state(), seen(&circuit)), (State::Closed, (0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn an_ignored_probe_returns_its_slot_and_decides_nothing() {
    // C16, resilience4j: S S S and an ignored one: half-open; then F: 25 %, closed.
    let circuit = probing().await;
    play(&circuit, "SSS N half_open N half_open F closed").await;
}

#[tokio::test(start_paused = true)]
async fn shadow_computes_and_tells_each_crossing_once() {
    // C19, resilience4j: METRICS_ONLY.
    let circuit = Circuit::new(settings());
    circuit.shadow();
    let mut transitions = circuit.transitions();
    let _ = transitions.borrow_and_update();
    play(&circuit, "FFFF shadow").await;
    assert!(!transitions.has_changed().unwrap());
    play(&circuit, "F shadow").await;
    assert_eq!(transitions.borrow_and_update().to(), State::Open);
    play(&circuit, "FFFFFFFFFF shadow").await;
    assert!(!transitions.has_changed().unwrap(), "once");
    circuit.shadow();
    let _ = transitions.borrow_and_update();
    play(&circuit, "FFFFF shadow").await;
    assert!(transitions.has_changed().unwrap(), "and again after it began anew");
}

#[tokio::test(start_paused = true)]
async fn initial_states_are_honoured() {
    // C22, resilience4j.
    for (initial, state, scene) in [
        (Initial::Closed, State::Closed, "closed FFFFF open x"),
        (Initial::ForcedOpen, State::ForcedOpen, "xxx forced_open"),
        (Initial::Disabled, State::Disabled, "FFFFFF disabled F"),
        (Initial::Shadow, State::Shadow, "FFFFFF shadow F"),
    ] {
        let circuit = Circuit::new(settings().initial(initial));
        assert_eq!(circuit.state(), state);
        play(&circuit, scene).await;
        assert_eq!(circuit.fresh().state(), state, "fresh ones start likewise");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_of_calls_holds_its_last_ten() {
    // C23, resilience4j: CircuitBreakerMetricsTest.
    let circuit = Circuit::new(plain(counting(last(10))));
    play(&circuit, "SSFF").await;
    assert_eq!(seen(&circuit), (4, 2, 0));
    play(&circuit, "FFFF SSSS").await;
    assert_eq!(seen(&circuit), (10, 6, 0));
    play(&circuit, "SSS").await;
    assert_eq!(seen(&circuit), (10, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hung_probe_does_not_hold_the_circuit_half_open() {
    // resilience4j: maxWaitDurationInHalfOpenState 1 s opens it. Here another call takes the hung one's slot.
    let circuit = probing().await;
    let hung: Vec<_> = (0..4).map(|_| circuit.try_enter().unwrap()).collect();
    play(&circuit, "x").await;
    pass(secs(1) - ms(1)).await;
    play(&circuit, "x +1ms SSSS closed").await;
    drop(hung);
    play(&circuit, "closed").await;
}
