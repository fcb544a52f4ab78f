use crate::support::{calls, consecutive};
use orlop_breaker::Circuit;
use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("orlop_breaker")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }
}

#[tokio::test(start_paused = true)]
async fn transitions_are_logged_at_info() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    calls(&Circuit::new(consecutive(2)).named("playback"), "FF");
    let lines = lines.0.lock().unwrap();
    let [(level, line)] = &lines[..] else { panic!("one transition, one event: {lines:?}") };
    assert_eq!(*level, Level::INFO);
    for part in [
        "circuit=\"playback\"",
        "shadow=false",
        "from=\"closed\"",
        "to=\"open\"",
        "cause=2 consecutive failures",
        "open_time=5s",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
}
