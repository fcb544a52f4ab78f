//! Every interleaving of two or three threads at one circuit. Run with
//!
//! ```text
//! RUSTFLAGS="--cfg orlop_loom" CARGO_TARGET_DIR=target/loom cargo test -p orlop-breaker --test loom --no-default-features
//! ```
#![cfg(orlop_loom)]
#![allow(missing_docs)]

use loom::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
};
use orlop_breaker::{
    Circuit, OpenTime, Settings, State, Ticket, Trip, Window,
    core::{Again, End, Gate, Now, Ratio, Settle, Verdict},
};
use std::{
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
    task::{Wake, Waker},
    time::Duration,
};
use tokio::time::Instant;

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// Opens for a minute, so that the microseconds of real time in a run decide nothing.
fn settings(rules: impl IntoIterator<Item = Trip>) -> Settings {
    Settings::default()
        .trip(rules)
        .open(OpenTime::fixed(Duration::from_secs(60)))
        .probes(NonZeroU16::MIN)
        .successes(NonZeroU32::MIN)
        .probe_timeout(Duration::from_secs(600))
        .unwrap()
}

fn consecutive(failures: u32) -> Settings {
    settings([Trip::consecutive_failures(n(failures))])
}

fn enter(circuit: &Circuit, at: Instant) -> Option<Ticket> {
    Gate::enter(circuit, &(), None, &Now::at(at)).ok()
}

fn end(circuit: &Circuit, ticket: Ticket, verdict: Verdict, at: Instant) {
    circuit.end(ticket, End::Verdict(&verdict), &Now::at(at));
}

/// An open circuit, and a time at which it admits probes.
fn due(settings: Settings) -> (Circuit, Instant) {
    let (circuit, opened) = (Circuit::new(settings), Instant::now());
    let ticket = enter(&circuit, opened).unwrap();
    end(&circuit, ticket, Verdict::FAILURE, opened);
    assert_eq!(circuit.state(), State::Open);
    (circuit, opened + Duration::from_secs(120))
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn who_registers_while_a_probe_ends_is_woken() {
    for verdict in [Verdict::SUCCESS, Verdict::FAILURE, Verdict::DROPPED] {
        loom::model(move || {
            let (circuit, at) = due(consecutive(1));
            let probe = enter(&circuit, at).unwrap();
            let ends = {
                let circuit = circuit.clone();
                thread::spawn(move || end(&circuit, probe, verdict, at))
            };
            let woken = Arc::new(Woken(AtomicBool::new(false)));
            let waker = Waker::from(Arc::clone(&woken));
            let again = Gate::<()>::wake(&circuit, &waker, &Now::at(at));
            ends.join().unwrap();
            // Never: it would admit, which the caller learns by asking again. Open again: the time is all there is.
            let reopened = circuit.state() == State::Open;
            assert!(
                woken.0.load(SeqCst) || again == Again::Never || reopened,
                "the slot is free, so whoever waits for it must know: {again:?}"
            );
        });
    }
}

#[test]
fn never_more_probes_than_slots() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1).successes(n(9)));
        let in_flight = Arc::new(AtomicU32::new(0));
        let probe = {
            let (circuit, in_flight) = (circuit.clone(), Arc::clone(&in_flight));
            move || {
                if let Some(ticket) = enter(&circuit, at) {
                    assert_eq!(in_flight.fetch_add(1, SeqCst), 0, "one slot");
                    in_flight.fetch_sub(1, SeqCst);
                    end(&circuit, ticket, Verdict::SUCCESS, at);
                }
            }
        };
        let other = thread::spawn(probe.clone());
        probe();
        other.join().unwrap();
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.probes_in_flight()), (State::HalfOpen, 0));
        assert!(seen.probe_results().calls >= 1, "at least one was admitted, and none is lost");
    });
}

#[test]
fn of_three_callers_one_becomes_the_probe() {
    // With more than two preemptions three threads take minutes.
    let mut bounded = loom::model::Builder::new();
    bounded.preemption_bound = Some(2);
    bounded.check(|| {
        let (circuit, at) = due(consecutive(1));
        let enter = |circuit: Circuit| move || u32::from(enter(&circuit, at).is_some());
        let others = [thread::spawn(enter(circuit.clone())), thread::spawn(enter(circuit.clone()))];
        let own = enter(circuit.clone())();
        let admitted: u32 =
            own + others.into_iter().map(|other| other.join().unwrap()).sum::<u32>();
        assert_eq!(admitted, 1);
    });
}

