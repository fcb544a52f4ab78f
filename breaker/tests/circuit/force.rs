use crate::support::{calls, consecutive, end, last, n, pass, plain, secs};
use orlop_breaker::{
    Cause, Circuit, Dropped, Initial, OpenTime, Ramp, Recovery, Settings, State, Trip, core::Ratio,
};
use std::num::NonZeroU16;

#[tokio::test(start_paused = true)]
async fn forced_open_refuses_all_and_knows_no_end() {
    let circuit = Circuit::new(consecutive(3));
    circuit.force_open();
    assert_eq!(calls(&circuit, "SSS"), "xxx");
    pass(secs(1_000_000)).await;
    let rejected = circuit.try_enter().unwrap_err();
    assert_eq!(rejected.retry_after(), None);
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state(), snapshot.cause()), (State::ForcedOpen, Some(Cause::Forced)));
    assert_eq!(snapshot.until(), None);
    circuit.release();
    assert_eq!(calls(&circuit, "S"), "S");
}

#[tokio::test(start_paused = true)]
async fn disabled_admits_all_and_counts_none() {
    let circuit = Circuit::new(consecutive(1));
    circuit.disable();
    let script = "F".repeat(100);
    assert_eq!(calls(&circuit, &script), script);
    assert_eq!(circuit.state(), State::Disabled);
    circuit.release();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state(), snapshot.consecutive_failures()), (State::Closed, 0));
    assert_eq!(calls(&circuit, "F S"), "Fx");
}

