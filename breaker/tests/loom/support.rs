//! Threads at one circuit.

use loom::thread;
use orlop_breaker::{
    Circuit, OpenTime, Settings, State, Ticket, Trip, Window,
    core::{End, Gate, Now, Settle, Verdict},
};
use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Wake, Waker},
    time::Duration,
};
use tokio::time::Instant;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(600);

pub(crate) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

pub(crate) fn probes(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

pub(crate) fn last(calls: u16) -> Window {
    Window::last(NonZeroU16::new(calls).unwrap())
}

/// One bucket: every other is a few hundred places for loom to watch.
pub(crate) fn within_an_hour() -> Window {
    Window::within_buckets(Duration::from_secs(3600), NonZeroU8::MIN).unwrap()
}

/// Opens for a minute, so that the microseconds of real time in a run decide nothing. One probe, one success.
pub(crate) fn settings(rules: impl IntoIterator<Item = Trip>) -> Settings {
    Settings::default()
        .trip(rules)
        .open(OpenTime::fixed(MINUTE))
        .probes(NonZeroU16::MIN)
        .successes(NonZeroU32::MIN)
        .probe_timeout(PROBE_TIMEOUT)
        .unwrap()
}

pub(crate) fn consecutive(failures: u32) -> Settings {
    settings([Trip::consecutive_failures(n(failures))])
}

pub(crate) fn enter(circuit: &Circuit, at: Instant) -> Option<Ticket> {
    Gate::enter(circuit, &(), None, &Now::at(at)).ok()
}

pub(crate) fn end(circuit: &Circuit, ticket: Ticket, verdict: Verdict, at: Instant) {
    circuit.end(ticket, End::Verdict(&verdict), &Now::at(at));
}

/// One call, of which this comes.
pub(crate) fn call(circuit: &Circuit, verdict: Verdict, at: Instant) {
    end(circuit, enter(circuit, at).unwrap(), verdict, at);
}

/// An open circuit, and a time at which it admits probes.
pub(crate) fn due(settings: Settings) -> (Circuit, Instant) {
    let (circuit, opened) = (Circuit::new(settings), Instant::now());
    call(&circuit, Verdict::FAILURE, opened);
    assert_eq!(circuit.state(), State::Open);
    (circuit, opened + 2 * MINUTE)
}

/// Both at once.
pub(crate) fn both<A: 'static, B>(
    a: impl FnOnce() -> A + 'static,
    b: impl FnOnce() -> B,
) -> (A, B) {
    let a = thread::spawn(a);
    let b = b();
    (a.join().unwrap(), b)
}

/// For three threads.
pub(crate) fn with_two_preemptions(test: impl Fn() + Sync + Send + 'static) {
    let mut bounded = loom::model::Builder::new();
    bounded.preemption_bound = Some(2);
    bounded.check(test);
}

/// A task that waits.
pub(crate) struct Woken(AtomicBool);

impl Woken {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self(AtomicBool::new(false)));
        (Arc::clone(&woken), Waker::from(woken))
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}
