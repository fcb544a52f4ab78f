//! Promises of the types.

use crate::support::{calls, consecutive};
use orlop_breaker::{
    Breaker, BreakerLayer, Circuit, Circuits, InvalidSetting, Keyed, Settings, Snapshot, Ticket,
    Transition, Window,
    core::{AnyError, Gate, Permit},
};
use std::time::Duration;

#[test]
fn handles_go_anywhere() {
    fn anywhere<T: Send + Sync + Unpin + 'static>() {}
    anywhere::<Circuit>();
    anywhere::<Circuits<String>>();
    anywhere::<Keyed<String, fn(&str) -> String>>();
    anywhere::<Permit<Circuit>>();
    anywhere::<(Settings, Snapshot, Transition, Ticket, InvalidSetting)>();
    anywhere::<(BreakerLayer, Breaker<()>)>();
}

#[test]
fn a_circuit_is_a_gate_for_unsized_requests_and_as_an_object() {
    let circuit = Circuit::new(consecutive(1));
    let gate: &dyn Gate<str, Ticket = Ticket> = &circuit;
    let permit = Permit::enter(gate, "a request", None, &orlop_breaker::core::Now::lazy());
    drop(permit.unwrap());
}

#[test]
fn defaults_of_the_layer_alias_name_a_plain_circuit() {
    struct Client {
        layer: BreakerLayer,
    }
    let client = Client { layer: BreakerLayer::new(Circuit::default(), AnyError) };
    assert!(format!("{:?}", client.layer).contains("Closed"));
}

#[test]
fn no_clock_and_no_runtime_is_needed_to_call() {
    let circuit = Circuit::new(Settings::default());
    assert_eq!(calls(&circuit, "FFFFF S"), "FFFFFx");
    assert!(format!("{circuit:?}").contains("Open"));
}

#[test]
fn setters_say_what_is_allowed() {
    let error = Window::within(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.to_string(), "within must be within 100ms..=1h, got 1ms");
    let error = Settings::default().probe_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "probe_timeout must be within 1ms..=1h, got 0ns");
    assert_eq!(error.path(), "probe_timeout");
}

#[test]
fn the_example_of_the_readme_is_a_doc_test() {
    let readme = include_str!("../../README.md");
    let code = readme.split("```").nth(1).expect("one example").trim_start_matches("rust");
    let docs: Vec<_> = include_str!("../../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .filter(|line| !line.starts_with("# "))
        .collect();
    let code: Vec<_> = code.trim().lines().map(str::trim).collect();
    assert!(docs.windows(code.len()).any(|part| part == code), "{code:#?}");
}