#[tokio::test(start_paused = true)]
async fn results_of_before_leave_a_circuit_that_a_hand_has_moved_alone() {
    for force in [
        Circuit::force_open,
        Circuit::force_close,
        Circuit::disable,
        Circuit::shadow,
        Circuit::reset,
    ] {
        for letter in ['S', 'F', 'N'] {
            let circuit = Circuit::new(consecutive(1));
            let early = circuit.try_enter().unwrap();
            force(&circuit);
            let forced = circuit.snapshot();
            end(early, letter);
            assert_eq!(circuit.snapshot(), forced);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn results_of_a_disabled_time_do_not_count_after_it() {
    let circuit = Circuit::new(consecutive(1));
    circuit.disable();
    let during = circuit.try_enter().unwrap();
    circuit.release();
    end(during, 'F');
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn release_without_force_changes_nothing() {
    let circuit = Circuit::new(consecutive(2));
    calls(&circuit, "F");
    let before = circuit.snapshot();
    circuit.release();
    assert_eq!(circuit.snapshot(), before);
    calls(&circuit, "F");
    circuit.release();
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn reset_closes_from_every_state_with_nothing_counted() {
    let open = |circuit: &Circuit| drop(calls(circuit, "FF"));
    let enter: [&dyn Fn(&Circuit); 6] = [
        &open,
        &Circuit::force_open,
        &Circuit::force_close,
        &Circuit::disable,
        &Circuit::shadow,
        &|circuit| drop(calls(circuit, "F")),
    ];
    for enter in enter {
        let circuit = Circuit::new(consecutive(2));
        enter(&circuit);
        circuit.reset();
        let snapshot = circuit.snapshot();
        assert_eq!((snapshot.state(), snapshot.consecutive_failures()), (State::Closed, 0));
        assert_eq!(snapshot.cause(), None);
        assert_eq!(calls(&circuit, "F S F F S"), "FSFFx");
    }
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F");
    pass(secs(5)).await;
    let probe = circuit.try_enter().unwrap();
    circuit.reset();
    end(probe, 'F');
    assert_eq!(circuit.state(), State::Closed, "the probe belongs to the past");
}

#[tokio::test(start_paused = true)]
async fn force_close_closes_at_once_and_goes_on_by_itself() {
    let circuit = Circuit::new(consecutive(2));
    calls(&circuit, "FFSS");
    circuit.force_close();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state(), snapshot.cause()), (State::Closed, None));
    assert_eq!(calls(&circuit, "F"), "F");
    assert_eq!(circuit.state(), State::Closed, "one failure since");
    assert_eq!(calls(&circuit, "F S"), "Fx");
    // A closed one forgets what it has counted.
    let circuit = Circuit::new(consecutive(2));
    calls(&circuit, "F");
    circuit.force_close();
    assert_eq!(calls(&circuit, "F S F F S"), "FSFFx");
}

#[tokio::test(start_paused = true)]
async fn only_reset_clears_the_count_of_refusals() {
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F SSS");
    circuit.force_close();
    assert_eq!(circuit.snapshot().refused(), 3);
    circuit.shadow();
    assert_eq!(calls(&circuit, "F SS"), "FSS");
    circuit.release();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.refused(), snapshot.would_have_refused()), (3, 2));
    circuit.reset();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.refused(), snapshot.would_have_refused()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn release_ends_each_state_of_a_hand_and_of_the_start() {
    for initial in [Initial::ForcedOpen, Initial::Disabled, Initial::Shadow] {
        let circuit = Circuit::new(consecutive(1).initial(initial));
        let state = circuit.state();
        assert!(state.is_by_hand(), "{initial:?}");
        assert_eq!(circuit.fresh().state(), state);
        circuit.release();
        assert_eq!((circuit.state(), circuit.snapshot().cause()), (State::Closed, None));
        assert_eq!(calls(&circuit, "F S"), "Fx");
        circuit.reset();
        assert_eq!(
            circuit.state(),
            State::Closed,
            "a reset closes: it does not go back to the start"
        );
    }
}

fn counted(circuit: &Circuit) -> (u64, u64, u64) {
    let snapshot = circuit.snapshot();
    let in_window = snapshot.windows().first().map_or(0, |counts| counts.calls);
    (snapshot.consecutive_failures(), snapshot.drops_in_a_row(), in_window)
}

#[tokio::test(start_paused = true)]
async fn an_update_of_anything_that_does_not_count_keeps_the_counts() {
    let settings = plain([
        Trip::consecutive_failures(n(3)),
        Trip::failure_rate(Ratio::percent(90), n(9), last(9)),
    ]);
    let others = [
        settings.clone().open(OpenTime::advised(secs(1))),
        settings.clone().max_retry_after(secs(1)),
        settings.clone().probes(NonZeroU16::MAX),
        settings.clone().recovery(Recovery::failure_rate(Ratio::HALF, n(9))),
        settings.clone().ramp(Ramp::over(secs(1)).unwrap()),
        settings.clone().probe_timeout(secs(1)).unwrap(),
        settings.clone().initial(Initial::ForcedOpen),
        settings.clone(),
    ];
    for other in others {
        let circuit = Circuit::new(settings.clone());
        calls(&circuit, "SF");
        drop(circuit.try_enter().unwrap());
        let early = circuit.try_enter().unwrap();
        let before = circuit.snapshot();
        circuit.update(other.clone());
        assert_eq!(circuit.snapshot(), before, "{other:?}");
        assert_eq!(counted(&circuit), (1, 1, 2));
        end(early, 'F');
        assert_eq!(counted(&circuit), (2, 0, 3), "and calls in flight go on counting: {other:?}");
        assert_eq!(calls(&circuit, "F S"), "Fx");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_what_counts_restarts_the_counts() {
    let settings = plain([
        Trip::consecutive_failures(n(3)),
        Trip::failure_rate(Ratio::percent(90), n(9), last(9)),
    ]);
    let others = [
        settings.clone().trip([
            Trip::consecutive_failures(n(3)),
            Trip::failure_rate(Ratio::percent(90), n(9), last(10)),
        ]),
        settings.clone().trip_on_success(true),
        settings.clone().dropped(Dropped::failure()),
        settings.clone().dropped(Dropped::slow().after(secs(9))),
    ];
    for other in others {
        let circuit = Circuit::new(settings.clone());
        calls(&circuit, "SFF");
        drop(circuit.try_enter().unwrap());
        let early = circuit.try_enter().unwrap();
        circuit.update(other.clone());
        assert_eq!(counted(&circuit), (0, 0, 0), "{other:?}");
        end(early, 'F');
        assert_eq!(counted(&circuit), (0, 0, 0), "calls in flight count nowhere: {other:?}");
        assert_eq!((calls(&circuit, "FFF S"), circuit.settings()), ("FFFx".to_owned(), other));
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_leaves_the_state_and_the_running_open_time() {
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F");
    let open = circuit.snapshot();
    circuit.update(Settings::default());
    assert_eq!(circuit.snapshot(), open);
    assert_eq!(circuit.settings(), Settings::default());
}

#[tokio::test(start_paused = true)]
async fn fresh_circuits_share_settings_and_nothing_else() {
    let circuit = Circuit::new(consecutive(1)).named("a");
    calls(&circuit, "F");
    let (fresh, clone) = (circuit.fresh(), circuit.clone());
    assert_eq!((fresh.state(), fresh.name()), (State::Closed, Some("a")));
    assert_eq!(fresh.settings(), circuit.settings());
    assert_eq!(clone.state(), State::Open, "a clone is the same circuit");
}
