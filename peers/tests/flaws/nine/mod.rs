//! What ninelives does wrong, done by ours. The peer itself is shown in `tests/outside/nine`, with the same scripts: it
//! cannot be in one program with a current tokio.

mod scripts;

use crate::{
    runtime::paused,
    subject::{Ours, n, plain},
};
use orlop_breaker::{BreakerLayer, Circuit, Settings, Trip};
use orlop_core::AnyError;
use std::time::Duration;
use tokio::time::advance;

fn one_failure() -> Settings {
    plain([Trip::consecutive_failures(n(1))])
}

#[test]
fn a_dropped_probe_returns_its_slot() {
    let well = paused(async {
        let open_time = async || advance(Duration::from_secs(1)).await;
        scripts::well_after_a_dropped_probe(&Ours::new(one_failure()), open_time).await
    });
    assert_eq!(well, 100);
}

#[test]
fn a_late_success_lets_nobody_through() {
    let through =
        paused(async { scripts::let_through_after_a_late_success(&Ours::new(one_failure())) });
    assert_eq!(through, 0);
}

#[test]
fn what_is_called_is_what_was_ready() {
    let layer = BreakerLayer::new(Circuit::new(one_failure()), AnyError);
    assert_eq!(paused(async { scripts::call_over_a_limit(&layer) }), Ok(()));
}
