//! Every interleaving of the estimate's readers and writers.
//!
//! The set itself is swapped by arc-swap, and the bell is tokio's `Notify`: both are explored in their own crates.
#![cfg(orlop_loom)]

use loom::{sync::Arc, thread};
use orlop_lb::{Estimate, Scale};
use std::time::Duration;
use tokio::time::Instant;

fn scale() -> (Scale, Instant) {
    let base = Instant::now();
    (Scale::new(base, Duration::from_secs(10)), base)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn millis(estimate: &Estimate, scale: &Scale, now: Instant) -> u128 {
    estimate.last(scale, now).expect("something was measured").0.as_micros().div_ceil(1000)
}

#[test]
fn no_peak_is_lost() {
    let (scale, now) = scale();
    loom::model(move || {
        let estimate = Arc::new(Estimate::new());
        let threads = [20, 900].map(|rtt| {
            let estimate = Arc::clone(&estimate);
            thread::spawn(move || estimate.observe(&scale, ms(rtt), now))
        });
        estimate.at_least(&scale, ms(300), now);
        for thread in threads {
            thread.join().unwrap();
        }
        let got = millis(&estimate, &scale, now);
        assert!((899..=901).contains(&got), "the highest of three samples of one tick, not {got}");
    });
}

#[test]
fn a_penalty_survives_a_late_success() {
    let (scale, base) = scale();
    let later = base + ms(100);
    loom::model(move || {
        let estimate = Arc::new(Estimate::new());
        estimate.observe(&scale, ms(30), base);
        let failed = Arc::clone(&estimate);
        let failed = thread::spawn(move || failed.fail(&scale, ms(5000), later));
        estimate.observe(&scale, ms(30), later);
        failed.join().unwrap();
        let got = millis(&estimate, &scale, later);
        assert!(got >= 4900, "the success came within the same tick, or before: {got}");
    });
}

#[test]
fn a_reader_sees_cost_and_time_of_one_sample() {
    let (scale, base) = scale();
    let later = base + Duration::from_secs(60);
    loom::model(move || {
        let estimate = Arc::new(Estimate::new());
        estimate.observe(&scale, ms(1000), base);
        let writer = Arc::clone(&estimate);
        let writer = thread::spawn(move || writer.observe(&scale, ms(10), later));
        let (cost, age) = estimate.last(&scale, later).unwrap();
        let old = cost > ms(990) && age > Duration::from_secs(59);
        let new = cost < ms(20) && age < ms(20);
        assert!(old || new, "a mixture of two samples: {cost:?} of {age:?} ago");
        writer.join().unwrap();
    });
}
