//! Half-open: slots and what comes of them.

use crate::support::{
    PROBE_TIMEOUT, Woken, both, call, consecutive, due, end, enter, n, probes, with_two_preemptions,
};
use loom::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    thread,
};
use orlop_breaker::{
    Circuit, Recovery, State,
    core::{Again, Gate, Note, Now, Ratio, Settle, Verdict},
};
use std::sync::Arc;

#[test]
fn who_registers_while_a_probe_ends_is_woken() {
    for verdict in [Verdict::SUCCESS, Verdict::FAILURE, Verdict::DROPPED] {
        loom::model(move || {
            let (circuit, at) = due(consecutive(1));
            let probe = enter(&circuit, at).unwrap();
            let (woken, waker) = Woken::new();
            let ends = circuit.clone();
            let ((), again) = both(
                move || end(&ends, probe, verdict, at),
                || Gate::<()>::wake(&circuit, &waker, &Now::at(at)),
            );
            // Never: it would admit, which the caller learns by asking again. Open again: the time is all there is.
            let reopened = circuit.state() == State::Open;
            assert!(
                woken.is_woken() || again == Again::Never || reopened,
                "the slot is free, so whoever waits for it must know: {again:?}"
            );
        });
    }
}

#[test]
fn never_more_probes_than_slots() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1).successes(n(9)));
        let in_flight = Arc::new(AtomicU32::new(0));
        let probe = {
            let (circuit, in_flight) = (circuit.clone(), Arc::clone(&in_flight));
            move || {
                if let Some(ticket) = enter(&circuit, at) {
                    assert_eq!(in_flight.fetch_add(1, SeqCst), 0, "one slot");
                    in_flight.fetch_sub(1, SeqCst);
                    end(&circuit, ticket, Verdict::SUCCESS, at);
                }
            }
        };
        both(probe.clone(), probe);
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.probes_in_flight()), (State::HalfOpen, 0));
        assert!(seen.probe_results().calls >= 1, "at least one was admitted, and none is lost");
    });
}

/// Three callers at once: how many get in.
fn of_three(circuit: &Circuit, at: tokio::time::Instant) -> u32 {
    let enter = |circuit: Circuit| move || u32::from(enter(&circuit, at).is_some());
    let others = [thread::spawn(enter(circuit.clone())), thread::spawn(enter(circuit.clone()))];
    let own = enter(circuit.clone())();
    own + others.into_iter().map(|other| other.join().unwrap()).sum::<u32>()
}

#[test]
fn of_three_callers_one_becomes_the_probe() {
    with_two_preemptions(|| {
        let (circuit, at) = due(consecutive(1));
        assert_eq!(of_three(&circuit, at), 1);
    });
}

#[test]
fn of_three_callers_as_many_become_probes_as_the_decision_needs() {
    with_two_preemptions(|| {
        let (circuit, at) = due(consecutive(1).successes(n(2)).probes(probes(3)));
        assert_eq!(of_three(&circuit, at), 2, "three slots, but two successes are enough");
    });
}

#[test]
fn a_result_leaves_room_for_no_more_probes_than_are_still_needed() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1).successes(n(2)).probes(probes(3)));
        let first = enter(&circuit, at).unwrap();
        let ends = circuit.clone();
        let ((), admitted) = both(
            move || end(&ends, first, Verdict::SUCCESS, at),
            || [enter(&circuit, at), enter(&circuit, at)].iter().flatten().count(),
        );
        assert_eq!(admitted, 1, "with the first, two; after it, one");
    });
}

#[test]
fn a_dropped_probe_makes_room_for_another() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1));
        let probe = enter(&circuit, at).unwrap();
        let enters = circuit.clone();
        let (admitted, ()) = both(
            move || enter(&enters, at).is_some(),
            || end(&circuit, probe, Verdict::DROPPED, at),
        );
        assert_eq!(circuit.snapshot().probes_in_flight(), u32::from(admitted));
        assert_eq!(enter(&circuit, at).is_some(), !admitted, "one slot, whoever has it");
    });
}

#[test]
fn a_hung_probe_that_ends_while_another_takes_its_slot_frees_only_its_own() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1).successes(n(9)));
        let hung = enter(&circuit, at).unwrap();
        let later = at + 2 * PROBE_TIMEOUT;
        let ends = circuit.clone();
        let ((), admitted) = both(
            move || end(&ends, hung, Verdict::SUCCESS, later),
            || enter(&circuit, later).is_some(),
        );
        assert!(admitted, "the slot is free, or its time is over");
        assert!(enter(&circuit, later).is_none(), "and then it is taken");
        assert_eq!(circuit.snapshot().probes_in_flight(), 1);
    });
}

