//! The circuit against a slow, obvious model, over any sequence of events and settings.
#![cfg(not(orlop_loom))]
#![allow(missing_docs)]

mod events;
mod found;
mod machine;
mod pair;
mod past;
mod rules;

use crate::{events::events, pair::Pair, rules::Rules};
use orlop_breaker::{State, core::Verdict};
use proptest::prelude::*;
use std::time::Duration;

fn virtual_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(test)
}

/// Longer than any open time, ramp or probe's time in these settings.
const LONG_ENOUGH: Duration = Duration::from_secs(200);

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_circuit_does_what_the_model_does(
        rules in prop::collection::vec(Rules::any(), 1..4),
        events in events(150),
    ) {
        virtual_time(async {
            let mut pair = Pair::new(rules);
            for event in events {
                pair.step(event).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn no_sequence_leaves_a_circuit_that_cannot_probe(
        rules in prop::collection::vec(Rules::any(), 1..4),
        events in events(100),
    ) {
        virtual_time(async {
            let mut pair = Pair::new(rules);
            for event in events {
                pair.step(event).await?;
            }
            // All calls still in flight hang for ever.
            let circuit = pair.circuit();
            circuit.release();
            // Failures among the probes may open it once more, and a ramp needs one call after its end.
            for _ in 0..30 {
                tokio::time::advance(LONG_ENOUGH).await;
                match circuit.try_enter() {
                    Ok(permit) => permit.settle(Verdict::SUCCESS),
                    Err(refused) => {
                        prop_assert!(false, "{refused} by {:?}", circuit.snapshot());
                    }
                }
            }
            prop_assert_eq!(circuit.state(), State::Closed, "{:?}", circuit.snapshot());
            Ok::<(), TestCaseError>(())
        })?;
    }
}
