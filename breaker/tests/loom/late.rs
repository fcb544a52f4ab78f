//! What a call of an earlier generation finds out counts nowhere.

use crate::support::{both, call, consecutive, end, enter, last, n, settings, within_an_hour};
use orlop_breaker::{
    Cause, Circuit, Counts, Dropped, Ewma, Settings, Snapshot, State, Trip,
    core::{Note, Now, Ratio, Settle, Verdict},
};
use std::num::NonZeroU16;
use tokio::time::Instant;

/// After one call that ended `before`, one ends `late` while the circuit is reset and has one call that ends `new`.
fn around_a_reset(
    settings: Settings,
    before: Option<Verdict>,
    late: Verdict,
    new: Verdict,
) -> Snapshot {
    let (circuit, at) = (Circuit::new(settings), Instant::now());
    if let Some(before) = before {
        call(&circuit, before, at);
    }
    let ticket = enter(&circuit, at).unwrap();
    let ends = circuit.clone();
    both(
        move || end(&ends, ticket, late, at),
        || {
            circuit.reset();
            call(&circuit, new, at);
        },
    );
    circuit.snapshot()
}

#[test]
fn a_failure_of_before_a_reset_does_not_decide_after_it() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(1)), Instant::now());
        let ticket = enter(&circuit, at).unwrap();
        let resets = circuit.clone();
        both(move || resets.reset(), || end(&circuit, ticket, Verdict::FAILURE, at));
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.consecutive_failures()), (State::Closed, 0));
    });
}

#[test]
fn a_late_failure_lengthens_no_later_run() {
    loom::model(|| {
        let failure = Verdict::FAILURE;
        let seen = around_a_reset(consecutive(2), Some(failure), failure, failure);
        assert_eq!((seen.state(), seen.consecutive_failures()), (State::Closed, 1));
    });
}

#[test]
fn a_late_success_ends_no_later_run() {
    loom::model(|| {
        let failure = Verdict::FAILURE;
        let seen = around_a_reset(consecutive(3), Some(failure), Verdict::SUCCESS, failure);
        assert_eq!((seen.state(), seen.consecutive_failures()), (State::Closed, 1));
    });
}

fn in_two() -> Settings {
    settings([Trip::failure_rate(Ratio::ONE, n(2), last(2))])
}

#[test]
fn a_late_drop_lengthens_no_later_row() {
    loom::model(|| {
        let drop = Verdict::DROPPED;
        let seen = around_a_reset(in_two(), Some(drop), drop, drop);
        assert_eq!((seen.state(), seen.drops_in_a_row()), (State::Closed, 1));
    });
}

#[test]
fn a_late_failure_fills_no_later_window() {
    loom::model(|| {
        let seen = around_a_reset(in_two(), None, Verdict::FAILURE, Verdict::FAILURE);
        let one = Counts { calls: 1, failures: 1, slow: 0 };
        assert_eq!((seen.state(), seen.windows()), (State::Closed, &[one][..]));
    });
}

#[test]
fn a_late_head_ends_no_later_row_of_drops() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(in_two()), Instant::now());
        let mut ticket = enter(&circuit, at).unwrap();
        let ends = circuit.clone();
        both(
            move || ends.note(Some(&mut ticket), Note::Head(None), &Now::at(at)),
            || {
                circuit.reset();
                call(&circuit, Verdict::DROPPED, at);
            },
        );
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.drops_in_a_row()), (State::Closed, 1));
    });
}

/// One call fails late, while in a new generation one succeeds and one fails: what these find is theirs alone.
fn beside_a_new_generation(rule: Trip) -> Snapshot {
    let (circuit, at) = (Circuit::new(settings([rule])), Instant::now());
    let ticket = enter(&circuit, at).unwrap();
    circuit.reset();
    let ends = circuit.clone();
    both(
        move || end(&ends, ticket, Verdict::FAILURE, at),
        || {
            call(&circuit, Verdict::SUCCESS, at);
            call(&circuit, Verdict::FAILURE, at);
        },
    );
    circuit.snapshot()
}

