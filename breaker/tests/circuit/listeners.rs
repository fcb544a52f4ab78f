use crate::support::{calls, consecutive, pass, secs};
use orlop_breaker::{Circuit, State, Transition};
use std::sync::{Arc, Mutex, OnceLock};

type Seen = Arc<Mutex<Vec<(State, State)>>>;

fn recorder() -> (Seen, impl Fn(&Transition) + Send + Sync) {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    (seen, move |t: &Transition| into.lock().unwrap().push((t.from(), t.to())))
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_every_transition_in_order() {
    let (seen, record) = recorder();
    let circuit = Circuit::new(consecutive(1)).observed(record);
    calls(&circuit, "F");
    pass(secs(5)).await;
    calls(&circuit, "S");
    circuit.force_open();
    circuit.release();
    use State::{Closed, ForcedOpen, HalfOpen, Open};
    let expected = [
        (Closed, Open),
        (Open, HalfOpen),
        (HalfOpen, Closed),
        (Closed, ForcedOpen),
        (ForcedOpen, Closed),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_harms_nobody() {
    let circuit = Circuit::new(consecutive(1)).observed(|_: &Transition| panic!("by test"));
    let mut transitions = circuit.transitions();
    assert_eq!(calls(&circuit, "F S"), "Fx");
    assert!(transitions.has_changed().unwrap(), "other listeners hear of it");
    assert_eq!(transitions.borrow_and_update().to(), State::Open);
    circuit.reset();
    assert_eq!(transitions.borrow_and_update().to(), State::Closed, "and of what comes after");
}

#[tokio::test(start_paused = true)]
async fn an_observer_may_call_the_circuit() {
    let circuit = Arc::new(OnceLock::<Circuit>::new());
    let own = Arc::clone(&circuit);
    let (seen, record) = recorder();
    let made = Circuit::new(consecutive(1)).observed(move |transition: &Transition| {
        record(transition);
        let circuit = own.get().expect("set before the first call");
        if transition.to() == State::Open {
            assert_eq!(circuit.state(), State::Open);
            let _ = circuit.snapshot();
            circuit.reset();
            assert_eq!(calls(circuit, "S"), "S");
        }
    });
    circuit.set(made.clone()).unwrap();
    assert_eq!(calls(&made, "F S"), "FS", "the observer has reset it");
    use State::{Closed, Open};
    assert_eq!(*seen.lock().unwrap(), [(Closed, Open), (Open, Closed)], "told one after the other");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_wakes_with_the_transition() {
    let circuit = Circuit::new(consecutive(1)).named("a");
    let mut transitions = circuit.transitions();
    assert_eq!(transitions.borrow_and_update().to(), State::Closed, "where it stands");
    let mut changed = tokio_test::task::spawn(transitions.changed());
    assert!(changed.poll().is_pending());
    calls(&circuit, "F");
    assert!(changed.is_woken());
    assert!(changed.poll().is_ready());
    drop(changed);
    let transition = transitions.borrow().clone();
    assert_eq!((transition.from(), transition.to()), (State::Closed, State::Open));
    assert_eq!((transition.name(), transition.open_time()), (Some("a"), Some(secs(5))));
    assert_eq!(transition.generation(), circuit.snapshot().generation());
}

#[tokio::test(start_paused = true)]
async fn threads_that_trip_together_make_one_transition() {
    let (seen, record) = recorder();
    let circuit = Circuit::new(consecutive(4)).observed(record);
    let permits: Vec<_> = (0..16).map(|_| circuit.try_enter().unwrap()).collect();
    std::thread::scope(|scope| {
        for permit in permits {
            scope.spawn(move || crate::support::end(permit, 'F'));
        }
    });
    assert_eq!(*seen.lock().unwrap(), [(State::Closed, State::Open)]);
}

/// Drops by calling the circuit it belongs to.
struct AsksWhenDropped(std::sync::Arc<std::sync::OnceLock<Circuit>>);

impl Drop for AsksWhenDropped {
    fn drop(&mut self) {
        if let Some(circuit) = self.0.get() {
            let _ = circuit.snapshot();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_function_in_old_settings_holds_is_dropped_with_no_lock_held() {
    let slot = std::sync::Arc::new(std::sync::OnceLock::new());
    let held = AsksWhenDropped(std::sync::Arc::clone(&slot));
    let settings = consecutive(1).open(orlop_breaker::OpenTime::by(move |_| {
        let _ = &held;
        std::time::Duration::from_secs(1)
    }));
    let circuit = Circuit::new(settings);
    assert!(slot.set(circuit.clone()).is_ok());
    circuit.update(consecutive(2));
    assert_eq!(calls(&circuit, "F S"), "FS", "it got here, and by the new settings");
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_panics_when_it_is_dropped_does_no_harm() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let told = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tells = std::sync::Arc::clone(&told);
    let circuit = Circuit::new(consecutive(1)).observed(move |_: &orlop_breaker::Transition| {
        tells.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::panic::panic_any(Payload);
    });
    circuit.force_open();
    circuit.force_close();
    circuit.disable();
    assert_eq!(told.load(std::sync::atomic::Ordering::SeqCst), 3);
}
