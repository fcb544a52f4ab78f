use crate::support::{calls, consecutive, ms, n, pass, secs};
use orlop_breaker::{
    Cause, Circuit, Counts, OpenTime, Recovery, State,
    core::{Kind, Ratio, Verdict},
};
use std::{
    num::NonZeroU16,
    sync::{Arc, Mutex},
    time::Duration,
};

#[tokio::test(start_paused = true)]
async fn a_refusal_says_who_and_how_long() {
    let circuit = Circuit::new(consecutive(1)).named("playback");
    calls(&circuit, "F");
    pass(ms(1_500)).await;
    let rejected = circuit.try_enter().unwrap_err();
    assert_eq!(rejected.kind(), Kind::Circuit);
    assert_eq!(rejected.name(), Some("playback"));
    assert_eq!(rejected.retry_after(), Some(ms(3_500)), "what is left of 5 s");
    assert_eq!(circuit.snapshot().refused(), 1);
}

#[tokio::test(start_paused = true)]
async fn open_ends_at_its_time_exactly() {
    let circuit = Circuit::new(consecutive(1).open(OpenTime::fixed(secs(1))));
    calls(&circuit, "F");
    pass(secs(1) - Duration::from_nanos(1)).await;
    assert_eq!(calls(&circuit, "S"), "x");
    pass(Duration::from_nanos(1)).await;
    assert_eq!(calls(&circuit, "S"), "S");
}

#[tokio::test(start_paused = true)]
async fn an_open_time_of_zero_makes_the_next_call_a_probe() {
    let circuit = Circuit::new(consecutive(1).open(OpenTime::fixed(Duration::ZERO)));
    assert_eq!(calls(&circuit, "F F F S"), "FFFS");
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn open_times_grow_until_the_circuit_closes() {
    let settings = consecutive(1).open(OpenTime::exponential(secs(1), secs(8)));
    let circuit = Circuit::new(settings).seeded(7);
    let mut transitions = circuit.transitions();
    for round in 0..2 {
        for full in [1, 2, 4, 8, 8] {
            calls(&circuit, "F");
            let time = transitions.borrow_and_update().open_time().expect("it has opened");
            let full = secs(full);
            assert!(time >= full / 2 && time <= full, "round {round}: {time:?} of {full:?}");
            pass(time).await;
        }
        calls(&circuit, "S");
        assert_eq!(circuit.state(), State::Closed, "and the sequence starts again");
    }
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_open_equally_long() {
    let settings = consecutive(1).open(OpenTime::exponential(secs(1), secs(60)));
    let time = |seed| {
        let circuit = Circuit::new(settings.clone()).seeded(seed);
        calls(&circuit, "F");
        circuit.try_enter().unwrap_err().retry_after()
    };
    assert_eq!(time(1), time(1));
    assert_ne!(time(1), time(2), "these two seeds differ");
}

#[tokio::test(start_paused = true)]
async fn retry_after_lengthens_the_open_time_within_its_clamp() {
    let settings = consecutive(1).max_retry_after(secs(30));
    for (advice, open) in [(1, 5), (5, 5), (20, 20), (1_000_000, 30)] {
        let circuit = Circuit::new(settings.clone());
        let verdict = Verdict::FAILURE.with_retry_after(secs(advice));
        circuit.try_enter().unwrap().settle(verdict);
        assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(secs(open)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_probe_waits_as_it_was_told() {
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F");
    pass(secs(5)).await;
    let verdict = Verdict::THROTTLED.with_retry_after(secs(12));
    circuit.try_enter().unwrap().settle(verdict);
    assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(secs(12)));
}

fn advice(circuit: &Circuit, seconds: u64) -> Option<Duration> {
    let verdict = Verdict::FAILURE.with_retry_after(secs(seconds));
    circuit.try_enter().unwrap().settle(verdict);
    circuit.try_enter().unwrap_err().retry_after()
}

#[tokio::test(start_paused = true)]
async fn advised_is_the_advice_as_it_is_within_its_clamp() {
    let settings = consecutive(1).open(OpenTime::advised(secs(5))).max_retry_after(secs(30));
    for (seconds, open) in [(1, 1), (5, 5), (20, 20), (1_000_000, 30), (0, 5)] {
        // "At once" is no advice: a peer could switch the circuit off with it.
        let circuit = Circuit::new(settings.clone());
        assert_eq!(advice(&circuit, seconds), Some(secs(open)));
    }
    let circuit = Circuit::new(settings.clone());
    calls(&circuit, "F");
    let without = circuit.try_enter().unwrap_err().retry_after();
    assert_eq!(without, Some(secs(5)), "where nobody advises");
    let circuit = Circuit::new(settings.max_retry_after(Duration::ZERO));
    assert_eq!(advice(&circuit, 20), Some(secs(5)), "where advice is ignored");
}

#[tokio::test(start_paused = true)]
async fn advice_only_lengthens_other_times() {
    let exponential = consecutive(1).open(OpenTime::exponential(secs(8), secs(64)));
    assert_eq!(advice(&Circuit::new(exponential.clone()), 20), Some(secs(20)));
    let short = advice(&Circuit::new(exponential), 1).unwrap();
    assert!(short >= secs(4) && short <= secs(8), "{short:?}");
    let ignoring = consecutive(1).max_retry_after(Duration::ZERO);
    assert_eq!(advice(&Circuit::new(ignoring), 20), Some(secs(5)));
}

#[tokio::test(start_paused = true)]
async fn a_function_sees_the_opening_and_has_the_last_word() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let open = OpenTime::by(move |opening| {
        into.lock().unwrap().push((opening.reopenings(), opening.cause(), opening.retry_after()));
        secs(2)
    });
    let circuit = Circuit::new(consecutive(2).open(open).max_retry_after(secs(30)));
    calls(&circuit, "F");
    assert_eq!(advice(&circuit, 1_000), Some(secs(2)), "though it was asked for more");
    pass(secs(2)).await;
    calls(&circuit, "F");
    let one = Counts { calls: 1, failures: 1, slow: 0 };
    let expected =
        [(0, Cause::ConsecutiveFailures(2), Some(secs(30))), (1, Cause::ProbesFailed(one), None)];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_longest_advice_of_the_probes_counts() {
    let recovery = Recovery::failure_rate(Ratio::HALF, n(3));
    let settings = consecutive(1).probes(const { NonZeroU16::new(3).unwrap() }).recovery(recovery);
    let circuit = Circuit::new(settings);
    calls(&circuit, "F");
    pass(secs(5)).await;
    for seconds in [20, 40, 10] {
        let verdict = Verdict::THROTTLED.with_retry_after(secs(seconds));
        circuit.try_enter().unwrap().settle(verdict);
    }
    assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(secs(40)));
}

#[tokio::test(start_paused = true)]
async fn a_time_that_never_ends_is_no_overflow() {
    let circuit = Circuit::new(consecutive(1).open(OpenTime::fixed(Duration::MAX)));
    calls(&circuit, "F");
    pass(secs(1_000_000_000)).await;
    assert_eq!(calls(&circuit, "S"), "x");
    let circuit = Circuit::new(consecutive(1).open(OpenTime::by(|_| Duration::MAX)));
    calls(&circuit, "F");
    pass(secs(1_000_000_000)).await;
    assert_eq!(calls(&circuit, "S"), "x");
}
