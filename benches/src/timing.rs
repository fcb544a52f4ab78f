//! How long a call takes on one thread.

use crate::{path::Handle, statistics::Spread};
use std::time::Duration;
use tokio::time::Instant;

/// Long enough for a clock read to vanish in it, short enough that most batches see no interruption.
const BATCH: Duration = Duration::from_micros(100);

/// Nanoseconds per call over so many batches.
pub(crate) fn nanoseconds(handle: &mut Handle, batches: usize) -> Spread {
    let calls = calls_in(handle, BATCH);
    Spread::of((0..batches).map(|_| time(handle, calls).as_nanos() as f64 / calls as f64).collect())
}

/// How many calls take about so long. It warms the path up on its way.
pub(crate) fn calls_in(handle: &mut Handle, span: Duration) -> u64 {
    let mut calls = 1;
    while time(handle, calls) < span {
        calls *= 2;
    }
    // The last doubling may have been an interruption.
    let fastest = (0..5).map(|_| time(handle, calls)).min().unwrap_or(span);
    (calls as f64 * span.as_secs_f64() / fastest.as_secs_f64().max(1e-9)).ceil() as u64
}

fn time(handle: &mut Handle, calls: u64) -> Duration {
    let start = Instant::now();
    handle.make(calls);
    start.elapsed()
}
