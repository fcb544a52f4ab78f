use crate::support::{PROBE_TIMEOUT, calls, consecutive, ms, pass, secs};
use orlop_breaker::{
    Circuit,
    core::{Again, Gate, Now, Rejected},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Wake, Waker},
};
use tokio::time::Instant;

struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn wake(circuit: &Circuit, waker: &Waker) -> Again {
    Gate::<str>::wake(circuit, waker, &Now::lazy())
}

fn refusing(circuit: &Circuit) -> Option<Rejected> {
    Gate::<str>::refusing(circuit, &Now::lazy())
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_names_the_time_to_ask_again() {
    let circuit = Circuit::new(consecutive(1));
    assert_eq!(wake(&circuit, Waker::noop()), Again::Never, "closed: it does not refuse");
    calls(&circuit, "F");
    assert_eq!(wake(&circuit, Waker::noop()), Again::At(Instant::now() + secs(5)));
}

fn woken() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken(AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    (woken, waker)
}

#[tokio::test(start_paused = true)]
async fn a_forced_open_circuit_names_no_time_and_wakes_when_it_is_released() {
    for end in [Circuit::release, Circuit::reset, Circuit::force_close, Circuit::disable] {
        let circuit = Circuit::new(consecutive(1));
        circuit.force_open();
        let (woken, waker) = woken();
        assert_eq!(wake(&circuit, &waker), Again::Registered);
        assert_eq!(wake(&circuit, &waker), Again::Registered);
        assert_eq!(woken.0.load(SeqCst), 0);
        end(&circuit);
        assert_eq!(woken.0.load(SeqCst), 1, "once, though it asked twice");
        assert_eq!(wake(&circuit, &waker), Again::Never);
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_wakes_before_its_time_if_a_hand_closes_it() {
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F");
    let (woken, waker) = woken();
    assert_eq!(wake(&circuit, &waker), Again::At(Instant::now() + secs(5)));
    circuit.force_close();
    assert_eq!(woken.0.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn of_very_many_who_wait_the_last_are_told_to_ask_again() {
    let circuit = Circuit::new(consecutive(1));
    circuit.force_open();
    let waiting: Vec<_> = (0..300).map(|_| woken()).collect();
    let told: Vec<_> = waiting.iter().map(|(_, waker)| wake(&circuit, waker)).collect();
    let registered = told.iter().filter(|again| **again == Again::Registered).count();
    assert_eq!(registered, 256);
    assert_eq!(told[256..], vec![Again::At(Instant::now() + ms(100)); 44]);
    circuit.release();
    let all: u32 = waiting.iter().map(|(woken, _)| woken.0.load(SeqCst)).sum();
    assert_eq!(all, 256);
}

#[tokio::test(start_paused = true)]
async fn a_full_half_open_circuit_names_the_first_expiry_and_wakes_sooner_if_a_slot_comes_back() {
    let circuit = Circuit::new(consecutive(1));
    calls(&circuit, "F");
    pass(secs(5)).await;
    assert_eq!(wake(&circuit, Waker::noop()), Again::Never, "it is time for a probe");
    let probe = circuit.try_enter().unwrap();
    let (woken, waker) = woken();
    let expiry = Instant::now() + PROBE_TIMEOUT;
    assert_eq!(wake(&circuit, &waker), Again::At(expiry));
    assert_eq!(wake(&circuit, &waker), Again::At(expiry));
    drop(probe);
    assert_eq!(woken.0.load(SeqCst), 1, "woken, and once");
    assert!(circuit.try_enter().is_ok());
}

#[tokio::test(start_paused = true)]
async fn refusing_speaks_only_for_every_call() {
    let circuit = Circuit::new(consecutive(1));
    assert_eq!(refusing(&circuit), None, "closed");
    calls(&circuit, "F");
    assert_eq!(refusing(&circuit).unwrap().retry_after(), Some(secs(5)), "open");
    pass(secs(5)).await;
    assert_eq!(refusing(&circuit), None, "open, but it is time for a probe");
    let _probe = circuit.try_enter().unwrap();
    assert_eq!(refusing(&circuit), None, "half-open");
    circuit.force_open();
    assert_eq!(refusing(&circuit).unwrap().retry_after(), None, "forced");
}
