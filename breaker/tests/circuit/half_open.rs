use crate::support::{PROBE_TIMEOUT, calls, consecutive, end, ms, n, pass, probing, secs};
use orlop_breaker::{
    Cause, Circuit, Counts, Recovery, State,
    core::{Note, Now, Permit, Verdict},
};
use std::num::NonZeroU16;

async fn half_open(circuit: &Circuit) {
    calls(circuit, "F");
    pass(secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_call_after_the_open_time_is_a_probe_and_the_second_is_refused() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    let probe = circuit.try_enter().unwrap();
    assert_eq!(circuit.state(), State::HalfOpen);
    let rejected = circuit.try_enter().unwrap_err();
    assert_eq!(rejected.retry_after(), None, "the probe ends long before its slot expires");
    end(probe, 'S');
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_for_a_full_open_time() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    assert_eq!(calls(&circuit, "F S"), "Fx");
    assert_eq!(
        circuit.snapshot().cause(),
        Some(Cause::ProbesFailed(Counts { calls: 1, failures: 1, slow: 0 }))
    );
    pass(secs(5) - ms(1)).await;
    assert_eq!(calls(&circuit, "S"), "x");
    pass(ms(1)).await;
    assert_eq!(calls(&circuit, "S"), "S");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_probe_opens_again() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    assert_eq!(calls(&circuit, "T S"), "Tx");
}

#[tokio::test(start_paused = true)]
async fn as_many_probes_as_set_are_in_flight_and_a_returned_slot_admits_one_more() {
    // resilience4j: acquire 4, release 1: exactly one more.
    let circuit = Circuit::new(probing(4, 4));
    half_open(&circuit).await;
    let mut probes: Vec<_> = (0..4).map(|_| circuit.try_enter().unwrap()).collect();
    assert!(circuit.try_enter().is_err());
    assert_eq!(circuit.snapshot().probes_in_flight(), 4);
    drop(probes.pop());
    probes.push(circuit.try_enter().unwrap());
    assert!(circuit.try_enter().is_err());
}

#[tokio::test(start_paused = true)]
async fn so_many_successes_close_and_any_failure_opens() {
    // failsafe-go: success threshold 3.
    for (script, state) in [
        ("SS", State::HalfOpen),
        ("SSF", State::Open),
        ("SSS", State::Closed),
        ("SSNNNN", State::HalfOpen),
        ("SSNS", State::Closed),
        ("F", State::Open),
    ] {
        let circuit = Circuit::new(probing(1, 3));
        half_open(&circuit).await;
        assert_eq!(calls(&circuit, script), script);
        assert_eq!(circuit.state(), state, "after {script}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_are_in_flight_than_the_decision_still_needs() {
    // gobreaker: S S, a third in flight; a fourth is refused.
    let circuit = Circuit::new(probing(3, 3));
    half_open(&circuit).await;
    assert_eq!(calls(&circuit, "SS"), "SS");
    let third = circuit.try_enter().unwrap();
    assert_eq!(circuit.snapshot().probe_results().calls, 2);
    assert!(circuit.try_enter().is_err());
    end(third, 'S');
    assert_eq!(circuit.state(), State::Closed);
    // A failure that recovery forgives leaves the rest needed.
    let recovery = Recovery::successes_of(n(2), n(3));
    let circuit = Circuit::new(probing(3, 1).recovery(recovery));
    half_open(&circuit).await;
    assert_eq!(calls(&circuit, "F"), "F");
    let _two = [circuit.try_enter().unwrap(), circuit.try_enter().unwrap()];
    assert!(circuit.try_enter().is_err());
}

#[tokio::test(start_paused = true)]
async fn neutral_dropped_and_refunded_probes_return_their_slot_and_decide_nothing() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    let ways: [fn(Permit<Circuit>); 4] = [
        drop,
        |probe| probe.refund(),
        |probe| end(probe, 'N'),
        |probe| probe.settle(Verdict::REFUSED),
    ];
    for way in ways {
        way(circuit.try_enter().unwrap());
        assert_eq!(circuit.state(), State::HalfOpen);
        assert_eq!(circuit.snapshot().probes_in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_at_its_deadline_is_a_failure() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    circuit.try_enter().unwrap().settle(Verdict::TIMED_OUT);
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_hung_probe_loses_its_slot_after_its_time() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    let hung = circuit.try_enter().unwrap();
    pass(PROBE_TIMEOUT - ms(1)).await;
    assert!(circuit.try_enter().is_err());
    pass(ms(1)).await;
    let second = circuit.try_enter().expect("the hung probe's time is over");
    assert!(circuit.try_enter().is_err(), "one slot, one probe");
    end(hung, 'F');
    assert_eq!(circuit.state(), State::HalfOpen, "a probe whose slot is another's decides nothing");
    assert_eq!(circuit.snapshot().probes_in_flight(), 1, "nor does it free that slot");
    end(second, 'S');
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_whose_slot_nobody_took_still_decides() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    let slow = circuit.try_enter().unwrap();
    pass(PROBE_TIMEOUT * 3).await;
    end(slow, 'S');
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_the_trip_is_no_probe() {
    for letter in ['S', 'F', 'N'] {
        let circuit = Circuit::new(probing(1, 2));
        let early = circuit.try_enter().unwrap();
        half_open(&circuit).await;
        let _probe = circuit.try_enter().unwrap();
        let before = circuit.snapshot();
        end(early, letter);
        assert_eq!(circuit.snapshot(), before, "neither closes, opens, nor frees a slot: {letter}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_an_earlier_round_is_ignored() {
    for letter in ['S', 'F', 'N'] {
        let circuit = Circuit::new(probing(2, 2));
        half_open(&circuit).await;
        let first_round = circuit.try_enter().unwrap();
        assert_eq!(calls(&circuit, "F"), "F");
        pass(secs(5)).await;
        let _second_round = circuit.try_enter().unwrap();
        let before = circuit.snapshot();
        end(first_round, letter);
        assert_eq!(circuit.snapshot(), before, "{letter}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_decides_at_its_head() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    let mut probe = circuit.try_enter().unwrap();
    probe.note(Note::Head(Some(&Verdict::SUCCESS)), &Now::lazy());
    assert_eq!(circuit.state(), State::Closed, "though its body still streams");
    let closed = circuit.snapshot();
    end(probe, 'S');
    assert_eq!(circuit.snapshot(), closed, "the same verdict is not counted twice");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_head_does_not_decide_is_judged_at_its_end() {
    let circuit = Circuit::new(consecutive(1));
    half_open(&circuit).await;
    let mut probe = circuit.try_enter().unwrap();
    probe.note(Note::Head(None), &Now::lazy());
    assert_eq!(circuit.snapshot().probes_in_flight(), 1);
    end(probe, 'F');
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_after_a_good_head_is_one_failure_more() {
    let circuit = Circuit::new(consecutive(2));
    for expected in [State::Closed, State::Open] {
        let mut permit = circuit.try_enter().unwrap();
        permit.note(Note::Head(Some(&Verdict::SUCCESS)), &Now::lazy());
        permit.settle(Verdict::BROKEN);
        assert_eq!(circuit.state(), expected, "no good head ends a row of broken bodies");
    }
    // As a probe of a round not yet decided.
    let circuit = Circuit::new(probing(1, 2));
    half_open(&circuit).await;
    let mut probe = circuit.try_enter().unwrap();
    probe.note(Note::Head(Some(&Verdict::SUCCESS)), &Now::lazy());
    assert_eq!(circuit.snapshot().probes_in_flight(), 0, "the slot is free from the head on");
    probe.settle(Verdict::BROKEN);
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_machine_wakes_to_one_probe_not_a_burst() {
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F");
    pass(secs(600)).await;
    let admitted: Vec<_> = (0..100).filter_map(|_| circuit.try_enter().ok()).collect();
    assert_eq!(admitted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_the_recovery_decides_with_the_next_result() {
    let circuit = Circuit::new(probing(1, 5));
    half_open(&circuit).await;
    assert_eq!(calls(&circuit, "SS"), "SS");
    circuit.update(probing(1, 2));
    assert_eq!(circuit.state(), State::HalfOpen, "an update alone decides nothing");
    assert_eq!(calls(&circuit, "S"), "S");
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_needed_number_above_all_counts_as_all() {
    assert_eq!(Recovery::successes_of(n(7), n(3)), Recovery::successes(n(3)));
}

#[tokio::test(start_paused = true)]
async fn more_probes_by_update_are_admitted_at_once_and_fewer_drain() {
    let circuit = Circuit::new(probing(2, 9));
    half_open(&circuit).await;
    let mut probes: Vec<_> = (0..2).map(|_| circuit.try_enter().unwrap()).collect();
    circuit.update(probing(3, 9));
    probes.push(circuit.try_enter().unwrap());
    assert!(circuit.try_enter().is_err());
    circuit.update(probing(3, 9).probes(NonZeroU16::MIN));
    end(probes.pop().unwrap(), 'S');
    end(probes.pop().unwrap(), 'S');
    assert!(circuit.try_enter().is_err(), "one is left, one is allowed");
    end(probes.pop().unwrap(), 'S');
    assert!(circuit.try_enter().is_ok());
}
