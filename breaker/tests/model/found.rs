//! What the model has found, each as short as it gets.

use orlop_breaker::{
    Cause, Circuit, Counts, Dropped, Ewma, OpenTime, Recovery, Settings, State, Ticket, Trip,
    Window,
    core::{End, Gate, Note, Now, Ratio, Settle, Verdict},
};
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};
use tokio::time::advance;

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not 0")
}

fn last(calls: u16) -> Window {
    Window::last(NonZeroU16::new(calls).expect("not 0"))
}

fn settings(trip: impl IntoIterator<Item = Trip>) -> Settings {
    Settings::default().trip(trip).open(OpenTime::fixed(Duration::from_secs(5)))
}

fn enter(circuit: &Circuit) -> Ticket {
    circuit.enter(&(), None, &Now::lazy()).expect("admitted")
}

fn head(circuit: &Circuit, ticket: &mut Ticket, verdict: Option<Verdict>) {
    circuit.note(Some(ticket), Note::Head(verdict.as_ref()), &Now::lazy());
}

fn end(circuit: &Circuit, ticket: Ticket, verdict: Verdict) {
    circuit.end(ticket, End::Verdict(&verdict), &Now::lazy());
}

/// Opens it by one failure, and waits until it is due.
async fn due(settings: Settings) -> Circuit {
    let circuit = Circuit::new(settings);
    end(&circuit, enter(&circuit), Verdict::FAILURE);
    assert_eq!(circuit.state(), State::Open);
    advance(Duration::from_secs(6)).await;
    circuit
}

#[tokio::test(start_paused = true)]
async fn a_success_is_counted_also_where_the_head_decided_nothing() {
    // As in gRPC. A mark in the ticket looked like a circuit without windows.
    let rule = Trip::failure_rate(Ratio::HALF, n(9), last(9));
    let circuit = Circuit::new(settings(rule));
    let mut ticket = enter(&circuit);
    head(&circuit, &mut ticket, None);
    end(&circuit, ticket, Verdict::SUCCESS);
    assert_eq!(circuit.snapshot().windows(), [Counts { calls: 1, failures: 0, slow: 0 }]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_after_its_head_is_no_drop_without_one() {
    let circuit = Circuit::new(settings([Trip::consecutive_failures(n(99))]));
    let mut ticket = enter(&circuit);
    head(&circuit, &mut ticket, None);
    end(&circuit, ticket, Verdict::TIMED_OUT);
    let seen = circuit.snapshot();
    assert_eq!((seen.consecutive_failures(), seen.drops_in_a_row()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_counts_as_the_settings_in_force_say() {
    // Not as those did with which the circuit opened.
    let before = settings([Trip::consecutive_failures(n(1))]).dropped(Dropped::neutral());
    let circuit = due(before.clone()).await;
    circuit.update(before.dropped(Dropped::failure()));
    let probe = enter(&circuit);
    advance(Duration::from_secs(2)).await;
    end(&circuit, probe, Verdict::DROPPED);
    let found = Counts { calls: 1, failures: 1, slow: 0 };
    assert_eq!(circuit.snapshot().cause(), Some(Cause::ProbesFailed(found)));
}

#[tokio::test(start_paused = true)]
async fn probes_in_a_row_are_dropped_as_long_as_the_settings_in_force_allow() {
    let rule = Trip::failure_rate(Ratio::HALF, n(1), last(1));
    let circuit = due(settings(rule)).await;
    circuit.update(settings([]));
    end(&circuit, enter(&circuit), Verdict::DROPPED);
    assert_eq!(circuit.state(), State::HalfOpen, "no rule, so no row of drops is too long");
}

#[tokio::test(start_paused = true)]
async fn a_head_ends_a_row_of_dropped_probes() {
    let rule = Trip::failure_rate(Ratio::HALF, n(1), last(2));
    let circuit = due(settings(rule)).await;
    end(&circuit, enter(&circuit), Verdict::DROPPED);
    let mut probe = enter(&circuit);
    head(&circuit, &mut probe, None);
    end(&circuit, probe, Verdict::NEUTRAL);
    end(&circuit, enter(&circuit), Verdict::DROPPED);
    assert_eq!(circuit.state(), State::HalfOpen);
    end(&circuit, enter(&circuit), Verdict::DROPPED);
    assert_eq!(circuit.snapshot().cause(), Some(Cause::OnlyDrops(2)));
}

fn watching_slow_calls() -> Trip {
    Trip::slow_rate(Ratio::HALF, Duration::from_secs(1), n(1), last(9)).expect("in range")
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_whose_body_breaks_off_is_one_failure() {
    let rules = Trip::consecutive_failures(n(1)).or(watching_slow_calls());
    let circuit = due(settings(rules).recovery(Recovery::successes_of(n(2), n(4)))).await;
    end(&circuit, enter(&circuit), Verdict::SUCCESS);
    let mut probe = enter(&circuit);
    advance(Duration::from_secs(2)).await;
    head(&circuit, &mut probe, Some(Verdict::SUCCESS));
    end(&circuit, probe, Verdict::BROKEN);
    let found = circuit.snapshot().probe_results();
    assert_eq!(found, Counts { calls: 2, failures: 1, slow: 1 }, "the first stays a success");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_that_counts_as_slow_is_seen_as_slow() {
    let rules = Trip::consecutive_failures(n(1)).or(watching_slow_calls());
    let circuit = due(settings(rules).recovery(Recovery::successes_of(n(2), n(4)))).await;
    let probe = enter(&circuit);
    advance(Duration::from_secs(1)).await;
    end(&circuit, probe, Verdict::DROPPED);
    let found = circuit.snapshot().probe_results();
    assert_eq!(found, Counts { calls: 1, failures: 1, slow: 1 });
}

#[tokio::test(start_paused = true)]
async fn of_hung_probes_the_oldest_loses_its_slot_first() {
    let three = settings([Trip::consecutive_failures(n(1))]).successes(n(9));
    let circuit = due(three).await;
    let [back, oldest, younger] = [enter(&circuit), enter(&circuit), enter(&circuit)];
    circuit.end(back, End::Refund, &Now::lazy());
    advance(Duration::from_secs(60)).await;
    let _new = [enter(&circuit), enter(&circuit)];
    end(&circuit, oldest, Verdict::SUCCESS);
    assert_eq!(circuit.snapshot().probe_results().calls, 0, "too late");
    end(&circuit, younger, Verdict::SUCCESS);
    assert_eq!(circuit.snapshot().probe_results().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn windows_and_means_work_after_a_long_outage() {
    // Two generations for each failed probe: a service down for five hours, tried once a second.
    let mean = Ewma::last(NonZeroU16::MIN);
    let last_9 = Trip::failure_rate(Ratio::ONE, n(9), last(9));
    for rule in [last_9, Trip::success_rate(Ratio::HALF, n(9), mean)] {
        let circuit = Circuit::new(settings([rule]));
        end(&circuit, enter(&circuit), Verdict::SUCCESS);
        (0..40_000).for_each(|_| circuit.disable());
        circuit.release();
        (0..9).for_each(|_| end(&circuit, enter(&circuit), Verdict::FAILURE));
        assert_eq!(circuit.state(), State::Open, "{:?}", circuit.snapshot());
    }
}
