//! N15: many callers wait, the circuit closes, and they do not come back all at once.

use crate::support::{consecutive, failing, half_open, last, n, pass, plain, play, secs, seen};
use orlop_breaker::{
    Circuit, InvalidSetting, OpenTime, Ramp, Settings, State, Trip,
    core::{Again, Gate, Now, Verdict},
};
use std::{task::Waker, time::Duration};
use tokio::time::Instant;

fn ramping() -> Settings {
    consecutive(1).ramp(Ramp::over(secs(8)).unwrap())
}

/// How many of so many calls at once are admitted; each succeeds.
fn admitted(circuit: &Circuit, calls: u32) -> usize {
    let permits: Vec<_> = (0..calls).filter_map(|_| circuit.try_enter().ok()).collect();
    let admitted = permits.len();
    permits.into_iter().for_each(|permit| permit.settle(Verdict::SUCCESS));
    admitted
}

#[tokio::test(start_paused = true)]
async fn the_share_doubles_from_a_sixteenth_until_all_pass() {
    let circuit = half_open(ramping()).await;
    assert_eq!(circuit.snapshot().share(), None);
    play(&circuit, "S half_open").await;
    let began = Instant::now();
    for share in [1, 2, 4, 8] {
        for _ in 0..2 {
            let snapshot = circuit.snapshot();
            assert_eq!(snapshot.share(), Some(f64::from(share) / 16.0));
            assert_eq!(
                (snapshot.state(), snapshot.until()),
                (State::HalfOpen, Some(began + secs(8)))
            );
            assert_eq!(admitted(&circuit, 1600), 100 * share as usize);
            pass(secs(1)).await;
        }
    }
    assert_eq!(circuit.state(), State::HalfOpen, "nobody has called yet");
    assert_eq!(admitted(&circuit, 1600), 1600);
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state(), snapshot.share(), snapshot.cause()), (State::Closed, None, None));
}

#[tokio::test(start_paused = true)]
async fn without_a_ramp_all_pass_at_once() {
    // The default; Hystrix's and everybody's. CHOICE: a ramp is a setting.
    let circuit = half_open(consecutive(1)).await;
    play(&circuit, "S closed").await;
    assert_eq!(admitted(&circuit, 1600), 1600);
}

#[tokio::test(start_paused = true)]
async fn the_first_call_of_a_ramp_passes_and_the_next_fifteen_do_not() {
    let circuit = half_open(ramping()).await;
    play(&circuit, "S S xxxxxxxxxxxxxxx S xxxxxxxxxxxxxxx S").await;
    assert_eq!(circuit.try_enter().unwrap_err().retry_after(), None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_on_the_ramp_opens_again_by_the_rules_and_for_longer() {
    let open = OpenTime::by(|opening| secs(5 + u64::from(opening.reopenings())));
    let circuit = half_open(ramping().open(open)).await;
    play(&circuit, "S half_open +7s S x F open x").await;
    assert_eq!(
        circuit.try_enter().unwrap_err().retry_after(),
        Some(secs(6)),
        "it never was closed"
    );
    play(&circuit, "+6s S half_open").await;
    assert_eq!(circuit.snapshot().share(), Some(1.0 / 16.0), "from the start again");
    // A rule that wants more than one failure holds, too.
    let rules = [Trip::consecutive_failures(n(9)), failing(50, 4, last(4))];
    let circuit = Circuit::new(plain(rules).ramp(Ramp::over(secs(8)).unwrap()));
    play(&circuit, "FFFF open +5s S half_open +6s F x F x S x half_open").await;
    assert_eq!(seen(&circuit), (3, 2, 0));
    play(&circuit, "F open").await;
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_ramp_counts_nowhere_after_it() {
    let circuit = half_open(ramping()).await;
    play(&circuit, "S").await;
    let on_the_ramp = circuit.try_enter().unwrap();
    play(&circuit, "+8s S closed").await;
    on_the_ramp.settle(Verdict::FAILURE);
    play(&circuit, "closed").await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_the_share_grows() {
    let circuit = half_open(ramping()).await;
    play(&circuit, "S S x").await;
    let next = || Gate::<str>::wake(&circuit, Waker::noop(), &Now::lazy());
    let began = Instant::now();
    assert_eq!(next(), Again::At(began + secs(2)));
    pass(secs(7)).await;
    assert_eq!(next(), Again::At(began + secs(8)));
    pass(secs(1)).await;
    assert_eq!(next(), Again::Never, "it would not refuse");
}

#[tokio::test(start_paused = true)]
async fn new_settings_leave_a_ramp_as_it_began_and_hands_end_it() {
    let circuit = half_open(ramping()).await;
    play(&circuit, "S +2s").await;
    circuit.update(consecutive(2).ramp(Ramp::over(secs(3600)).unwrap()));
    assert_eq!(circuit.snapshot().share(), Some(0.125), "though other rules count afresh");
    play(&circuit, "half_open +6s S closed").await;
    for (hand, state) in [
        (Circuit::force_open as fn(&Circuit), State::ForcedOpen),
        (Circuit::force_close, State::Closed),
        (Circuit::reset, State::Closed),
        (Circuit::disable, State::Disabled),
        (Circuit::shadow, State::Shadow),
        (Circuit::release, State::HalfOpen),
    ] {
        let circuit = half_open(ramping()).await;
        play(&circuit, "S half_open").await;
        hand(&circuit);
        assert_eq!(circuit.state(), state);
        assert_eq!(circuit.snapshot().share().is_some(), state == State::HalfOpen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ramp_shows_as_one_stay_in_half_open() {
    let circuit = Circuit::new(ramping());
    let mut transitions = circuit.transitions();
    play(&circuit, "F +5s").await;
    let probe = circuit.try_enter().unwrap();
    assert_eq!(transitions.borrow_and_update().to(), State::HalfOpen);
    probe.settle(Verdict::SUCCESS);
    play(&circuit, "half_open S half_open").await;
    assert!(!transitions.has_changed().unwrap());
    play(&circuit, "+8s S closed").await;
    let last = transitions.borrow_and_update().clone();
    assert_eq!((last.from(), last.to()), (State::HalfOpen, State::Closed));
}

#[test]
fn a_ramp_takes_forty_milliseconds_to_an_hour() {
    let refused = |time| Ramp::over(time).err().map(|error: InvalidSetting| error.to_string());
    assert_eq!(refused(Duration::from_millis(40)), None);
    assert_eq!(refused(secs(3600)), None);
    let expected = "ramp must be within 40ms..=1h, got 39ms";
    assert_eq!(refused(Duration::from_millis(39)).as_deref(), Some(expected));
    assert!(refused(secs(3601)).is_some());
}