#[test]
fn a_dropped_probe_makes_room_for_another() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1));
        let probe = enter(&circuit, at).unwrap();
        let other = {
            let circuit = circuit.clone();
            thread::spawn(move || enter(&circuit, at).is_some())
        };
        end(&circuit, probe, Verdict::DROPPED, at);
        let admitted = other.join().unwrap();
        assert_eq!(circuit.snapshot().probes_in_flight(), u32::from(admitted));
        assert_eq!(enter(&circuit, at).is_some(), !admitted, "one slot, whoever has it");
    });
}

#[test]
fn a_run_of_failures_is_lost_by_no_thread() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(2)), Instant::now());
        let fail = |circuit: Circuit| {
            move || {
                let ticket = enter(&circuit, at).unwrap();
                end(&circuit, ticket, Verdict::FAILURE, at);
            }
        };
        let other = thread::spawn(fail(circuit.clone()));
        fail(circuit.clone())();
        other.join().unwrap();
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.generation()), (State::Open, 1), "one transition");
    });
}

#[test]
fn a_count_window_loses_no_trip() {
    loom::model(|| {
        let window = Window::last(NonZeroU16::new(2).unwrap());
        let rule = Trip::failure_rate(Ratio::ONE, n(2), window);
        let (circuit, at) = (Circuit::new(settings([rule])), Instant::now());
        let tickets = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        let [own, others] = tickets;
        let other = {
            let circuit = circuit.clone();
            thread::spawn(move || end(&circuit, others, Verdict::FAILURE, at))
        };
        end(&circuit, own, Verdict::FAILURE, at);
        other.join().unwrap();
        assert_eq!(circuit.state(), State::Open, "whoever adds last sees both");
    });
}

#[test]
fn a_time_window_loses_no_trip() {
    loom::model(|| {
        let one = std::num::NonZeroU8::MIN;
        let window = Window::within_buckets(Duration::from_secs(3600), one).unwrap();
        let rule = Trip::failure_rate(Ratio::ONE, n(2), window);
        let (circuit, at) = (Circuit::new(settings([rule])), Instant::now());
        let [own, others] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        let other = {
            let circuit = circuit.clone();
            thread::spawn(move || end(&circuit, others, Verdict::FAILURE, at))
        };
        end(&circuit, own, Verdict::FAILURE, at);
        other.join().unwrap();
        assert_eq!(circuit.state(), State::Open);
    });
}

#[test]
fn a_failure_of_before_a_reset_does_not_decide_after_it() {
    loom::model(|| {
        let (circuit, at) = (Circuit::new(consecutive(1)), Instant::now());
        let ticket = enter(&circuit, at).unwrap();
        let other = {
            let circuit = circuit.clone();
            thread::spawn(move || circuit.reset())
        };
        end(&circuit, ticket, Verdict::FAILURE, at);
        other.join().unwrap();
        let seen = circuit.snapshot();
        assert_eq!((seen.state(), seen.consecutive_failures()), (State::Closed, 0));
    });
}

#[test]
fn a_success_at_the_head_and_a_failed_probe_agree_on_one_transition() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1).probes(NonZeroU16::new(2).unwrap()));
        let [good, bad] = [enter(&circuit, at).unwrap(), enter(&circuit, at).unwrap()];
        let before = circuit.snapshot().generation();
        let other = {
            let circuit = circuit.clone();
            thread::spawn(move || end(&circuit, bad, Verdict::FAILURE, at))
        };
        end(&circuit, good, Verdict::SUCCESS, at);
        other.join().unwrap();
        let seen = circuit.snapshot();
        assert_eq!(seen.generation(), before + 1, "the first decides, the second is late");
        assert!(matches!(seen.state(), State::Open | State::Closed));
    });
}

#[test]
fn forcing_wins_over_whatever_is_under_way() {
    loom::model(|| {
        let (circuit, at) = due(consecutive(1));
        let other = {
            let circuit = circuit.clone();
            thread::spawn(move || {
                if let Some(ticket) = enter(&circuit, at) {
                    end(&circuit, ticket, Verdict::SUCCESS, at);
                }
            })
        };
        circuit.force_open();
        other.join().unwrap();
        assert_eq!(circuit.state(), State::ForcedOpen);
        assert!(enter(&circuit, at).is_none());
    });
}
