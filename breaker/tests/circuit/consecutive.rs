use crate::support::{calls, consecutive, pass, secs};
use orlop_breaker::{Cause, Circuit, Settings, State};

#[tokio::test(start_paused = true)]
async fn a_run_of_failures_opens_and_a_success_ends_the_run() {
    // failsafe-go: 3 consecutive.
    let circuit = Circuit::new(consecutive(3));
    assert_eq!(calls(&circuit, "FSFF"), "FSFF");
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(circuit.snapshot().consecutive_failures(), 2);
    assert_eq!(calls(&circuit, "FS"), "Fx");
    assert_eq!(circuit.snapshot().cause(), Some(Cause::ConsecutiveFailures(3)));
}

#[tokio::test(start_paused = true)]
async fn alternating_calls_never_make_a_run_of_two() {
    let circuit = Circuit::new(consecutive(2));
    assert_eq!(calls(&circuit, &"SF".repeat(20)), "SF".repeat(20));
}

#[tokio::test(start_paused = true)]
async fn the_run_starts_again_after_recovery() {
    // Finagle: consecutive(3), revived in between.
    let circuit = Circuit::new(consecutive(3));
    for _ in 0..3 {
        assert_eq!(calls(&circuit, "FFFS"), "FFFx");
        pass(secs(5)).await;
        assert_eq!(calls(&circuit, "S"), "S");
        assert_eq!(circuit.state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_and_neutral_calls_neither_add_to_a_run_nor_end_it() {
    let circuit = Circuit::new(consecutive(3));
    assert_eq!(calls(&circuit, "FTFNTNT"), "FTFNTNT");
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(calls(&circuit, "FS"), "Fx");
}

#[tokio::test(start_paused = true)]
async fn the_default_opens_at_the_fifth_failure_in_a_row() {
    let circuit = Circuit::new(Settings::default());
    assert_eq!(calls(&circuit, "FFFF S FFFFF S"), "FFFFSFFFFFx");
}

#[tokio::test(start_paused = true)]
async fn without_rules_nothing_opens() {
    let circuit = Circuit::new(consecutive(1).trip([]));
    let script = "F".repeat(1_000);
    assert_eq!(calls(&circuit, &script), script);
}

#[tokio::test(start_paused = true)]
async fn late_results_leave_an_open_circuit_alone() {
    let circuit = Circuit::new(consecutive(1));
    let (late_success, late_failure) = (circuit.try_enter().unwrap(), circuit.try_enter().unwrap());
    assert_eq!(calls(&circuit, "F"), "F");
    let opened = circuit.snapshot();
    crate::support::end(late_success, 'S');
    crate::support::end(late_failure, 'F');
    assert_eq!(circuit.snapshot(), opened);
}
