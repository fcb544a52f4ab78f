//! The laws of `Limit`, alone and in front of a service.

use orlop_bulkhead::{
    BulkheadLayer, Limit,
    core::{Again, AnyError, Attempt, CallContext, Gate, Kind, Now, Refused, Rejected},
};
use orlop_testkit::Probe;
use proptest::prelude::*;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Wake, Waker},
    thread,
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt};

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

async fn next<S: Service<usize, Error: std::fmt::Debug>>(service: &mut S) -> &mut S {
    service.ready().await.expect("a limit passes readiness through")
}

fn wake(limit: &Limit, waker: &Waker) -> Again {
    Gate::<str>::wake(limit, waker, &Now::lazy())
}

#[test]
fn threads_never_get_more_than_the_limit() {
    let limit = Limit::new(3);
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(6);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..2_000 {
                    if let Ok(permit) = limit.try_enter() {
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        inside.fetch_sub(1, SeqCst);
                        drop(permit);
                    }
                }
            });
        }
    });
    let most = most.into_inner();
    assert!((1..=3).contains(&most), "{most} at a time");
    assert_eq!(limit.in_flight(), 0, "all permits are back");
}

/// Hystrix, `HystrixCommandTest`, `testSemaphorePermitsInUse`: 3 permits, 6 threads that stay.
#[test]
fn three_permits_and_six_callers_make_three_refusals() {
    let limit = Limit::new(3);
    let (all_in, refused) = (Barrier::new(6), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let permit = limit.try_enter();
                refused.fetch_add(usize::from(permit.is_err()), SeqCst);
                all_in.wait();
            });
        }
    });
    assert_eq!(refused.into_inner(), 3);
    assert_eq!(limit.in_flight(), 0);
}

#[test]
fn a_lowered_limit_drains_and_never_blocks() {
    let limit = Limit::new(3);
    let mut permits: Vec<_> = (0..3).map(|_| limit.try_enter().unwrap()).collect();
    limit.set_limit(1);
    assert_eq!((limit.in_flight(), limit.limit()), (3, 1));
    permits.truncate(1);
    assert!(limit.try_enter().is_err(), "one is in flight and one may be");
    permits.clear();
    assert!(limit.try_enter().is_ok());
}

#[test]
fn nothing_is_let_in_at_zero() {
    let limit = Limit::new(0).named("closed");
    let rejected = limit.try_enter().unwrap_err();
    assert_eq!((rejected.kind(), rejected.name()), (Kind::Limit, Some("closed")));
    limit.set_limit(1);
    assert!(limit.try_enter().is_ok());
}

#[test]
fn what_is_too_large_counts_as_the_largest() {
    let limit = Limit::new(usize::MAX);
    assert_eq!(limit.limit(), Limit::MAX);
    assert!(limit.try_enter().is_ok());
}

#[test]
fn a_freed_slot_wakes_everybody_once() {
    let limit = Limit::new(1);
    let permit = limit.try_enter().unwrap();
    let woken: Vec<_> = (0..3).map(|_| Arc::new(Woken::default())).collect();
    let wakers: Vec<Waker> = woken.iter().cloned().map(Waker::from).collect();
    for waker in &wakers {
        assert_eq!(wake(&limit, waker), Again::Registered);
        assert_eq!(wake(&limit, waker), Again::Registered, "asking twice registers once");
    }
    drop(permit);
    let permit = limit.try_enter().unwrap();
    drop(permit);
    let counts: Vec<_> = woken.iter().map(|woken| woken.0.load(SeqCst)).collect();
    assert_eq!(counts, [1, 1, 1], "the second slot finds nobody registered");
}

#[test]
fn a_limit_with_room_registers_and_wakes_nobody() {
    let limit = Limit::new(1);
    let woken = Arc::new(Woken::default());
    // Beside a circuit that refuses, waking at once would have the caller spin.
    assert_eq!(wake(&limit, &woken.clone().into()), Again::Never);
    drop(limit.try_enter().unwrap());
    assert_eq!(woken.0.load(SeqCst), 0);
}

#[test]
fn nobody_is_woken_while_a_lowered_limit_drains() {
    let limit = Limit::new(2);
    let permits = (limit.try_enter().unwrap(), limit.try_enter().unwrap());
    limit.set_limit(1);
    let woken = Arc::new(Woken::default());
    assert_eq!(wake(&limit, &woken.clone().into()), Again::Registered);
    drop(permits.0);
    assert_eq!(woken.0.load(SeqCst), 0, "one in flight, and one may be: no room");
    limit.set_limit(2);
    assert_eq!(woken.0.load(SeqCst), 1, "a raised limit makes room too");
    drop(permits.1);
}