#[test]
fn probes_that_agree_to_disagree_make_one_transition() {
    // Either decides alone: with two in flight, the settings come to want less.
    loom::model(|| {
        let two = consecutive(1).successes(n(2)).probes(probes(2));
        let (circuit, at) = due(two.clone());
        let [good, bad] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        circuit.update(two.successes(n(1)));
        let before = circuit.snapshot().generation();
        let ends = circuit.clone();
        both(
            move || end(&ends, bad, Verdict::FAILURE, at),
            || end(&circuit, good, Verdict::SUCCESS, at),
        );
        let seen = circuit.snapshot();
        assert_eq!(seen.generation(), before + 1, "the first decides, the second is late");
        assert!(matches!(seen.state(), State::Open | State::Closed));
    });
}

#[test]
fn a_failed_probe_opens_whatever_another_finds() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1).successes(n(2)).probes(probes(2)));
        let [good, bad] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        let before = circuit.snapshot().generation();
        let ends = circuit.clone();
        both(
            move || end(&ends, bad, Verdict::FAILURE, at),
            || end(&circuit, good, Verdict::SUCCESS, at),
        );
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.generation()), (State::Open, before + 1));
    });
}

#[test]
fn no_result_of_a_share_of_probes_is_lost() {
    loom::model(|| {
        let half = Recovery::failure_rate(Ratio::percent(51), n(2));
        let (circuit, at) = due(consecutive(1).recovery(half).probes(probes(2)));
        let [good, bad] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        let ends = circuit.clone();
        both(
            move || end(&ends, bad, Verdict::FAILURE, at),
            || end(&circuit, good, Verdict::SUCCESS, at),
        );
        assert_eq!(circuit.state(), State::Closed, "both are in, and less than that failed");
    });
}

#[test]
fn a_probe_of_an_earlier_try_holds_and_frees_no_slot() {
    for verdict in [Verdict::SUCCESS, Verdict::DROPPED] {
        // Three calls after a transition: hours without a bound.
        with_two_preemptions(move || {
            let (circuit, at) = due(consecutive(1).successes(n(2)).probes(probes(2)));
            let [old, bad] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
            let ends = circuit.clone();
            let ((), admitted) = both(
                move || end(&ends, old, verdict, at),
                || {
                    end(&circuit, bad, Verdict::FAILURE, at);
                    let later = at + 2 * crate::support::MINUTE;
                    [(); 3].map(|()| enter(&circuit, later).is_some())
                },
            );
            assert_eq!(admitted, [true, true, false]);
            let seen = circuit.snapshot();
            assert_eq!((seen.probes_in_flight(), seen.probe_results().calls), (2, 0));
        });
    }
}

#[test]
fn dropped_probes_in_a_row_open_it_once() {
    loom::model(|| {
        let rule = orlop_breaker::Trip::failure_rate(Ratio::ONE, n(1), crate::support::last(2));
        let two = crate::support::settings([rule]).successes(n(9)).probes(probes(2));
        let (circuit, opened) = (Circuit::new(two), tokio::time::Instant::now());
        call(&circuit, Verdict::DROPPED, opened);
        call(&circuit, Verdict::DROPPED, opened);
        let at = opened + 2 * crate::support::MINUTE;
        let [one, other] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        let before = circuit.snapshot().generation();
        let ends = circuit.clone();
        both(
            move || end(&ends, one, Verdict::DROPPED, at),
            || end(&circuit, other, Verdict::DROPPED, at),
        );
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.generation()), (State::Open, before + 1));
    });
}

#[test]
fn a_body_of_an_earlier_try_that_breaks_off_reopens_nothing() {
    // Four calls after a transition, as above.
    with_two_preemptions(|| {
        let (circuit, at) = due(consecutive(1).successes(n(2)).probes(probes(2)));
        let [mut old, bad] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        circuit.note(Some(&mut old), Note::Head(Some(&Verdict::SUCCESS)), &Now::at(at));
        let ends = circuit.clone();
        both(
            move || end(&ends, old, Verdict::BROKEN, at),
            || {
                end(&circuit, bad, Verdict::FAILURE, at);
                call(&circuit, Verdict::SUCCESS, at + 2 * crate::support::MINUTE);
            },
        );
        let seen = circuit.snapshot();
        let one_good = orlop_breaker::Counts { calls: 1, failures: 0, slow: 0 };
        assert_eq!((seen.state(), seen.probe_results()), (State::HalfOpen, one_good));
    });
}
