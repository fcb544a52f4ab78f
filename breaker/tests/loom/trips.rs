//! No reason to open is lost between threads, and it opens once.

use crate::support::{
    both, call, consecutive, end, enter, last, n, settings, with_two_preemptions, within_an_hour,
};
use loom::thread;
use orlop_breaker::{
    Cause, Circuit, Counts, Ewma, Settings, State, Trip, Window,
    core::{Note, Now, Ratio, Settle, Verdict},
};
use std::num::NonZeroU16;
use tokio::time::Instant;

/// Two calls that end at once, each with its verdict.
fn two_at_once(settings: Settings, verdicts: [Verdict; 2]) -> Circuit {
    let (circuit, at) = (Circuit::new(settings), Instant::now());
    let tickets = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
    let [own, others] = tickets;
    let ends = circuit.clone();
    both(move || end(&ends, others, verdicts[0], at), || end(&circuit, own, verdicts[1], at));
    circuit
}

/// Three calls that end at once, all alike.
fn three_at_once(settings: Settings, verdict: Verdict) -> Circuit {
    let (circuit, at) = (Circuit::new(settings), Instant::now());
    let end = |circuit: Circuit| {
        let ticket = enter(&circuit, at).unwrap();
        move || end(&circuit, ticket, verdict, at)
    };
    let own = end(circuit.clone());
    let others = [thread::spawn(end(circuit.clone())), thread::spawn(end(circuit.clone()))];
    own();
    others.into_iter().for_each(|other| other.join().unwrap());
    circuit
}

fn assert_opened_once(circuit: &Circuit) {
    let seen = circuit.snapshot();
    assert_eq!((seen.state(), seen.generation()), (State::Open, 1), "one transition");
}

#[test]
fn a_run_of_failures_is_lost_by_no_thread() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(2)), Instant::now());
        let fails = circuit.clone();
        both(move || call(&fails, Verdict::FAILURE, at), || call(&circuit, Verdict::FAILURE, at));
        assert_opened_once(&circuit);
    });
}

#[test]
fn three_failures_are_lost_by_no_thread() {
    with_two_preemptions(|| {
        assert_opened_once(&three_at_once(consecutive(3), Verdict::FAILURE));
    });
}

#[test]
fn three_drops_are_lost_by_no_thread() {
    with_two_preemptions(|| {
        let rule = Trip::failure_rate(Ratio::ONE, n(1), last(3));
        let circuit = three_at_once(settings([rule]), Verdict::DROPPED);
        assert_opened_once(&circuit);
        assert_eq!(circuit.snapshot().cause(), Some(Cause::OnlyDrops(3)));
    });
}

#[test]
fn a_success_beside_the_last_failure_of_a_run_comes_before_or_after_it() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(2)), Instant::now());
        call(&circuit, Verdict::FAILURE, at);
        let succeeds = circuit.clone();
        let good = enter(&circuit, at).unwrap();
        both(
            move || end(&succeeds, good, Verdict::SUCCESS, at),
            || call(&circuit, Verdict::FAILURE, at),
        );
        let seen = circuit.snapshot();
        let told = (seen.state(), seen.consecutive_failures());
        assert!(matches!(told, (State::Open, 0) | (State::Closed, 1)), "{told:?}");
    });
}

#[test]
fn a_drop_beside_an_answer_comes_before_or_after_it() {
    loom::model(|| {
        let rule = Trip::failure_rate(Ratio::ONE, n(2), last(2));
        let (circuit, at) = (Circuit::new(settings([rule])), Instant::now());
        call(&circuit, Verdict::DROPPED, at);
        let succeeds = circuit.clone();
        let good = enter(&circuit, at).unwrap();
        both(
            move || end(&succeeds, good, Verdict::SUCCESS, at),
            || call(&circuit, Verdict::DROPPED, at),
        );
        let seen = circuit.snapshot();
        let told = (seen.state(), seen.drops_in_a_row());
        assert!(matches!(told, (State::Open, 0) | (State::Closed, 1)), "{told:?}");
    });
}

#[test]
fn a_count_window_loses_no_trip() {
    loom::model(|| {
        let rule = Trip::failure_rate(Ratio::ONE, n(2), last(2));
        let circuit = two_at_once(settings([rule]), [Verdict::FAILURE; 2]);
        assert_opened_once(&circuit);
    });
}

#[test]
fn a_time_window_loses_no_trip() {
    loom::model(|| {
        let rule = Trip::failure_rate(Ratio::ONE, n(2), within_an_hour());
        let circuit = two_at_once(settings([rule]), [Verdict::FAILURE; 2]);
        assert_opened_once(&circuit);
    });
}

#[test]
fn a_number_of_failures_loses_no_trip() {
    loom::model(|| {
        let rule = Trip::failures(n(2), last(9));
        assert_opened_once(&two_at_once(settings([rule]), [Verdict::FAILURE, Verdict::THROTTLED]));
    });
}

#[test]
fn a_mean_loses_no_trip() {
    loom::model(|| {
        let over = Ewma::last(NonZeroU16::new(2).unwrap());
        let rule = Trip::success_rate(Ratio::HALF, n(2), over);
        let circuit = two_at_once(settings([rule]), [Verdict::FAILURE; 2]);
        assert_opened_once(&circuit);
        assert_eq!(circuit.snapshot().cause(), Some(Cause::SuccessRate(0.0)));
    });
}

fn a_success_that_may_trip_and_a_failure_see_each_other(window: Window) {
    let rule = Trip::failure_rate(Ratio::HALF, n(2), window);
    let settings = settings([rule]).trip_on_success(true);
    let circuit = two_at_once(settings, [Verdict::SUCCESS, Verdict::FAILURE]);
    assert_opened_once(&circuit);
    let counts = Counts { calls: 2, failures: 1, slow: 0 };
    assert_eq!(circuit.snapshot().cause(), Some(Cause::FailureRate(counts)));
}

#[test]
fn a_success_that_fills_a_count_window_and_a_failure_see_each_other() {
    loom::model(|| a_success_that_may_trip_and_a_failure_see_each_other(last(2)));
}

#[test]
fn a_success_that_fills_a_time_window_and_a_failure_see_each_other() {
    loom::model(|| a_success_that_may_trip_and_a_failure_see_each_other(within_an_hour()));
}

#[test]
fn bodies_that_break_off_at_once_are_lost_by_no_thread() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(2)), Instant::now());
        let mut tickets = [(); 2].map(|()| enter(&circuit, at).unwrap());
        for ticket in &mut tickets {
            circuit.note(Some(ticket), Note::Head(Some(&Verdict::SUCCESS)), &Now::at(at));
        }
        let [one, other] = tickets;
        let ends = circuit.clone();
        both(
            move || end(&ends, one, Verdict::BROKEN, at),
            || end(&circuit, other, Verdict::BROKEN, at),
        );
        assert_opened_once(&circuit);
    });
}