#[tokio::test(start_paused = true)]
async fn the_list_of_wakers_has_an_end() {
    let limit = Limit::new(1);
    let permit = limit.try_enter().unwrap();
    let woken: Vec<_> = (0..1025).map(|_| Arc::new(Woken::default())).collect();
    let mut answers = woken.iter().map(|woken| wake(&limit, &woken.clone().into()));
    assert!(answers.by_ref().take(1024).all(|again| again == Again::Registered));
    assert!(matches!(answers.next(), Some(Again::At(_))), "no room, so a time is named");
    drop(permit);
    assert_eq!(woken.iter().map(|woken| woken.0.load(SeqCst)).sum::<usize>(), 1024);
}

/// With tower, a freed permit goes to a waiter left behind by a clone that shed its call, and every other call is shed.
#[tokio::test]
async fn an_idle_clone_that_was_refused_holds_no_slot() {
    let (probe, handle) = Probe::new();
    let limit = Limit::new(1);
    let service = BulkheadLayer::new(limit.clone(), AnyError).layer(probe);
    let (mut a, mut b) = (service.clone(), service);
    handle.hold();
    let mut first = task::spawn(next(&mut a).await.call(0));
    assert_pending!(first.poll());
    next(&mut b).await.call(1).await.expect_err("b is refused, and then stays idle");
    handle.release();
    assert_ready_ok!(first.poll());
    for call in 0..1000 {
        next(&mut a).await.call(call).await.expect("nothing else is in flight");
    }
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn two_clones_race_for_the_last_slot() {
    let (probe, handle) = Probe::new();
    handle.hold();
    let service = BulkheadLayer::new(Limit::new(1), AnyError).typed().layer(probe);
    let (mut a, mut b) = (service.clone(), service);
    // Both are ready while the slot is free: readiness reserves nothing.
    let (a, b) = (next(&mut a).await, next(&mut b).await);
    let mut won = task::spawn(a.call(1));
    assert_pending!(won.poll());
    let lost = assert_ready_err!(task::spawn(b.call(2)).poll());
    assert!(matches!(lost, Refused::Rejected(r) if r.kind() == Kind::Limit));
}

#[tokio::test]
async fn a_drop_or_panic_frees_the_slot() {
    let (probe, handle) = Probe::new();
    let limit = Limit::new(1);
    let service = BulkheadLayer::new(limit.clone(), AnyError).layer(probe);

    let unpolled = service.clone().oneshot("call");
    drop(unpolled);
    handle.hold();
    let mut pending = task::spawn(service.clone().oneshot("call"));
    assert_pending!(pending.poll());
    assert_eq!(limit.in_flight(), 1);
    drop(pending);
    assert_eq!((limit.in_flight(), handle.dropped()), (0, 1));

    handle.release();
    handle.panic();
    let mut panics = task::spawn(service.oneshot("call"));
    catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("the probe panics");
    drop(panics);
    assert_eq!(limit.in_flight(), 0);
}

#[test]
fn a_refusal_names_the_attempt_it_refused() {
    let limit = Limit::new(0);
    let context = CallContext::new().with_attempt(Attempt::single());
    let rejected = orlop_bulkhead::core::Permit::enter(limit, "call", Some(&context), &Now::lazy());
    let rejected = rejected.map(drop).unwrap_err();
    assert!(Rejected::unsent(&rejected, context.attempt_id().unwrap()));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Enter,
    Leave(usize),
    Set(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => Just(Op::Enter),
        4 => any::<usize>().prop_map(Op::Leave),
        1 => (0_usize..6).prop_map(Op::Set),
    ];
    prop::collection::vec(op, 0..200)
}

proptest! {
    /// The obvious model is a number compared with another.
    #[test]
    fn agrees_with_a_counter(ops in ops()) {
        let limit = Limit::new(3);
        let (mut permits, mut most) = (Vec::new(), 3);
        for op in ops {
            match op {
                Op::Enter => {
                    let fits = permits.len() < most;
                    match limit.try_enter() {
                        Ok(permit) => {
                            prop_assert!(fits);
                            permits.push(permit);
                        }
                        Err(_) => prop_assert!(!fits),
                    }
                }
                Op::Leave(_) if permits.is_empty() => {}
                Op::Leave(index) => {
                    drop(permits.swap_remove(index % permits.len()));
                }
                Op::Set(to) => {
                    most = to;
                    limit.set_limit(to);
                }
            }
            prop_assert_eq!((limit.in_flight(), limit.limit()), (permits.len(), most));
        }
    }
}

#[test]
fn a_limit_is_shared_as_users_need_it() {
    fn shared<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    shared(&Limit::new(1));
    shared(&BulkheadLayer::new(Limit::new(1), AnyError));
}
