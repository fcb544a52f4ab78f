//! Callers who leave: at a time-out outside of the breaker, which nobody tells it of, or because they are hasty.

use crate::support::{
    consecutive, counting, failing, half_open, last, n, n16, pass, plain, play, secs, seen, slow,
    within,
};
use orlop_breaker::{
    BreakerLayer, Cause, Circuit, Counts, Dropped, Ewma, Recovery, Settings, State, Trip,
    core::{AnyError, BoxError, Note, Now, Ratio, Verdict},
};
use std::time::Duration;
use tower::{Layer, ServiceExt, service_fn, timeout::TimeoutLayer};

fn of_calls(calls: u64, failures: u64, slow: u64) -> Counts {
    Counts { calls, failures, slow }
}

fn mean() -> Trip {
    Trip::success_rate(Ratio::percent(80), n(5), Ewma::last(n16(5)))
}

/// Every rule there is, and how many drops in a row are enough for it.
fn rules() -> [(Trip, u64); 11] {
    [
        // A run of failures: as many, but 20 at least.
        (Trip::consecutive_failures(n(5)), 20),
        (Trip::consecutive_failures(n(30)), 30),
        // A window of calls: all of it. Of time: its minimum.
        (failing(50, 5, last(10)), 10),
        (failing(50, 8, within(secs(3600))), 8),
        (slow(50, 5, last(10)), 10),
        (slow(50, 8, within(secs(3600))), 8),
        (Trip::failures(n(3), within(secs(3600))), 20),
        (Trip::failures(n(30), within(secs(3600))), 30),
        (Trip::failures(n(3), last(30)), 30),
        (mean(), 5),
        (Trip::success_rate(Ratio::percent(80), n(7), Ewma::within(secs(3600)).unwrap()), 7),
    ]
}

/// How many calls to a service that hangs it takes to open the circuit, behind a time-out of this length.
async fn frozen(settings: Settings, timeout: Duration) -> (u64, Cause) {
    let circuit = Circuit::new(settings);
    let service = TimeoutLayer::new(timeout).layer(
        BreakerLayer::new(circuit.clone(), AnyError)
            .layer(service_fn(|()| std::future::pending::<Result<(), BoxError>>())),
    );
    for calls in 0..200 {
        if let (State::Open, Some(cause)) = (circuit.state(), circuit.snapshot().cause()) {
            return (calls, cause);
        }
        let error = service.clone().oneshot(()).await.unwrap_err();
        assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
    }
    panic!("200 calls hung, and the circuit is {}", circuit.state());
}

