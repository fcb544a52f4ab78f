//! A recorder of our own, so that what is asserted is what an exporter would get.

use crate::support::{book, calls};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use orlop_breaker::{Throttle, core::Verdict};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

#[derive(Default)]
struct Recording(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("a throttle has no gauge")
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("a throttle has no histogram")
    }
}

#[test]
fn refusals_of_named_throttles_are_counted() {
    let recording = Recording::default();
    let (named, nameless) = metrics::with_local_recorder(&recording, || {
        (Throttle::new(book()).named("playback").seeded(1), Throttle::new(book()).seeded(1))
    });
    let refused = calls(&named, 50, Verdict::THROTTLED);
    calls(&nameless, 50, Verdict::THROTTLED);
    assert!(refused > 0);
    let held = recording.0.lock().unwrap();
    let values: Vec<_> =
        held.iter().map(|(name, value)| (name.as_str(), value.load(Relaxed))).collect();
    assert_eq!(values, [("orlop_breaker_throttled_total{throttle=playback}", u64::from(refused))]);
}
