//! The gates that are measured, and what must hold of them afterwards.

use orlop_breaker::{Circuit, Circuits, OpenTime, Settings, State, Throttle, Trip, Window};
use orlop_bulkhead::Limit;
use orlop_core::{CoarseClock, Ratio, Verdict};
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();
const HUNDRED: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// Opens after 5 failures in a row.
pub fn consecutive() -> Circuit {
    tripped_by(Trip::consecutive_failures(FIVE))
}

/// Opens when half of the last 100 calls failed.
pub fn count_window() -> Circuit {
    tripped_by(Trip::failure_rate(Ratio::HALF, TWENTY, Window::last(HUNDRED)))
}

/// Opens when half of the calls of the last 10 s failed.
pub fn time_window() -> Circuit {
    tripped_by(Trip::failure_rate(Ratio::HALF, TWENTY, ten_seconds()))
}

/// Opens when half of the calls of the last 10 s took longer than 2 s.
pub fn slow_calls() -> Circuit {
    tripped_by(slow_rate())
}

/// Opens when half of the calls of the last 10 s failed, or half took longer than 2 s.
pub fn time_window_or_slow_calls() -> Circuit {
    let failed = Trip::failure_rate(Ratio::HALF, TWENTY, ten_seconds());
    Circuit::new(Settings::default().trip(failed.or(slow_rate())))
}

/// A coarse clock that shows a time, and stands still there: what is measured is reading it, and under callgrind nobody else's
/// instructions may count.
pub fn coarse_clock() -> CoarseClock {
    let (clock, ticker) = CoarseClock::pair(Duration::from_millis(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime with a timer");
    let mut ticker = Box::pin(ticker);
    runtime.block_on(std::future::poll_fn(|cx| {
        let _ = ticker.as_mut().poll(cx);
        std::task::Poll::Ready(())
    }));
    assert!(clock.nanos().is_some(), "it has been advanced once");
    // Dropped, it would say that it has stopped.
    std::mem::forget((ticker, runtime));
    clock
}

fn slow_rate() -> Trip {
    let slower_than = Duration::from_secs(2);
    let rule = Trip::slow_rate(Ratio::HALF, slower_than, TWENTY, ten_seconds());
    rule.expect("2 s is in range")
}

fn ten_seconds() -> Window {
    Window::within(Duration::from_secs(10)).expect("10 s is in range")
}

fn tripped_by(rule: Trip) -> Circuit {
    Circuit::new(Settings::default().trip([rule]))
}

/// Each opens after 5 failures in a row.
pub fn keyed() -> Circuits<u64> {
    Circuits::new(Settings::default().trip([Trip::consecutive_failures(FIVE)]))
}

/// Has opened, for longer than a measurement takes.
pub fn open() -> Circuit {
    let settings = Settings::default().open(OpenTime::fixed(Duration::from_secs(3000)));
    let circuit = Circuit::new(settings.trip([Trip::consecutive_failures(FIVE)]));
    for _ in 0..FIVE.get() {
        let permit = circuit.try_enter().expect("it is closed until the fifth failure");
        permit.settle(Verdict::FAILURE);
    }
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// Never full here.
pub fn limit() -> Limit {
    Limit::new(1024)
}

/// Both, as one gate.
pub fn pair() -> (Circuit, Limit) {
    (consecutive(), limit())
}

/// The circuit let every call in, and, if it has windows, counted them.
pub fn admitted(circuit: &Circuit) -> impl Fn(u64) + 'static {
    let circuit = circuit.clone();
    move |calls| {
        let snapshot = circuit.snapshot();
        assert_eq!((snapshot.state(), snapshot.refused()), (State::Closed, 0));
        for counts in snapshot.windows() {
            assert!(
                counts.calls > 0 && counts.calls <= calls && counts.failures == 0,
                "{counts:?}"
            );
        }
    }
}

/// The throttle let every call in, and counted them.
pub fn unthrottled(throttle: &Throttle) -> impl Fn(u64) + 'static {
    let throttle = throttle.clone();
    move |calls| {
        let snapshot = throttle.snapshot();
        let (requests, refused) = (snapshot.requests(), snapshot.refused());
        assert!(requests > 0 && requests <= calls && refused == 0, "{snapshot:?}");
    }
}

/// The circuit let every call in, and counted some failures.
pub fn admitted_some_failed(circuit: &Circuit) -> impl Fn(u64) + 'static {
    let circuit = circuit.clone();
    move |calls| {
        let snapshot = circuit.snapshot();
        assert_eq!((snapshot.state(), snapshot.refused()), (State::Closed, 0));
        let failures: u64 = snapshot.windows().iter().map(|counts| counts.failures).sum();
        assert!(calls < 100 || failures > 0, "{failures} failures in the window");
    }
}

/// Each key has its circuit, and all let every call in.
pub fn admitted_by_key(circuits: &Circuits<u64>, keys: u64) -> impl Fn(u64) + 'static {
    let circuits = circuits.clone();
    move |_| {
        let made = circuits.len() as u64;
        assert!(made > 1 && made <= keys, "{made} circuits");
        let snapshot = circuits.snapshot();
        assert_eq!((snapshot.overflowed, snapshot.evicted), (0, 0));
        assert!(
            snapshot
                .circuits
                .iter()
                .all(|(_, it)| it.state() == State::Closed && it.refused() == 0)
        );
    }
}

/// The circuit refused every call.
pub fn refused(circuit: &Circuit) -> impl Fn(u64) + 'static {
    let circuit = circuit.clone();
    move |calls| {
        let snapshot = circuit.snapshot();
        assert_eq!((snapshot.state(), snapshot.refused()), (State::Open, calls));
    }
}

/// Both let every call in.
pub fn both(circuit: &Circuit, limit: &Limit) -> impl Fn(u64) + 'static {
    let (admitted, empty) = (admitted(circuit), empty(limit));
    move |calls| {
        admitted(calls);
        empty(calls);
    }
}

/// Every slot came back.
pub fn empty(limit: &Limit) -> impl Fn(u64) + 'static {
    let limit = limit.clone();
    move |_| assert_eq!(limit.in_flight(), 0)
}
