//! A throttle on one thread against a list of all calls, with the same random numbers.

use crate::support::{calls, pass};
use orlop_breaker::{
    Throttle, ThrottleSettings,
    core::{Ratio, Verdict},
};
use proptest::prelude::*;
use std::time::Duration;

/// 20 steps of a second.
const STEP: u64 = 1_000_000_000;

struct Model {
    k: f64,
    minimum: usize,
    highest: f64,
    rng: fastrand::Rng,
    /// Step, and whether it was accepted.
    calls: Vec<(u64, bool)>,
}

impl Model {
    /// Whether one is refused.
    fn call(&mut self, step: u64, accepted: bool) -> bool {
        let live = || self.calls.iter().filter(|(at, _)| at + 20 > step);
        let (requests, accepts) =
            (live().count(), live().filter(|(_, accepted)| *accepted).count());
        let p = if requests < self.minimum {
            0.0
        } else {
            (requests as f64 - self.k * accepts as f64) / (requests as f64 + 1.0)
        };
        let refused = p > 0.0 && self.rng.f64() < p.min(self.highest);
        self.calls.push((step, accepted && !refused));
        refused
    }
}

proptest! {
    #[test]
    fn a_throttle_equals_a_list_of_all_calls(
        seed in any::<u64>(),
        k in prop_oneof![Just(1.0), Just(2.0), 1.0..5.0],
        minimum in 0_u32..20,
        highest in 0_u8..=100,
        steps in prop::collection::vec(
            (
                prop_oneof![3 => Just(0), 3 => 0..STEP, 1 => 0..30 * STEP],
                1_u32..30,
                prop::bool::weighted(0.6),
            ),
            1..80,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let settings = ThrottleSettings::default()
                .k(k).unwrap()
                .within(Duration::from_secs(20)).unwrap()
                .max_rejection(Ratio::percent(highest))
                .minimum_calls(minimum);
            let throttle = Throttle::new(settings).seeded(seed);
            let mut model = Model {
                k,
                minimum: minimum as usize,
                highest: f64::from(highest) / 100.0,
                rng: fastrand::Rng::with_seed(seed),
                calls: Vec::new(),
            };
            let start = tokio::time::Instant::now();
            for (gap, count, good) in steps {
                // tokio's clock has steps of a millisecond.
                pass(Duration::from_millis(gap / 1_000_000)).await;
                let step = start.elapsed().as_secs();
                let verdict = if good { Verdict::SUCCESS } else { Verdict::FAILURE };
                for _ in 0..count {
                    let refused = calls(&throttle, 1, verdict) == 1;
                    prop_assert_eq!(refused, model.call(step, good));
                }
            }
            Ok(())
        })?;
    }
}
