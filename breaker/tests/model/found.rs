//! What the model has found, each as short as it gets.

use orlop_breaker::{
    Circuit, Counts, OpenTime, Settings, Ticket, Trip, Window,
    core::{End, Gate, Note, Now, Ratio, Settle, Verdict},
};
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

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
