//! The laws of `Line` and `Queue`.

use orlop_bulkhead::{
    BulkheadLayer, Limit, Line, Queue, QueueLayer, Settings, Turn,
    core::{AnyError, Attempt, BoxError, CallContext, Kind, OnHead, Permit, Rejected},
};
use orlop_testkit::Probe;
use proptest::prelude::*;
use std::{
    future::poll_fn,
    io,
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt};

const MAX_WAIT: Duration = Duration::from_millis(100);

fn settings(limit: u32, max_waiting: u32) -> Settings {
    Settings::default()
        .with_limit(NonZeroU32::new(limit).unwrap())
        .with_max_waiting(max_waiting)
        .with_max_wait(MAX_WAIT)
}

fn kind(error: &BoxError) -> Option<Kind> {
    Rejected::find(&**error).map(Rejected::kind)
}

type Call = (&'static str, CallContext);

fn context(call: &Call) -> Option<&CallContext> {
    Some(&call.1)
}

type Lens = for<'a> fn(&'a Call) -> Option<&'a CallContext>;

fn queue(line: &Line, probe: Probe) -> Queue<Probe, OnHead, orlop_bulkhead::core::AsError, Lens> {
    QueueLayer::new(line.clone()).context(context as Lens).layer(probe)
}

fn call(name: &'static str) -> Call {
    (name, CallContext::new())
}

#[test]
fn turns_come_in_order() {
    let line = Line::new(settings(1, 10));
    let first = assert_ready_ok!(task::spawn(line.turn()).poll());
    let mut waiting: Vec<_> = (0..5).map(|_| task::spawn(line.turn())).collect();
    for turn in &mut waiting {
        assert_pending!(turn.poll());
    }
    // Polling out of order changes nothing.
    for turn in waiting.iter_mut().rev() {
        assert_pending!(turn.poll());
    }
    let mut held = Some(first);
    for served in 0..5 {
        held = None;
        let _: Option<Permit<Line>> = held;
        for (index, turn) in waiting.iter_mut().enumerate().skip(served).rev() {
            assert_eq!(turn.is_woken(), index == served, "{index} while it is {served}'s turn");
            if index > served {
                assert_pending!(turn.poll());
            }
        }
        held = Some(assert_ready_ok!(waiting[served].poll()));
    }
    assert_eq!(line.waiting(), 0);
    drop(held);
}

#[test]
fn nobody_overtakes_a_caller_who_was_woken_but_has_not_run_yet() {
    let line = Line::new(settings(1, 10));
    let permit = assert_ready_ok!(task::spawn(line.turn()).poll());
    let mut waits = task::spawn(line.turn());
    assert_pending!(waits.poll());
    drop(permit);
    let mut late = task::spawn(line.turn());
    assert_pending!(late.poll());
    let permit = assert_ready_ok!(waits.poll());
    assert_pending!(late.poll());
    drop(permit);
    drop(assert_ready_ok!(late.poll()));
}

#[test]
fn two_slots_that_free_at_once_serve_two() {
    let line = Line::new(settings(2, 10));
    let permits = (
        assert_ready_ok!(task::spawn(line.turn()).poll()),
        assert_ready_ok!(task::spawn(line.turn()).poll()),
    );
    let (mut a, mut b) = (task::spawn(line.turn()), task::spawn(line.turn()));
    assert_pending!(a.poll());
    assert_pending!(b.poll());
    drop(permits);
    let first = assert_ready_ok!(a.poll());
    assert!(b.is_woken(), "who is served tells the next that there may be more");
    drop(assert_ready_ok!(b.poll()));
    drop(first);
}

#[test]
fn a_full_line_refuses_at_once() {
    let line = Line::new(settings(1, 1)).named("playback");
    let _permit = assert_ready_ok!(task::spawn(line.turn()).poll());
    let mut waits = task::spawn(line.turn());
    assert_pending!(waits.poll());
    let rejected = assert_ready_err!(task::spawn(line.turn()).poll());
    assert_eq!((rejected.kind(), rejected.name()), (Kind::Queue, Some("playback")));
    drop(waits);
    assert_pending!(task::spawn(line.turn()).poll());
}

#[test]
fn no_line_is_no_wait() {
    let line = Line::new(settings(1, 0));
    let permit = assert_ready_ok!(task::spawn(line.turn()).poll());
    assert_ready_err!(task::spawn(line.turn()).poll());
    drop(permit);
    drop(assert_ready_ok!(task::spawn(line.turn()).poll()));
}

