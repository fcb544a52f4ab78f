//! N10: functions of the user's that panic, or call the circuit they are called by.

use crate::support::{consecutive, ms, n, pass, play, secs};
use orlop_breaker::{
    Circuit, OpenTime, Opening, Recovery, Settings, State, Transition,
    core::{Again, Gate, Now},
};
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Wake, Waker},
};

type Slot = Arc<OnceLock<Circuit>>;
type Call = fn(&Circuit);

/// All that a function may do to the circuit that calls it.
const CALLS: [(&str, Call); 10] = [
    ("look", |circuit| {
        let _ = (circuit.state(), circuit.snapshot(), circuit.settings(), circuit.transitions());
    }),
    ("enter", |circuit| {
        drop(circuit.try_enter().map(|permit| permit.settle(crate::support::verdict('F').unwrap())))
    }),
    ("reset", Circuit::reset),
    ("force_open", Circuit::force_open),
    ("force_close", Circuit::force_close),
    ("disable", Circuit::disable),
    ("shadow", Circuit::shadow),
    ("release", Circuit::release),
    ("update", |circuit| circuit.update(consecutive(3))),
    ("panic", |_| panic!("by test")),
];

/// A circuit whose observer does this once, at the first opening.
fn observed(call: Call) -> (Circuit, Arc<Mutex<Vec<(State, State)>>>) {
    let (slot, seen) = (Slot::default(), Arc::new(Mutex::new(Vec::new())));
    let (own, into, once) = (Arc::clone(&slot), Arc::clone(&seen), OnceLock::new());
    let circuit = Circuit::new(consecutive(1)).observed(move |step: &Transition| {
        into.lock().unwrap().push((step.from(), step.to()));
        if step.to() == State::Open && once.set(()).is_ok() {
            call(own.get().expect("set before the first call"));
        }
    });
    slot.set(circuit.clone()).unwrap();
    (circuit, seen)
}

#[tokio::test(start_paused = true)]
async fn an_observer_may_do_anything_to_its_circuit() {
    for (name, call) in CALLS {
        let (circuit, seen) = observed(call);
        play(&circuit, "F").await;
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen[0], (State::Closed, State::Open), "{name}");
        for pair in seen.windows(2) {
            assert_eq!(
                pair[0].1, pair[1].0,
                "{name}: each begins where the last has ended: {seen:?}"
            );
        }
        assert_eq!(
            seen.last().unwrap().1,
            circuit.state(),
            "{name}: and the last is where it stands"
        );
        circuit.reset();
        play(&circuit, "closed S").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_always_resets_makes_no_endless_recursion() {
    let slot = Slot::default();
    let own = Arc::clone(&slot);
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let circuit = Circuit::new(consecutive(1)).observed(move |step: &Transition| {
        // Opens it again from inside, a thousand times: the transitions are told one after the other, not one in the other.
        if step.to() == State::Open && count.fetch_add(1, SeqCst) < 1_000 {
            let circuit = own.get().expect("set before the first call");
            circuit.reset();
            circuit.try_enter().unwrap().settle(crate::support::verdict('F').unwrap());
        }
    });
    slot.set(circuit.clone()).unwrap();
    play(&circuit, "F open").await;
    assert_eq!(told.load(SeqCst), 1_001);
}

/// A circuit whose open time is a function that does this first.
fn asked(call: Call) -> Circuit {
    let slot = Slot::default();
    let own = Arc::clone(&slot);
    let open = OpenTime::by(move |_: &Opening| {
        call(own.get().expect("set before the first call"));
        secs(7)
    });
    let circuit = Circuit::new(consecutive(1).open(open));
    slot.set(circuit.clone()).unwrap();
    circuit
}

#[tokio::test(start_paused = true)]
async fn the_function_of_an_open_time_may_do_anything_to_its_circuit() {
    for (name, call) in CALLS {
        let circuit = asked(call);
        play(&circuit, "F").await;
        let expected = match name {
            "reset" | "force_close" => State::Closed,
            "force_open" => State::ForcedOpen,
            "disable" => State::Disabled,
            "shadow" => State::Shadow,
            _ => State::Open,
        };
        assert_eq!(circuit.state(), expected, "{name}");
        if expected == State::Open {
            let time = if name == "panic" { secs(5) } else { secs(7) };
            assert_eq!(circuit.try_enter().unwrap_err().retry_after(), Some(time), "{name}");
            pass(time).await;
            play(&circuit, "S closed").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_function_runs_the_circuit_is_open_and_names_no_time() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let slot = Slot::default();
    let (into, own) = (Arc::clone(&seen), Arc::clone(&slot));
    let open = OpenTime::by(move |_: &Opening| {
        let circuit = own.get().expect("set before the first call");
        let refused = circuit.try_enter().unwrap_err();
        into.lock().unwrap().push((
            circuit.state(),
            refused.retry_after(),
            circuit.snapshot().until(),
        ));
        secs(1)
    });
    let circuit = Circuit::new(consecutive(1).open(open));
    let transitions = circuit.transitions();
    slot.set(circuit.clone()).unwrap();
    play(&circuit, "F").await;
    assert_eq!(*seen.lock().unwrap(), [(State::Open, None, None)]);
    assert_eq!(
        transitions.borrow().open_time(),
        Some(secs(1)),
        "listeners are told once it is known"
    );
    play(&circuit, "+999ms x +1ms S closed").await;
}

struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_while_the_function_runs_is_woken_by_its_answer() {
    let slot = Slot::default();
    let woken = Arc::new(Woken(AtomicU32::new(0)));
    let (own, waker) = (Arc::clone(&slot), Waker::from(Arc::clone(&woken)));
    let open = OpenTime::by(move |_: &Opening| {
        let circuit = own.get().expect("set before the first call");
        assert_eq!(Gate::<str>::wake(circuit, &waker, &Now::lazy()), Again::Registered);
        secs(1)
    });
    let circuit = Circuit::new(consecutive(1).open(open));
    slot.set(circuit.clone()).unwrap();
    play(&circuit, "F open").await;
    assert_eq!(woken.0.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_each_time_opens_for_five_seconds_each_time() {
    let open = OpenTime::by(|_: &Opening| panic!("by test"));
    let circuit = Circuit::new(consecutive(1).open(open));
    play(&circuit, "F +4999ms x +1ms F +4999ms x +1ms S closed").await;
}

#[tokio::test(start_paused = true)]
async fn a_function_in_settings_that_are_replaced_while_it_runs_still_answers() {
    let slot = Slot::default();
    let own = Arc::clone(&slot);
    let open = OpenTime::by(move |_: &Opening| {
        let settings: Settings = consecutive(1).open(OpenTime::fixed(ms(10)));
        own.get()
            .expect("set before the first call")
            .update(settings.recovery(Recovery::successes(n(2))));
        secs(3)
    });
    let circuit = Circuit::new(consecutive(1).open(open));
    slot.set(circuit.clone()).unwrap();
    play(&circuit, "F +2999ms x +1ms S half_open S closed F +10ms S half_open").await;
}