#[test]
fn a_late_failure_fills_no_window_of_a_generation_that_is_under_way() {
    for window in [last(3), within_an_hour()] {
        loom::model(move || {
            let rule = Trip::failure_rate(Ratio::percent(51), n(2), window);
            let seen = beside_a_new_generation(rule);
            let two = Counts { calls: 2, failures: 1, slow: 0 };
            assert_eq!((seen.state(), seen.windows()), (State::Closed, &[two][..]));
        });
    }
}

#[test]
fn a_late_failure_moves_no_later_mean() {
    loom::model(|| {
        let over = Ewma::last(NonZeroU16::MAX);
        let seen = beside_a_new_generation(Trip::success_rate(Ratio::HALF, n(2), over));
        let mean = 1.0 - (1.0 - (-1.0 / f64::from(u16::MAX)).exp());
        assert_eq!(seen.state(), State::Closed);
        assert!((seen.success_rates()[0] - mean).abs() < 1e-9, "{:?}", seen.success_rates());
    });
}

/// Two calls fail at once, the first of a new generation, in windows full of an older one.
fn first_of_a_new_generation(rule: Trip) {
    let (circuit, at) = (Circuit::new(settings([rule])), Instant::now());
    call(&circuit, Verdict::FAILURE, at);
    call(&circuit, Verdict::SUCCESS, at);
    circuit.reset();
    let fails = circuit.clone();
    both(move || call(&fails, Verdict::FAILURE, at), || call(&circuit, Verdict::FAILURE, at));
    let seen = circuit.snapshot();
    assert_eq!((seen.state(), seen.generation()), (State::Open, 2), "both are seen, once");
}

#[test]
fn the_first_calls_of_a_new_generation_find_an_empty_window_and_lose_no_trip() {
    for window in [last(2), within_an_hour()] {
        loom::model(move || {
            first_of_a_new_generation(Trip::failure_rate(Ratio::percent(99), n(2), window));
        });
    }
}

#[test]
fn the_first_calls_of_a_new_generation_begin_a_mean_and_lose_no_trip() {
    loom::model(|| {
        let over = Ewma::last(NonZeroU16::new(9).unwrap());
        first_of_a_new_generation(Trip::success_rate(Ratio::percent(1), n(2), over));
    });
}

#[test]
fn a_success_of_a_full_window_that_is_late_changes_nothing() {
    loom::model(|| {
        let rule = Trip::failure_rate(Ratio::ONE, n(1), last(1));
        let seen = around_a_reset(
            settings([rule]).dropped(Dropped::neutral()),
            Some(Verdict::SUCCESS),
            Verdict::SUCCESS,
            Verdict::THROTTLED,
        );
        let failed = Counts { calls: 1, failures: 1, slow: 0 };
        assert_eq!(seen.cause(), Some(Cause::FailureRate(failed)));
    });
}

#[test]
fn a_body_that_breaks_off_late_lengthens_no_later_run() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(2)), Instant::now());
        let mut tickets = [(); 2].map(|()| enter(&circuit, at).unwrap());
        for ticket in &mut tickets {
            circuit.note(Some(ticket), Note::Head(Some(&Verdict::SUCCESS)), &Now::at(at));
        }
        let [one, other] = tickets;
        end(&circuit, one, Verdict::BROKEN, at);
        let ends = circuit.clone();
        both(
            move || end(&ends, other, Verdict::BROKEN, at),
            || {
                circuit.reset();
                let mut ticket = enter(&circuit, at).unwrap();
                circuit.note(Some(&mut ticket), Note::Head(Some(&Verdict::SUCCESS)), &Now::at(at));
                end(&circuit, ticket, Verdict::BROKEN, at);
            },
        );
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.consecutive_failures()), (State::Closed, 1));
    });
}

#[test]
fn a_late_success_takes_no_mean_from_a_later_generation() {
    loom::model(|| {
        let over = Ewma::last(NonZeroU16::new(9).unwrap());
        let rule = Trip::success_rate(Ratio::HALF, n(9), over);
        let seen = around_a_reset(settings([rule]), None, Verdict::SUCCESS, Verdict::FAILURE);
        assert_eq!((seen.state(), seen.success_rates()), (State::Closed, &[0.0][..]));
    });
}