#[test]
fn who_leaves_passes_the_turn_on() {
    let line = Line::new(settings(1, 10));
    let permit = assert_ready_ok!(task::spawn(line.turn()).poll());
    let mut turns: Vec<_> = (0..3).map(|_| task::spawn(line.turn())).collect();
    for turn in &mut turns {
        assert_pending!(turn.poll());
    }
    drop(permit);
    assert!(turns[0].is_woken());
    // The slot was meant for the first, who goes away without having taken it.
    drop(turns.remove(0));
    assert!(turns[0].is_woken(), "so it is the next one's");
    let permit = assert_ready_ok!(turns[0].poll());
    assert_eq!(line.waiting(), 1);
    drop((permit, turns));
    assert_eq!((line.waiting(), line.limit().in_flight()), (0, 0));
}

#[test]
fn a_slot_freed_by_others_of_the_same_limit_counts() {
    let limit = Limit::new(1);
    let line = Line::before(limit.clone(), settings(64, 10));
    let elsewhere = limit.try_enter().unwrap();
    let mut turn = task::spawn(line.turn());
    assert_pending!(turn.poll());
    drop(elsewhere);
    assert!(turn.is_woken());
    drop(assert_ready_ok!(turn.poll()));
}

#[test]
fn new_settings_apply_to_a_line_in_use() {
    let line = Line::new(settings(1, 1));
    let _permit = assert_ready_ok!(task::spawn(line.turn()).poll());
    let mut waits = task::spawn(line.turn());
    assert_pending!(waits.poll());
    line.update(settings(2, 1));
    assert!(waits.is_woken(), "a raised limit serves the line");
    drop(assert_ready_ok!(waits.poll()));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_ready_when_the_inner_service_is_not() {
    let (probe, handle) = Probe::new();
    handle.block();
    let mut service = queue(&Line::new(settings(1, 1)), probe);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut waits = task::spawn(service.call(call("a")));
    assert_pending!(waits.poll());
    handle.unblock();
    assert_eq!(assert_ready_ok!(waits.poll()).0, "a");
    assert_eq!(handle.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_max_wait() {
    let (probe, handle) = Probe::new();
    handle.hold();
    let line = Line::new(settings(1, 10));
    let service = queue(&line, probe);
    let mut running = task::spawn(service.clone().oneshot(call("runs")));
    assert_pending!(running.poll());
    let mut waits = task::spawn(service.oneshot(call("waits")));
    assert_pending!(waits.poll());
    advance(MAX_WAIT - Duration::from_millis(1)).await;
    assert_pending!(waits.poll());
    advance(Duration::from_millis(2)).await;
    assert!(waits.is_woken());
    let error = assert_ready_err!(waits.poll());
    assert_eq!(kind(&error), Some(Kind::Queue));
    drop(waits);
    assert_eq!((line.waiting(), line.limit().in_flight(), handle.calls()), (0, 1, 1));
    assert_pending!(running.poll(), "the call that has its slot is not timed");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_gives_its_place_up_before_its_future_is_dropped() {
    let line = Line::new(settings(1, 10));
    let slot = assert_ready_ok!(task::spawn(line.turn()).poll());
    let (probe, _) = Probe::new();
    let mut refused = task::spawn(queue(&line, probe.clone()).oneshot(call("late")));
    assert_pending!(refused.poll());
    assert_eq!(line.waiting(), 1);
    advance(MAX_WAIT).await;
    assert_ready_err!(refused.poll());
    // The future is still there, as in a `select!` whose other arm goes on.
    assert_eq!(line.waiting(), 0);
    drop(slot);
    assert_ready_ok!(task::spawn(queue(&line, probe).oneshot(call("next"))).poll());
    drop(refused);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_nobody_polls_stops_nobody_once_its_time_is_over() {
    let line = Line::new(settings(1, 10));
    let slot = assert_ready_ok!(task::spawn(line.turn()).poll());
    let service = queue(&line, Probe::new().0);
    let mut parked: Vec<_> =
        (0..3).map(|_| task::spawn(service.clone().oneshot(call("parked")))).collect();
    for parked in &mut parked {
        assert_pending!(parked.poll());
    }
    advance(MAX_WAIT / 2).await;
    let mut waits = task::spawn(service.clone().oneshot(call("waits")));
    assert_pending!(waits.poll());
    drop(slot);
    assert!(parked[0].is_woken() && !waits.is_woken(), "they came first, and have time left");
    advance(MAX_WAIT / 2).await;
    assert!(waits.is_woken(), "the slot is its own as soon as their time is over");
    assert_eq!(line.waiting(), 1);
    assert_ready_ok!(waits.poll());
    assert_ready_ok!(task::spawn(service.oneshot(call("late"))).poll());
    for parked in &mut parked {
        assert!(parked.is_woken(), "told as well");
        assert_eq!(kind(&assert_ready_err!(parked.poll())), Some(Kind::Queue));
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_call_leaves_at_its_own_deadline() {
    let line = Line::new(settings(1, 10));
    let slot = assert_ready_ok!(task::spawn(line.turn()).poll());
    let service = queue(&line, Probe::new().0);
    let context = CallContext::new().timeout(MAX_WAIT / 4);
    let mut parked = task::spawn(service.oneshot(("parked", context)));
    assert_pending!(parked.poll());
    let mut turn = task::spawn(line.turn());
    assert_pending!(turn.poll());
    drop(slot);
    advance(MAX_WAIT / 4).await;
    assert!(turn.is_woken());
    drop(assert_ready_ok!(turn.poll()));
    assert_eq!(kind(&assert_ready_err!(parked.poll())), Some(Kind::Deadline));
}

#[tokio::test(start_paused = true)]
async fn the_timer_of_a_call_with_a_slot_still_wakes_it() {
    let (probe, handle) = Probe::new();
    handle.block();
    let line = Line::new(settings(1, 10));
    let slot = assert_ready_ok!(task::spawn(line.turn()).poll());
    let mut waits = task::spawn(queue(&line, probe).oneshot(call("waits")));
    assert_pending!(waits.poll());
    drop(slot);
    assert!(waits.is_woken());
    assert_pending!(waits.poll(), "it has its slot, and waits for the inner service");
    assert_eq!((line.waiting(), line.limit().in_flight()), (0, 1));
    advance(MAX_WAIT).await;
    assert!(waits.is_woken());
    assert_eq!(kind(&assert_ready_err!(waits.poll())), Some(Kind::Queue));
    assert_eq!(line.limit().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_deadline_of_the_call_if_that_is_sooner() {
    let (probe, handle) = Probe::new();
    let line = Line::new(settings(1, 10));
    let service = queue(&line, probe);
    let _permit = line.limit().try_enter().unwrap();
    let attempt = Attempt::single();
    let context =
        CallContext::new().timeout(Duration::from_millis(30)).with_attempt(attempt.clone());
    let started = Instant::now();
    let error = service.clone().oneshot(("waits", context.clone())).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::Deadline));
    assert!(Rejected::unsent(&*error, attempt.id()), "it was never sent, and says so");
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(30) && waited < MAX_WAIT, "{waited:?}");

    // The deadline is over: not even a free slot helps.
    drop(_permit);
    let error = service.oneshot(("late", context)).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::Deadline));
    assert_eq!(handle.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn max_wait_covers_the_readiness_of_the_inner_service_and_gives_the_slot_back() {
    let (probe, handle) = Probe::new();
    handle.block();
    let line = Line::new(settings(1, 10));
    let error = queue(&line, probe).oneshot(call("waits")).await.unwrap_err();
    assert_eq!(kind(&error), Some(Kind::Queue));
    assert_eq!((line.limit().in_flight(), handle.calls()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn no_wait_at_all_is_refused_without_a_timer() {
    let (probe, handle) = Probe::new();
    let line = Line::new(settings(1, 10).with_max_wait(Duration::ZERO));
    let _permit = line.limit().try_enter().unwrap();
    let error = assert_ready_err!(task::spawn(queue(&line, probe).oneshot(call("waits"))).poll());
    assert_eq!(kind(&error), Some(Kind::Queue));
    assert_eq!((line.waiting(), handle.calls()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_stamped_when_the_line_is_full() {
    let line = Line::new(settings(1, 0));
    let _permit = line.limit().try_enter().unwrap();
    let attempt = Attempt::single();
    let context = CallContext::new().with_attempt(attempt.clone());
    let error = queue(&line, Probe::new().0).oneshot(("full", context)).await.unwrap_err();
    assert!(Rejected::unsent(&*error, attempt.id()));
}

#[tokio::test(start_paused = true)]
async fn cancelling_at_any_point_leaves_nothing_behind() {
    let (probe, handle) = Probe::new();
    let line = Line::new(settings(1, 10));
    let service = queue(&line, probe);
    let clean = |point: &str| {
        assert_eq!((line.waiting(), line.limit().in_flight()), (0, 0), "{point}");
    };

    drop(service.clone().oneshot(call("unpolled")));
    clean("unpolled");

    handle.block();
    let mut readying = task::spawn(service.clone().oneshot(call("readying")));
    assert_pending!(readying.poll());
    assert_eq!(line.limit().in_flight(), 1);
    let mut waiting = task::spawn(service.clone().oneshot(call("waiting")));
    assert_pending!(waiting.poll());
    drop(waiting);
    assert_eq!(line.waiting(), 0);
    drop(readying);
    clean("readying");

    handle.unblock();
    handle.hold();
    let mut running = task::spawn(service.clone().oneshot(call("running")));
    assert_pending!(running.poll());
    drop(running);
    clean("running");
    assert_eq!(handle.dropped(), 1);

    handle.release();
    service.oneshot(call("after")).await.expect("the slot is free");
    clean("after");
}

#[tokio::test(start_paused = true)]
async fn a_panic_frees_the_slot() {
    let (probe, handle) = Probe::new();
    handle.panic();
    let line = Line::new(settings(1, 10));
    let mut panics = task::spawn(queue(&line, probe).oneshot(call("panics")));
    catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("the probe panics");
    drop(panics);
    assert_eq!((line.waiting(), line.limit().in_flight()), (0, 0));
}

/// Never ready, or never well.
#[derive(Clone)]
struct Fails {
    ready: bool,
}

impl Service<Call> for Fails {
    type Response = ();
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(if self.ready { Ok(()) } else { Err(io::Error::other("no connection")) })
    }

    fn call(&mut self, _: Call) -> Self::Future {
        std::future::ready(Err(io::Error::other("no answer")))
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_pass_and_free_the_slot() {
    let line = Line::new(settings(1, 10));
    for (ready, text) in [(false, "no connection"), (true, "no answer")] {
        let service = QueueLayer::new(line.clone()).layer(Fails { ready });
        let error = service.oneshot(call("fails")).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!((line.waiting(), line.limit().in_flight()), (0, 0), "{text}");
    }
}

/// A call of a shared limit that was refused elsewhere, or a clone that sits idle, takes no turn.
#[tokio::test(start_paused = true)]
async fn idle_clones_hold_no_place() {
    let (probe, handle) = Probe::new();
    let limit = Limit::new(1);
    let line = Line::before(limit.clone(), settings(64, 10));
    let mut queued = queue(&line, probe.clone());
    let mut guarded = BulkheadLayer::new(limit.clone(), AnyError).layer(probe);
    let _idle = (queued.clone(), guarded.clone());
    poll_fn(|cx| Service::<Call>::poll_ready(&mut guarded, cx)).await.unwrap();
    poll_fn(|cx| queued.poll_ready(cx)).await.unwrap();
    for _ in 0..100 {
        queued.call(call("queued")).await.unwrap();
    }
    assert_eq!((handle.calls(), limit.in_flight(), line.waiting()), (100, 0, 0));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Join,
    Poll(usize),
    Leave(usize),
    Finish(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => Just(Op::Join),
        3 => any::<usize>().prop_map(Op::Poll),
        1 => any::<usize>().prop_map(Op::Leave),
        2 => any::<usize>().prop_map(Op::Finish),
    ];
    prop::collection::vec(op, 0..150)
}

proptest! {
    /// The obvious model: a list of names, of which the first is served when it asks and a slot is free.
    #[test]
    fn agrees_with_a_list(ops in ops(), limit in 1_u32..4, max_waiting in 0_u32..6) {
        let line = Line::new(settings(limit, max_waiting));
        let mut turns: Vec<task::Spawn<Turn>> = Vec::new();
        let mut permits = Vec::new();
        for op in ops {
            match op {
                Op::Join => {
                    let mut turn = task::spawn(line.turn());
                    let (free, waiting) = (permits.len() < limit as usize, turns.len());
                    match turn.poll() {
                        Poll::Ready(Ok(permit)) => {
                            prop_assert!(free && waiting == 0);
                            permits.push(permit);
                        }
                        Poll::Ready(Err(_)) => prop_assert!(waiting >= max_waiting as usize),
                        Poll::Pending => {
                            prop_assert!(waiting < max_waiting as usize && !(free && waiting == 0));
                            turns.push(turn);
                        }
                    }
                }
                Op::Poll(at) if !turns.is_empty() => {
                    let at = at % turns.len();
                    if let Poll::Ready(permit) = turns[at].poll() {
                        prop_assert!(at == 0 && permits.len() < limit as usize);
                        permits.push(permit.unwrap());
                        drop(turns.remove(at));
                    } else {
                        prop_assert!(at > 0 || permits.len() == limit as usize);
                    }
                }
                Op::Leave(at) if !turns.is_empty() => drop(turns.remove(at % turns.len())),
                Op::Finish(at) if !permits.is_empty() => {
                    drop(permits.swap_remove(at % permits.len()));
                }
                _ => {}
            }
            prop_assert_eq!(line.waiting(), turns.len());
            prop_assert_eq!(line.limit().in_flight(), permits.len());
            if let Some(head) = turns.first()
                && permits.len() < limit as usize
            {
                prop_assert!(head.is_woken(), "the head is told whenever a slot is free");
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Timed {
    Call,
    Poll(usize),
    Leave(usize),
    Finish(usize),
    /// Milliseconds.
    Pass(u64),
}

fn timed() -> impl Strategy<Value = Vec<Timed>> {
    let op = prop_oneof![
        3 => Just(Timed::Call),
        3 => any::<usize>().prop_map(Timed::Poll),
        1 => any::<usize>().prop_map(Timed::Leave),
        2 => any::<usize>().prop_map(Timed::Finish),
        2 => (1_u64..60).prop_map(Timed::Pass),
    ];
    prop::collection::vec(op, 0..100)
}

/// The obvious model: a list of calls with the time until which each waits. Those whose time is over are not in it,
/// whether they were polled or not; the first of the others is served when it asks and a slot is free.
async fn calls_agree_with_a_list(
    ops: Vec<Timed>,
    limit: usize,
    max_waiting: usize,
) -> Result<(), TestCaseError> {
    let line = Line::new(settings(limit as u32, max_waiting as u32));
    let (probe, handle) = Probe::new();
    handle.hold();
    let service = queue(&line, probe);
    let (mut waiting, mut late, mut running) = (Vec::new(), Vec::new(), Vec::new());
    for op in ops {
        match op {
            Timed::Call => {
                let mut new = task::spawn(service.clone().oneshot(call("call")));
                let served = running.len() < limit && waiting.is_empty();
                let full = !served && waiting.len() >= max_waiting;
                prop_assert_eq!(new.poll().is_ready(), full);
                match (served, full) {
                    (true, _) => running.push(new),
                    (_, true) => drop(new),
                    _ => waiting.push((Instant::now() + MAX_WAIT, new)),
                }
            }
            Timed::Poll(at) if !waiting.is_empty() => {
                let at = at % waiting.len();
                prop_assert!(waiting[at].1.poll().is_pending(), "waits, or runs");
                if at == 0 && running.len() < limit {
                    running.push(waiting.remove(at).1);
                }
            }
            Timed::Leave(at) if !waiting.is_empty() => drop(waiting.remove(at % waiting.len())),
            Timed::Finish(at) if !running.is_empty() => {
                drop(running.swap_remove(at % running.len()));
            }
            Timed::Pass(millis) => {
                advance(Duration::from_millis(millis)).await;
                let now = Instant::now();
                late.extend(waiting.extract_if(.., |(until, _)| *until <= now));
            }
            _ => {}
        }
        prop_assert_eq!(line.waiting(), waiting.len());
        prop_assert_eq!(line.limit().in_flight(), running.len());
        if let Some((_, head)) = waiting.first()
            && running.len() < limit
        {
            prop_assert!(head.is_woken(), "the head is told whenever a slot is free");
        }
    }
    for (_, mut late) in late {
        prop_assert!(late.is_woken(), "told, for who would poll it");
        prop_assert_eq!(kind(&assert_ready_err!(late.poll())), Some(Kind::Queue));
    }
    Ok(())
}

proptest! {
    #[test]
    fn calls_that_may_not_be_polled_agree_with_a_list(
        ops in timed(), limit in 1_usize..4, max_waiting in 0_usize..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(calls_agree_with_a_list(ops, limit, max_waiting))?;
    }
}

#[test]
fn a_line_is_shared_as_users_need_it() {
    fn shared<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    fn sent<T: Send + 'static>(_: &T) {}
    let line = Line::new(Settings::default());
    shared(&line);
    let layer = QueueLayer::new(line.clone());
    shared(&layer);
    let mut service = layer.layer(Probe::new().0);
    sent(&service.call("call"));
    drop(assert_ready!(task::spawn(line.turn()).poll()).unwrap());
}
