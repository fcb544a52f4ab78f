//! The windows by themselves: two recorders, each of which looks after it has written.

use crate::window::{CountWindow, Counts, Ewma, Sample, TimeWindow};
use loom::thread;
use std::sync::Arc;

const BAD: Sample = Sample { failed: true, slow: false };
const GOOD: Sample = Sample { failed: false, slow: false };

/// Of two recorders at least one must see both records, else neither would trip.
fn one_sees_both(sees: impl Fn(usize) -> bool + Send + Sync + 'static) {
    let sees = Arc::new(sees);
    let other = Arc::clone(&sees);
    let there = thread::spawn(move || other(1));
    let here = sees(0);
    assert!(there.join().unwrap() | here);
}

fn both(counts: Counts, failures: u64) -> bool {
    counts.calls == 2 && counts.failures == failures
}

#[test]
fn failures_in_two_stripes_are_seen_by_one_of_them() {
    loom::model(|| {
        let window = TimeWindow::new(100, 1, 0, 2);
        one_sees_both(move |stripe| {
            window.record(BAD, 0, 0, stripe);
            both(window.counts(0, 0), 2)
        });
    });
}

#[test]
fn failures_in_two_ticks_are_seen_by_one_of_them() {
    loom::model(|| {
        let window = TimeWindow::new(100, 2, 0, 1);
        one_sees_both(move |tick| {
            window.record(BAD, 0, tick as u64 * 50, 0);
            both(window.counts(0, tick as u64 * 50), 2)
        });
    });
}

#[test]
fn failures_in_one_bucket_are_seen_by_one_of_them() {
    loom::model(|| {
        let window = TimeWindow::new(100, 1, 0, 1);
        one_sees_both(move |_| {
            window.record(BAD, 0, 0, 0);
            both(window.counts(0, 0), 2)
        });
    });
}

#[test]
fn a_success_that_fills_the_minimum_and_a_failure_are_seen_by_one_of_them() {
    loom::model(|| {
        let window = CountWindow::new(2);
        one_sees_both(move |which| {
            window.record(if which == 0 { GOOD } else { BAD }, 0);
            both(window.counts(0), 1)
        });
    });
}

#[test]
fn failures_in_two_places_are_seen_by_one_of_them() {
    loom::model(|| {
        let window = CountWindow::new(2);
        one_sees_both(move |_| {
            window.record(BAD, 0);
            both(window.counts(0), 2)
        });
    });
}

#[test]
fn failures_in_one_place_are_one_failure() {
    loom::model(|| {
        let window = CountWindow::new(1);
        one_sees_both(move |_| {
            window.record(BAD, 0);
            window.counts(0) == Counts { calls: 1, failures: 1, slow: 0 }
        });
    });
}

#[test]
fn a_mean_over_calls_holds_both() {
    loom::model(|| {
        let mean = Ewma::by_calls(10);
        one_sees_both(move |_| {
            mean.record(false, 0, || 0, 0);
            mean.rate(0, 0) == (0.0, 2)
        });
    });
}

#[test]
fn a_late_recorder_changes_nothing_that_a_newer_generation_reads() {
    loom::model(|| {
        let window = Arc::new(CountWindow::new(2));
        window.record(BAD, 0);
        let late = Arc::clone(&window);
        let there = thread::spawn(move || late.record(BAD, 0));
        window.record(GOOD, 1);
        there.join().unwrap();
        assert_eq!(window.counts(1), Counts { calls: 1, failures: 0, slow: 0 });
    });
    loom::model(|| {
        let window = Arc::new(TimeWindow::new(100, 2, 0, 1));
        window.record(BAD, 0, 0, 0);
        let late = Arc::clone(&window);
        let there = thread::spawn(move || late.record(BAD, 0, 60, 0));
        window.record(GOOD, 1, 60, 0);
        there.join().unwrap();
        assert_eq!(window.counts(1, 60), Counts { calls: 1, failures: 0, slow: 0 });
    });
    loom::model(|| {
        let mean = Arc::new(Ewma::by_calls(10));
        mean.record(false, 0, || 0, 0);
        let late = Arc::clone(&mean);
        let there = thread::spawn(move || late.record(false, 0, || 0, 0));
        mean.record(true, 1, || 0, 0);
        there.join().unwrap();
        assert_eq!(mean.rate(1, 0), (1.0, 1));
    });
}
