use crate::support::{calls, consecutive, end, last, n, pass, plain, rate, secs};
use orlop_breaker::{Cause, Circuit, Settings, State, Trip};

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
async fn forced_closed_admits_all_and_counts_none() {
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
async fn results_of_before_leave_a_forced_circuit_alone() {
    for force in [Circuit::force_open, Circuit::force_close] {
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
async fn results_of_a_forced_time_do_not_count_after_it() {
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
    let enter: [&dyn Fn(&Circuit); 4] =
        [&open, &Circuit::force_open, &Circuit::force_close, &|circuit| drop(calls(circuit, "F"))];
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
async fn an_update_of_other_settings_keeps_the_counts() {
    let circuit = Circuit::new(rate(50, 4, last(4)));
    calls(&circuit, "FF");
    let early = circuit.try_enter().unwrap();
    circuit.update(rate(50, 4, last(4)).max_retry_after(secs(1)));
    end(early, 'F');
    assert_eq!(calls(&circuit, "F S"), "Fx", "four failures in all");
}

#[tokio::test(start_paused = true)]
async fn an_update_of_the_rules_restarts_the_counts() {
    let circuit = Circuit::new(consecutive(3));
    calls(&circuit, "FF");
    let early = circuit.try_enter().unwrap();
    circuit.update(plain([Trip::consecutive_failures(n(2))]));
    end(early, 'F');
    assert_eq!(calls(&circuit, "F"), "F");
    assert_eq!(circuit.state(), State::Closed, "one failure since");
    assert_eq!(calls(&circuit, "F S"), "Fx");
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