#[tokio::test(start_paused = true)]
async fn a_time_out_outside_opens_with_any_rule_and_any_setting_of_drops() {
    for (trip, enough) in rules() {
        // Younger than what counts, or of no account: only that there is no answer at all.
        for dropped in [
            Dropped::neutral(),
            Dropped::slow().after(secs(3600)),
            Dropped::failure().after(secs(3600)),
        ] {
            let timeout = secs(2);
            let opened = frozen(plain(trip).dropped(dropped), timeout).await;
            assert_eq!(opened, (enough, Cause::OnlyDrops(enough)), "{trip:?}, {dropped:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_smallest_of_several_rules_decides_how_many_drops_are_enough() {
    let (opened, cause) = frozen(Settings::default(), secs(2)).await;
    assert_eq!((opened, cause), (20, Cause::OnlyDrops(20)), "the defaults");
    let rules = Trip::consecutive_failures(n(5)).or(failing(50, 8, within(secs(60)))).or(mean());
    let (opened, cause) = frozen(plain(rules), secs(2)).await;
    assert_eq!((opened, cause), (5, Cause::OnlyDrops(5)));
}

#[tokio::test(start_paused = true)]
async fn old_drops_are_slow_calls_to_a_rule_of_slow_calls() {
    // The default; 2 s are above 1 s, and above the slow-call time where that is less.
    let rule = || slow(50, 4, last(100));
    assert_eq!(frozen(plain(rule()), secs(2)).await, (4, Cause::SlowRate(of_calls(4, 0, 4))));
    assert_eq!(frozen(plain(rule()), secs(1)).await.0, 4);
    // 500 ms are neither: only the row of them counts.
    let opened = frozen(plain(rule()), Duration::from_millis(500)).await;
    assert_eq!(opened, (100, Cause::OnlyDrops(100)));
    // The age never is above the slow-call time.
    let later = plain(rule()).dropped(Dropped::slow().after(secs(60)));
    assert_eq!(frozen(later, secs(4)).await.0, 4);
}

#[tokio::test(start_paused = true)]
async fn old_drops_are_failures_where_the_settings_say_so() {
    let failing_drops = |trip| plain([trip]).dropped(Dropped::failure());
    for (trip, opened) in [
        (Trip::consecutive_failures(n(5)), (5, Cause::ConsecutiveFailures(5))),
        (failing(50, 5, last(10)), (5, Cause::FailureRate(of_calls(5, 5, 0)))),
        (failing(50, 8, within(secs(3600))), (8, Cause::FailureRate(of_calls(8, 8, 0)))),
        (Trip::failures(n(3), last(30)), (3, Cause::Failures(of_calls(3, 3, 0)))),
        (mean(), (5, Cause::SuccessRate(0.0))),
    ] {
        assert_eq!(frozen(failing_drops(trip), secs(1)).await, opened, "{trip:?}");
    }
    // Younger ones are not.
    let young = frozen(failing_drops(Trip::consecutive_failures(n(5))), secs(1) / 2).await;
    assert_eq!(young, (20, Cause::OnlyDrops(20)));
}

#[tokio::test(start_paused = true)]
async fn hasty_callers_never_open_a_circuit_whose_service_answers() {
    for (trip, enough) in rules() {
        let circuit = Circuit::new(plain(trip));
        let hasty = format!("{} S ", "D".repeat(enough as usize - 1));
        play(&circuit, &hasty.repeat(20)).await;
        play(&circuit, "closed").await;
        // A failure is an answer, too: it ends the row.
        let circuit = Circuit::new(plain(Trip::consecutive_failures(n(5))));
        play(&circuit, &"DDDDDDDDDDDDDDDDDDD F DDDDDDDDDDDDDDDDDDD T S ".repeat(5)).await;
        play(&circuit, "closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn drops_stay_out_of_windows_runs_and_means() {
    let settings = plain([
        Trip::consecutive_failures(n(3)),
        counting(within(secs(60))),
        counting(last(50)),
        Trip::success_rate(Ratio::percent(10), n(50), Ewma::last(n16(50))),
    ]);
    let circuit = Circuit::new(settings);
    play(&circuit, "FF DDD S DD").await;
    let snapshot = circuit.snapshot();
    assert_eq!(snapshot.windows(), [of_calls(3, 2, 0); 2]);
    assert_eq!((snapshot.consecutive_failures(), snapshot.drops_in_a_row()), (0, 2));
    assert!((snapshot.success_rates()[0] - (1.0 - (-0.02_f64).exp())).abs() < 1e-6);
    // A drop between failures does not end their run.
    play(&circuit, "F D F D F open").await;
}

#[tokio::test(start_paused = true)]
async fn a_drop_at_the_deadline_is_a_failure_with_any_setting() {
    for dropped in [Dropped::neutral(), Dropped::slow(), Dropped::failure().after(secs(60))] {
        let circuit = Circuit::new(consecutive(3).dropped(dropped));
        play(&circuit, "LL closed L open").await;
        assert_eq!(circuit.snapshot().cause(), Some(Cause::ConsecutiveFailures(3)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_ends_a_row_of_drops_whatever_it_says() {
    for head in [None, Some(Verdict::SUCCESS), Some(Verdict::THROTTLED)] {
        let circuit = Circuit::new(consecutive(5));
        for _ in 0..10 {
            play(&circuit, "DDDDDDDDDDDDDDDDDDD closed").await;
            let mut call = circuit.try_enter().unwrap();
            call.note(Note::Head(head.as_ref()), &Now::lazy());
            assert_eq!(circuit.snapshot().drops_in_a_row(), 0, "{head:?}");
            // Nobody wants the body: that is no row of calls without an answer.
            drop(call);
            assert_eq!(circuit.snapshot().drops_in_a_row(), 0, "{head:?}");
        }
        play(&circuit, "closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn streams_cut_at_their_deadline_are_no_calls_without_an_answer() {
    // Rules of slow calls alone: each head came at once.
    let circuit = Circuit::new(plain(slow(50, 4, last(10))));
    let streams: Vec<_> = (0..40)
        .map(|_| {
            let mut call = circuit.try_enter().unwrap();
            call.note(Note::Head(Some(&Verdict::SUCCESS)), &Now::lazy());
            call
        })
        .collect();
    pass(secs(60)).await;
    streams.into_iter().for_each(|stream| stream.settle(Verdict::TIMED_OUT));
    assert_eq!((circuit.state(), circuit.snapshot().drops_in_a_row()), (State::Closed, 0));
    assert_eq!(seen(&circuit).2, 0, "and none was slow");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_counts_as_the_settings_say() {
    let of_slow = || plain([Trip::consecutive_failures(n(1)), slow(50, 100, last(100))]);
    // Young: nothing, with any setting.
    for dropped in [Dropped::neutral(), Dropped::slow(), Dropped::failure()] {
        play(&half_open(of_slow().dropped(dropped)).await, "D half_open S closed").await;
    }
    // Old: a failure, or slow where a rule watches that, which is as bad in a probe.
    play(&half_open(consecutive(1).dropped(Dropped::neutral())).await, "d half_open").await;
    play(&half_open(consecutive(1).dropped(Dropped::slow())).await, "d half_open").await;
    play(&half_open(consecutive(1).dropped(Dropped::failure())).await, "d open x").await;
    play(&half_open(of_slow().dropped(Dropped::neutral())).await, "d half_open").await;
    let circuit = half_open(of_slow().dropped(Dropped::slow())).await;
    play(&circuit, "d open x").await;
    assert!(matches!(circuit.snapshot().cause(), Some(Cause::ProbesFailed(_))));
    let of_three = half_open(
        consecutive(1).dropped(Dropped::failure()).recovery(Recovery::successes_of(n(2), n(3))),
    );
    play(&of_three.await, "d half_open S half_open d open").await;
}

#[tokio::test(start_paused = true)]
async fn probes_that_nobody_waits_for_to_the_end_open_the_circuit_again() {
    // A time-out outside hides each probe's failure: without this, every caller would wait in vain, one after the other.
    let circuit = half_open(consecutive(1)).await;
    play(&circuit, "DDDDDDDDDDDDDDDDDDD half_open D open x").await;
    assert_eq!(circuit.snapshot().cause(), Some(Cause::OnlyDrops(20)));
    play(&circuit, "+5s S closed").await;
}

#[tokio::test(start_paused = true)]
async fn new_settings_of_drops_hold_for_probes_though_they_came_while_open() {
    let circuit = Circuit::new(consecutive(1).dropped(Dropped::neutral()));
    play(&circuit, "F open").await;
    circuit.update(consecutive(1).dropped(Dropped::failure()));
    play(&circuit, "+5s d open x").await;
}
