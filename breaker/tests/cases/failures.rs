//! What happens to calls that do not end as they should, and to callers that do not do as they should.

use crate::support::{consecutive, half_open, n, n16, pass, play, secs, verdict};
use orlop_breaker::{
    BreakerLayer, Circuit, Circuits, OpenTime, Recovery, State,
    core::{
        Again, AnyError, Attempt, BoxError, CallContext, End, Gate, GuardLayer, Handle, Kind, Note,
        Now, Rejected, Settle,
    },
};
use std::{
    future::{Future, Ready, poll_fn, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tokio_test::{assert_ready_ok, task::spawn};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Becomes ready, and then well, after so many polls each.
#[derive(Clone)]
struct Slow {
    unready: u32,
    pending: u32,
}

impl Service<()> for Slow {
    type Response = ();
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.unready == 0 {
            return Poll::Ready(Ok(()));
        }
        self.unready -= 1;
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        let mut pending = self.pending;
        Box::pin(poll_fn(move |_| {
            if pending == 0 {
                return Poll::Ready(Ok(()));
            }
            pending -= 1;
            Poll::Pending
        }))
    }
}

/// Polls a call so many times, or to its end, and drops it.
struct Caller<F>(Option<Pin<Box<F>>>);

impl<F: Future<Output = Result<(), BoxError>>> Caller<F> {
    fn poll(&mut self) {
        let Some(call) = &mut self.0 else { return };
        if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            self.0 = None;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_at_any_await_point_leaves_the_next_call_to_probe() {
    // N1. Two callers side by side, every order of their polls, each dropped after every number of them.
    const POLLS: u32 = 6; // 2 until it is ready, 3 in the call, and one that ends it
    for orders in 0..1_u32 << (2 * POLLS) {
        if orders.count_ones() != POLLS {
            continue;
        }
        for (first, second) in (0..=POLLS).flat_map(|a| (0..=POLLS).map(move |b| (a, b))) {
            let circuit = half_open(consecutive(1).probes(n16(2)).successes(n(3))).await;
            let service =
                BreakerLayer::new(circuit.clone(), AnyError).layer(Slow { unready: 2, pending: 3 });
            let mut callers = [0, 1].map(|_| Caller(Some(Box::pin(service.clone().oneshot(())))));
            let mut left = [first, second];
            for place in 0..2 * POLLS {
                let who = (orders >> place & 1) as usize;
                if left[who] > 0 {
                    left[who] -= 1;
                    callers[who].poll();
                } else {
                    callers[who].0 = None;
                }
            }
            drop(callers);
            let scene = format!("{orders:b}, dropped after {first} and {second} polls");
            let done = [first, second].iter().filter(|polls| **polls == POLLS).count() as u64;
            let snapshot = circuit.snapshot();
            // Up to the third poll, there is no call yet.
            let state = if first.max(second) > 2 { State::HalfOpen } else { State::Open };
            assert_eq!((snapshot.state(), snapshot.probes_in_flight()), (state, 0), "{scene}");
            assert_eq!(snapshot.probe_results().calls, done, "{scene}");
            play(&circuit, &"S".repeat(3 - done as usize)).await;
            assert_eq!(circuit.state(), State::Closed, "{scene}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_await_point_leaves_a_closed_circuit_closed() {
    // N1, for those that are no probes.
    let circuit = Circuit::new(consecutive(1));
    let service =
        BreakerLayer::new(circuit.clone(), AnyError).layer(Slow { unready: 2, pending: 3 });
    for polls in 0..=5_u32 {
        let mut caller = Caller(Some(Box::pin(service.clone().oneshot(()))));
        (0..polls).for_each(|_| caller.poll());
        drop(caller);
        // The third poll is the first of the call.
        let drops = u64::from(polls).saturating_sub(2);
        assert_eq!(circuit.snapshot().drops_in_a_row(), drops, "after {polls} polls");
    }
    let mut caller = Caller(Some(Box::pin(service.oneshot(()))));
    (0..6).for_each(|_| caller.poll());
    assert!(caller.0.is_none(), "it has ended");
    assert_eq!((circuit.state(), circuit.snapshot().drops_in_a_row()), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_in_its_probe_opens_the_circuit_and_harms_no_other() {
    // N2. In poll and in call.
    let in_poll = |circuit: &Circuit| {
        let service = BreakerLayer::new(circuit.clone(), AnyError)
            .layer(service_fn(async |()| -> Result<(), BoxError> { panic!("by test, in poll") }));
        tokio::spawn(service.oneshot(()))
    };
    let in_call = |circuit: &Circuit| {
        let service = BreakerLayer::new(circuit.clone(), AnyError)
            .layer(service_fn(|()| -> Ready<Result<(), BoxError>> { panic!("by test, in call") }));
        tokio::spawn(service.oneshot(()))
    };
    let circuit = half_open(consecutive(1).probes(n16(2)).successes(n(2))).await;
    for probe in [in_poll, in_call as fn(&Circuit) -> _] {
        let beside = circuit.try_enter().unwrap();
        assert!(probe(&circuit).await.unwrap_err().is_panic());
        assert_eq!(circuit.state(), State::Open);
        let open = circuit.snapshot();
        beside.settle(verdict('S').unwrap());
        assert_eq!(circuit.snapshot(), open, "its round is over");
        play(&circuit, "x +5s").await;
    }
    play(&circuit, "SS closed S").await;
}

/// Full, or whatever it says.
struct Refuses(Kind);

impl Settle for Refuses {
    type Ticket = ();
    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}
    fn end(&self, (): (), _: End<'_>, _: &Now) {}
}

impl<Req: ?Sized> Gate<Req> for Refuses {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
        Err(Rejected::new(self.0))
    }
    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }
    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_refused_further_in_returns_its_slot_and_decides_nothing() {
    // N3. By a layer inside, and by a gate beside.
    for kind in [Kind::Limit, Kind::Queue, Kind::RateLimit, Kind::Throttle, Kind::Circuit] {
        let circuit = half_open(consecutive(1)).await;
        let well = || service_fn(|()| ready(Ok::<_, BoxError>(())));
        let inside = BreakerLayer::new(circuit.clone(), AnyError)
            .layer(GuardLayer::new(Arc::new(Refuses(kind)), AnyError).layer(well()));
        let beside =
            BreakerLayer::new((circuit.clone(), Arc::new(Refuses(kind))), AnyError).layer(well());
        for _ in 0..30 {
            for refused in [inside.clone().oneshot(()).await, beside.clone().oneshot(()).await] {
                let error = refused.unwrap_err();
                assert_eq!(Rejected::find(&*error).unwrap().kind(), kind);
                let snapshot = circuit.snapshot();
                assert_eq!((snapshot.state(), snapshot.probes_in_flight()), (State::HalfOpen, 0));
                assert_eq!(snapshot.probe_results().calls, 0);
            }
        }
        play(&circuit, "S closed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_before_the_trip_is_no_probe() {
    // N4. It neither closes, opens, nor frees a slot.
    for letter in ['S', 'F', 'T', 'N', 'L', 'D'] {
        let circuit = Circuit::new(consecutive(1).recovery(Recovery::successes_of(n(2), n(3))));
        let early = circuit.try_enter().unwrap();
        play(&circuit, "F open +5s").await;
        let probe = circuit.try_enter().unwrap();
        let before = circuit.snapshot();
        match verdict(letter) {
            Some(verdict) => early.settle(verdict),
            None => drop(early),
        }
        assert_eq!(circuit.snapshot(), before, "{letter}");
        play(&circuit, "x").await;
        drop(probe);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_an_earlier_round_is_ignored() {
    // N5. In the next round, while open between them, and closed.
    for letter in ['S', 'F', 'T', 'N', 'L', 'D'] {
        for then in ["", "+5s N", "+5s SS", "+5s SS F +5s N"] {
            let circuit = half_open(consecutive(1).probes(n16(2)).successes(n(2))).await;
            let early = circuit.try_enter().unwrap();
            play(&circuit, "F").await;
            play(&circuit, then).await;
            let before = circuit.snapshot();
            match verdict(letter) {
                Some(verdict) => early.settle(verdict),
                None => drop(early),
            }
            assert_eq!(circuit.snapshot(), before, "{letter} after {then}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_ready_and_dropped_holds_no_probe() {
    // N6. Readiness is no call: a slot is taken in `call`.
    let circuit = half_open(consecutive(1)).await;
    let service = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
    let mut handles: Vec<_> = (0..10).map(|_| service.clone()).collect();
    for handle in &mut handles {
        assert_ready_ok!(spawn(()).enter(|cx, _| Service::<()>::poll_ready(handle, cx)));
    }
    assert_eq!(circuit.snapshot().probes_in_flight(), 0);
    drop(handles);
    service.oneshot(()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_ready_service_has_no_permit_of_it() {
    // N7. Both call: one probe, one refusal. A clone that is dropped takes nothing along.
    let circuit = half_open(consecutive(1)).await;
    let mut service = BreakerLayer::new(circuit.clone(), AnyError)
        .layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
    assert_ready_ok!(spawn(()).enter(|cx, _| Service::<()>::poll_ready(&mut service, cx)));
    drop(service.clone());
    let mut clone = service.clone();
    assert_ready_ok!(spawn(()).enter(|cx, _| Service::<()>::poll_ready(&mut clone, cx)));
    let (of_clone, of_service) = (clone.call(()), service.call(()));
    assert_eq!(circuit.snapshot().probes_in_flight(), 1);
    assert!(Rejected::find(&*of_service.await.unwrap_err()).is_some());
    of_clone.await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_wakes_to_its_probes_and_no_burst() {
    // N8. Only the monotonic clock is read, and that does not jump back; here, 10 minutes are gone at once.
    for probes in [1, 3] {
        let circuit = Circuit::new(consecutive(1).probes(n16(probes)).successes(n(10)));
        play(&circuit, "F").await;
        pass(secs(600)).await;
        let admitted: Vec<_> = (0..100).filter_map(|_| circuit.try_enter().ok()).collect();
        assert_eq!(admitted.len(), usize::from(probes));
    }
    let closed = Circuit::new(consecutive(2));
    play(&closed, "F +3600s S F +3600s closed F open").await;
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_of_a_key_nobody_uses_is_not_forgotten_before_its_wait_ends() {
    // N9. The million keys are in tests/circuit/keyed.rs; here, the idle time is shorter than the open time.
    let settings = consecutive(1).open(OpenTime::fixed(secs(3600)));
    let circuits = Circuits::<&str>::new(settings).idle(secs(60));
    play(&circuits.get(&"down"), "F open").await;
    play(&circuits.get(&"up"), "S").await;
    for _ in 0..59 {
        circuits.evict_idle();
        pass(secs(60)).await;
    }
    assert!(circuits.peek(&"up").is_none());
    assert_eq!(circuits.peek(&"down").expect("its wait has not ended").state(), State::Open);
    pass(secs(60)).await;
    circuits.evict_idle();
    pass(secs(60)).await;
    circuits.evict_idle();
    assert!(circuits.peek(&"down").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_a_retry_all_it_needs() {
    // N14. That it is retried only if the advice fits the deadline, orlop-retry's tests show:
    // a_gate_that_will_answer_again_is_waited_for_if_that_fits_the_deadline, refusals_without_advice_are_backed_off_and_end.
    let circuit = Circuit::new(consecutive(1)).named("a");
    let service = BreakerLayer::new(circuit.clone(), AnyError)
        .context_by(|call: &CallContext| Some(call))
        .layer(service_fn(|_: CallContext| ready(Ok::<_, BoxError>(()))));
    play(&circuit, "F").await;
    let call = CallContext::new().with_attempt(Attempt::single());
    let id = call.attempt_id().expect("it has one");
    let error = service.oneshot(call).await.unwrap_err();
    let rejected = Rejected::find(&*error).expect("a refusal");
    assert_eq!((rejected.kind(), rejected.retry_after()), (Kind::Circuit, Some(secs(5))));
    assert!(Rejected::unsent(&*error, id), "this very attempt was not sent");
    // While it probes, nobody knows when.
    let probing = half_open(consecutive(1)).await;
    let _probe = Handle::lend(&probing).try_enter().unwrap();
    assert_eq!(probing.try_enter().unwrap_err().retry_after(), None);
}
