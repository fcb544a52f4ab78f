//! tower-resilience's circuit breaker: middleware, as ours.

use super::LONG;
use crate::{
    drive::{AddOne, calls, drive, now},
    guards,
};
use orlop_benches::{Path, Row, Run};
use std::{convert::identity, sync::Arc};
use tokio::runtime::{Builder, Runtime};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};

/// Without its window of time: that looks at every record of the window with each call, so a call costs more the longer
/// the bench runs.
pub fn closed() -> Vec<Row> {
    vec![
        Row::peer("tower-resilience circuit, last 100 calls", || {
            let layer = CircuitBreakerLayer::builder().sliding_window_size(100).build();
            let service = layer.expect("its settings are valid").layer_fn(AddOne);
            Path::shared(move || calls(service.clone()))
        })
        .above(guards::BARE),
        Row::peer("tower-resilience circuit, 5 in a row", || {
            let layer = CircuitBreakerLayer::builder().consecutive_failures(5).build();
            let service = layer.expect("its settings are valid").layer_fn(AddOne);
            Path::shared(move || calls(service.clone()))
        })
        .above(guards::BARE),
    ]
}

pub fn open() -> Row {
    let row = Row::peer("refused: tower-resilience circuit", || {
        let layer = CircuitBreakerLayer::builder().wait_duration_in_open(LONG).build();
        let service = layer.expect("its settings are valid").layer_fn(AddOne);
        now(service.force_open());
        let ended =
            |_, result: Result<u64, _>| matches!(result, Err(CircuitBreakerError::OpenCircuit));
        let runtime = timers();
        Path::shared(move || within(&runtime, drive(service.clone(), identity, ended))).waiting()
    });
    row.above(guards::BARE)
}

/// Where two threads meet at an open circuit, one waits on a timer: something has to turn it.
fn timers() -> Arc<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
    Arc::new(runtime.expect("a runtime"))
}

fn within(runtime: &Arc<Runtime>, mut run: Run) -> Run {
    let runtime = Arc::clone(runtime);
    Box::new(move |calls| {
        let _entered = runtime.enter();
        run(calls)
    })
}
