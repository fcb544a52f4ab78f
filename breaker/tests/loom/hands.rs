//! Transitions by hand, and new settings, while calls go on.

use crate::support::{
    Woken, both, call, consecutive, due, end, enter, last, n, settings, within_an_hour,
};
use orlop_breaker::{
    Cause, Circuit, Counts, State, Trip,
    core::{Again, Gate, Now, Ratio, Verdict},
};
use tokio::time::Instant;

#[test]
fn forcing_wins_over_whatever_is_under_way() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1));
        let probes = circuit.clone();
        both(
            move || {
                if let Some(ticket) = enter(&probes, at) {
                    end(&probes, ticket, Verdict::SUCCESS, at);
                }
            },
            || circuit.force_open(),
        );
        assert_eq!(circuit.state(), State::ForcedOpen);
        assert!(enter(&circuit, at).is_none());
    });
}

#[test]
fn who_registers_while_the_circuit_is_released_is_woken() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(1)), Instant::now());
        circuit.force_open();
        let (woken, waker) = Woken::new();
        let releases = circuit.clone();
        let ((), again) =
            both(move || releases.release(), || Gate::<()>::wake(&circuit, &waker, &Now::at(at)));
        assert!(woken.is_woken() || again == Again::Never, "{again:?}");
    });
}

#[test]
fn nobody_is_refused_once_the_circuit_is_in_shadow() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(1)), Instant::now());
        call(&circuit, Verdict::FAILURE, at);
        let fails = circuit.clone();
        both(
            move || {
                // Admitted once it is in shadow; then the shadow opens.
                if let Some(ticket) = enter(&fails, at) {
                    end(&fails, ticket, Verdict::FAILURE, at);
                }
            },
            || {
                circuit.shadow();
                assert!(enter(&circuit, at).is_some());
                assert!(enter(&circuit, at).is_some());
            },
        );
        let seen = circuit.snapshot();
        assert_eq!(seen.state(), State::Shadow);
        assert!(matches!(seen.in_shadow(), Some(State::Open | State::Closed)));
    });
}

#[test]
fn nobody_is_refused_by_a_shadow_that_is_released_to_closed() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(1)), Instant::now());
        circuit.shadow();
        call(&circuit, Verdict::FAILURE, at);
        assert_eq!(circuit.snapshot().in_shadow(), Some(State::Open));
        let releases = circuit.clone();
        let ((), admitted) = both(move || releases.release(), || enter(&circuit, at).is_some());
        assert!(admitted, "before: in shadow; after: closed");
    });
}

#[test]
fn a_probe_in_shadow_meets_its_release() {
    loom::model(|| {
        let (circuit, opened) = (Circuit::new(consecutive(1)), Instant::now());
        circuit.shadow();
        call(&circuit, Verdict::FAILURE, opened);
        let at = opened + 2 * crate::support::MINUTE;
        let releases = circuit.clone();
        both(move || releases.release(), || call(&circuit, Verdict::FAILURE, at));
        // The probe failed in the shadow, or is late, or the call began after the release and opens the circuit.
        let seen = circuit.snapshot();
        assert!(matches!(seen.state(), State::Closed | State::Open));
        assert_eq!(seen.in_shadow(), None);
    });
}

/// Under the old rules any failure opens; under the new ones it takes two.
fn old_and_new() -> [Trip; 2] {
    [Trip::failure_rate(Ratio::ONE, n(1), last(1)), Trip::failure_rate(Ratio::ONE, n(2), last(2))]
}

const ONE_FAILED: Counts = Counts { calls: 1, failures: 1, slow: 0 };

#[test]
fn a_call_of_before_new_rules_is_judged_by_the_old_ones_or_not_at_all() {
    loom::model(|| {
        let [old, new] = old_and_new();
        let (circuit, at) = (Circuit::new(settings([old])), Instant::now());
        let ticket = enter(&circuit, at).unwrap();
        let updates = circuit.clone();
        both(
            move || updates.update(settings([new])),
            || end(&circuit, ticket, Verdict::FAILURE, at),
        );
        let seen = circuit.snapshot();
        match seen.state() {
            State::Open => assert_eq!(seen.cause(), Some(Cause::FailureRate(ONE_FAILED))),
            _ => assert_eq!(seen.windows(), [Counts::default()], "the new rules saw nothing"),
        }
        assert_eq!(seen.generation(), 1, "either opened or counting anew, not both");
    });
}

#[test]
fn a_call_beside_new_rules_counts_in_the_generation_in_which_it_began() {
    loom::model(|| {
        let [old, new] = old_and_new();
        let (circuit, at) = (Circuit::new(settings([old])), Instant::now());
        let updates = circuit.clone();
        both(move || updates.update(settings([new])), || call(&circuit, Verdict::FAILURE, at));
        let seen = circuit.snapshot();
        match (seen.state(), seen.windows()) {
            (State::Open, _) => assert_eq!(seen.cause(), Some(Cause::FailureRate(ONE_FAILED))),
            (_, &[counts]) => assert!([Counts::default(), ONE_FAILED].contains(&counts)),
            (state, windows) => panic!("{state}: {windows:?}"),
        }
    });
}

#[test]
fn whoever_looks_while_rules_change_sees_the_old_or_the_new_windows() {
    loom::model(|| {
        let [old, new] = old_and_new();
        let circuit = Circuit::new(settings([old]));
        let updates = circuit.clone();
        let other = Trip::failures(n(3), within_an_hour());
        let ((), seen) =
            both(move || updates.update(settings([new, other])), || circuit.snapshot());
        assert_eq!(
            (seen.generation(), seen.windows().len()),
            match seen.generation() {
                0 => (0, 1),
                _ => (1, 2),
            }
        );
    });
}

#[test]
fn settings_that_count_alike_lose_no_failure() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(2)), Instant::now());
        call(&circuit, Verdict::FAILURE, at);
        let updates = circuit.clone();
        both(
            move || updates.update(consecutive(2).successes(n(5))),
            || call(&circuit, Verdict::FAILURE, at),
        );
        assert_eq!(circuit.state(), State::Open);
    });
}

#[test]
fn who_is_admitted_by_a_release_counts() {
    let rules = [Trip::consecutive_failures(n(1)), Trip::failure_rate(Ratio::ONE, n(1), last(1))];
    for rule in rules {
        loom::model(move || {
            let (circuit, at) = (Circuit::new(settings([rule])), Instant::now());
            circuit.force_open();
            let releases = circuit.clone();
            let ((), admitted) = both(
                move || releases.release(),
                || {
                    let ticket = enter(&circuit, at);
                    let admitted = ticket.is_some();
                    ticket.into_iter().for_each(|it| end(&circuit, it, Verdict::FAILURE, at));
                    admitted
                },
            );
            let after = if admitted { State::Open } else { State::Closed };
            assert_eq!(circuit.state(), after, "its failure is the first of the new generation");
        });
    }
}
