//! A recorder of our own, so that what is asserted is what an exporter would get.

use crate::support::{calls, consecutive, pass, secs};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use orlop_breaker::{Circuit, Circuits};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

type Values = Arc<Mutex<BTreeMap<String, f64>>>;

#[derive(Default)]
struct Recording(Values);

struct Handle(String, Values);

impl Handle {
    fn new(key: &Key, values: &Values) -> Arc<Self> {
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        values.lock().unwrap().entry(name.clone()).or_default();
        Arc::new(Self(name, Arc::clone(values)))
    }

    fn change(&self, change: impl FnOnce(&mut f64)) {
        change(self.1.lock().unwrap().get_mut(&self.0).expect("registered"));
    }
}

impl CounterFn for Handle {
    fn increment(&self, value: u64) {
        self.change(|held| *held += value as f64);
    }

    fn absolute(&self, value: u64) {
        self.change(|held| *held = value as f64);
    }
}

impl GaugeFn for Handle {
    fn increment(&self, value: f64) {
        self.change(|held| *held += value);
    }

    fn decrement(&self, value: f64) {
        self.change(|held| *held -= value);
    }

    fn set(&self, value: f64) {
        self.change(|held| *held = value);
    }
}

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Handle::new(key, &self.0))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Handle::new(key, &self.0))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Recording {
    fn get(&self, name: &str) -> f64 {
        let values = self.0.lock().unwrap();
        *values.get(name).unwrap_or_else(|| panic!("no {name} in {values:#?}"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_circuit_counts_transitions_and_refusals_and_shows_its_state() {
    let recording = Recording::default();
    // The recorder current at construction, not the one current at the call.
    let circuit =
        metrics::with_local_recorder(&recording, || Circuit::new(consecutive(1)).named("playback"));
    let state =
        |state| recording.get(&format!("orlop_breaker_state{{circuit=playback,state={state}}}"));
    let to =
        |to| recording.get(&format!("orlop_breaker_transitions_total{{circuit=playback,to={to}}}"));
    assert_eq!((state("closed"), state("open")), (1.0, 0.0));
    calls(&circuit, "F SSS");
    assert_eq!((state("closed"), state("open")), (0.0, 1.0));
    assert_eq!(recording.get("orlop_breaker_refused_total{circuit=playback}"), 3.0);
    pass(secs(5)).await;
    calls(&circuit, "S");
    assert_eq!((to("open"), to("half_open"), to("closed")), (1.0, 1.0, 1.0));
    assert_eq!((state("closed"), state("open"), state("half_open")), (1.0, 0.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn keyed_circuits_share_counters_and_show_no_state() {
    let recording = Recording::default();
    metrics::with_local_recorder(&recording, || {
        let circuits: Circuits<u32> = Circuits::new(consecutive(1)).named("hosts");
        (0..3).for_each(|key| drop(calls(&circuits.get(&key), "F")));
    });
    assert_eq!(recording.get("orlop_breaker_transitions_total{circuit=hosts,to=open}"), 3.0);
    assert!(
        recording.0.lock().unwrap().keys().all(|name| !name.starts_with("orlop_breaker_state"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_unnamed_circuit_has_no_series() {
    let recording = Recording::default();
    metrics::with_local_recorder(&recording, || calls(&Circuit::new(consecutive(1)), "F S"));
    assert!(recording.0.lock().unwrap().is_empty());
}
