//! The guard keeps tower's contract and settles every admitted call exactly once.

mod support;

use orlop_core::{
    AnyError, Attempt, BoxError, CallContext, Class, Guard, GuardLayer, Kind, OnHead, Refused,
    Rejected, Verdict, by_result,
};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use support::{Heard, Recorder};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Becomes ready, and answers, after so many polls.
#[derive(Clone, Default)]
struct Slow {
    ready_after: usize,
    answer_after: usize,
}

struct Answer {
    left: usize,
}

impl Future for Answer {
    type Output = Result<&'static str, io::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(Ok("answer"));
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Req> Service<Req> for Slow {
    type Response = &'static str;
    type Error = io::Error;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ready_after == 0 {
            return Poll::Ready(Ok(()));
        }
        self.ready_after -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Req) -> Answer {
        Answer { left: self.answer_after }
    }
}

fn guard<S>(gate: &Recorder, inner: S) -> Guard<S, Recorder, AnyError, OnHead> {
    GuardLayer::new(gate.clone(), AnyError).layer(inner)
}

#[tokio::test]
async fn a_call_that_answers_settles_with_its_verdict() {
    let gate = Recorder::new();
    let answer = guard(&gate, Slow::default()).oneshot("request").await.unwrap();
    assert_eq!(answer, "answer");
    assert_eq!(gate.heard(), [Heard::Entered(0), Heard::Ended(0, Verdict::SUCCESS)]);
}

#[tokio::test]
async fn an_error_settles_as_failure() {
    let gate = Recorder::new();
    let inner = service_fn(async |_: ()| Err::<(), _>(io::Error::other("broken pipe")));
    let error = guard(&gate, inner).oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "broken pipe");
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}

#[test]
fn dropped_at_any_await_point_a_call_settles_once() {
    for polls in 0..=4 {
        let gate = Recorder::new();
        let mut service = guard(&gate, Slow { ready_after: 0, answer_after: 3 });
        assert_ready_ok!(
            task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll()
        );
        let mut call = task::spawn(service.call(()));
        for _ in 0..polls {
            let _ = call.poll();
        }
        drop(call);
        gate.assert_balanced();
        let expected = if polls == 4 { Verdict::SUCCESS } else { Verdict::DROPPED };
        assert_eq!(gate.ends(), [expected], "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_at_the_deadline_is_a_failure_and_before_it_says_nothing() {
    for (waited, expected) in
        [(99, Verdict::DROPPED), (100, Verdict::TIMED_OUT), (101, Verdict::TIMED_OUT)]
    {
        let gate = Recorder::new();
        fn of(req: &CallContext) -> Option<&CallContext> {
            Some(req)
        }
        let inner = service_fn(|_: CallContext| std::future::pending::<Result<(), Infallible>>());
        let mut service = GuardLayer::new(gate.clone(), AnyError).context(of).layer(inner);
        let call = service.call(CallContext::new().timeout(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(waited)).await;
        drop(call);
        assert_eq!(gate.ends(), [expected], "after {waited} ms");
    }
}

#[test]
fn a_panic_in_call_or_poll_is_a_failure() {
    let in_call =
        service_fn(|_: ()| -> std::future::Ready<Result<(), Infallible>> { panic!("in call") });
    let in_poll = service_fn(|_: ()| async { panic!("in poll") as Result<(), Infallible> });
    let gate = Recorder::new();
    let mut service = guard(&gate, in_call);
    catch_unwind(AssertUnwindSafe(|| drop(service.call(())))).unwrap_err();
    assert_eq!(gate.ends(), [Verdict::BROKEN]);

    let gate = Recorder::new();
    let mut service = guard(&gate, in_poll);
    let call = service.call(());
    catch_unwind(AssertUnwindSafe(|| drop(tokio_test::task::spawn(call).poll()))).unwrap_err();
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}

#[test]
fn a_panicking_classifier_does_not_keep_the_permit() {
    let gate = Recorder::new();
    let classify =
        by_result(|_: Result<&&str, &(dyn std::error::Error + 'static)>| panic!("judge"));
    let mut service = GuardLayer::new(gate.clone(), classify).layer(Slow::default());
    let call = service.call(());
    catch_unwind(AssertUnwindSafe(|| drop(tokio_test::task::spawn(call).poll()))).unwrap_err();
    gate.assert_balanced();
}

#[tokio::test]
async fn a_refusal_never_reaches_the_service_and_is_typed() {
    let gate = Recorder::new();
    gate.refuse(Kind::Circuit);
    let inner = service_fn(async |_: ()| -> Result<(), io::Error> { panic!("must not be called") });
    let error = guard(&gate, inner).oneshot(()).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Circuit));

    let typed = GuardLayer::new(gate.clone(), AnyError).typed().layer(inner);
    let refused: Refused<io::Error> = typed.oneshot(()).await.unwrap_err();
    assert!(matches!(refused, Refused::Rejected(rejected) if rejected.kind() == Kind::Circuit));
    assert!(gate.heard().is_empty());
}

#[test]
fn ready_stays_ready_until_call_and_that_call_is_refused() {
    let gate = Recorder::new();
    gate.refuse_early(Kind::Circuit);
    let mut service = guard(&gate, Slow { ready_after: 9, answer_after: 0 });
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll());
    gate.admit();
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll());
    let refused = task::spawn(service.call(())).poll();
    assert!(matches!(refused, Poll::Ready(Err(_))), "the promise holds for one call");
    assert_pending!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll());
}

#[test]
fn a_promise_is_taken_back_when_gate_and_service_are_ready_again() {
    let gate = Recorder::new();
    gate.refuse_early(Kind::Limit);
    let mut service = guard(&gate, Slow::default());
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll());
    gate.admit();
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll());
    assert!(matches!(task::spawn(service.call(())).poll(), Poll::Ready(Ok("answer"))));
}

#[test]
fn a_clone_starts_without_the_promise() {
    let gate = Recorder::new();
    gate.refuse_early(Kind::Circuit);
    let mut service = guard(&gate, Slow::default());
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut service, cx))).poll());
    gate.admit();
    let mut clone = service.clone();
    assert_ready_ok!(task::spawn(poll_fn(|cx| Service::<()>::poll_ready(&mut clone, cx))).poll());
    assert!(matches!(task::spawn(clone.call(())).poll(), Poll::Ready(Ok("answer"))));
}

#[derive(Clone)]
struct Unready;

impl Service<()> for Unready {
    type Response = ();
    type Error = BoxError;
    type Future = std::future::Pending<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("connection refused".into()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::future::pending()
    }
}

#[test]
fn a_readiness_error_reaches_the_gate() {
    let gate = Recorder::new();
    let mut service = guard(&gate, Unready);
    let ready = task::spawn(poll_fn(|cx| service.poll_ready(cx))).poll();
    assert!(matches!(ready, Poll::Ready(Err(_))));
    assert_eq!(gate.heard(), [Heard::Unready(Class::Failure)]);
}

#[test]
fn an_inner_refusal_is_neutral_for_the_outer_gate() {
    let (outer, inner) = (Recorder::new(), Recorder::new());
    inner.refuse(Kind::Limit);
    let mut service = guard(&outer, guard(&inner, Slow::default()));
    assert!(matches!(task::spawn(service.call(())).poll(), Poll::Ready(Err(_))));
    assert_eq!(outer.ends(), [Verdict::NEUTRAL]);
}

#[test]
fn a_pair_refunds_the_first_when_the_second_refuses() {
    let (first, second) = (Recorder::new(), Recorder::new());
    second.refuse(Kind::Limit);
    let mut service =
        GuardLayer::new((first.clone(), second.clone()), AnyError).layer(Slow::default());
    assert!(matches!(task::spawn(service.call(())).poll(), Poll::Ready(Err(_))));
    assert_eq!(first.heard(), [Heard::Entered(0), Heard::Refunded(0)]);

    second.admit();
    assert!(matches!(task::spawn(service.call(())).poll(), Poll::Ready(Ok(_))));
    assert_eq!(second.ends(), [Verdict::SUCCESS]);
    first.assert_balanced();
}

#[test]
fn a_panic_while_one_of_a_pair_ends_does_not_lose_the_other() {
    let (first, second) = (Recorder::new(), Recorder::new());
    first.panic_on_end();
    let mut service =
        GuardLayer::new((first.clone(), second.clone()), AnyError).layer(Slow::default());
    let call = service.call(());
    catch_unwind(AssertUnwindSafe(|| drop(task::spawn(call).poll()))).unwrap_err();
    second.assert_balanced();
}

#[test]
fn every_forwarder_forwards_every_method() {
    use std::sync::Arc;
    fn drive<G: orlop_core::Gate<()> + orlop_core::Handle>(gate: G, recorder: &Recorder) {
        recorder.admit();
        let mut service = GuardLayer::new(gate.clone(), AnyError).layer(Slow::default());
        assert!(matches!(task::spawn(service.call(())).poll(), Poll::Ready(Ok(_))));
        let mut unready = GuardLayer::new(gate.clone(), AnyError).layer(Unready);
        let _ = task::spawn(poll_fn(|cx| unready.poll_ready(cx))).poll();
        recorder.refuse_early(Kind::Circuit);
        assert!(gate.refusing(&orlop_core::Now::lazy()).is_some());
        assert!(matches!(task::spawn(service.call(())).poll(), Poll::Ready(Err(_))));
        assert_eq!(
            recorder.heard(),
            [Heard::Entered(0), Heard::Ended(0, Verdict::SUCCESS), Heard::Unready(Class::Failure)]
        );
    }
    let fresh = Recorder::new;
    let r = fresh();
    drive(&r, &r);
    let r = fresh();
    drive(Arc::new(r.clone()), &r);
    let r = fresh();
    drive(Some(r.clone()), &r);
    let r = fresh();
    drive((r.clone(), ()), &r);
    let r = fresh();
    drive(((), r.clone()), &r);
    let r = fresh();
    let object: Arc<dyn orlop_core::Gate<(), Ticket = u32>> = Arc::new(r.clone());
    drive(object, &r);
}

#[test]
fn a_refusal_proves_unsent_only_for_its_own_attempt() {
    fn of(req: &CallContext) -> Option<&CallContext> {
        Some(req)
    }
    let gate = Recorder::new();
    gate.refuse(Kind::Circuit);
    let attempt = Attempt::single();
    let second = attempt.following();
    let mut service = GuardLayer::new(gate.clone(), AnyError)
        .context(of)
        .layer(service_fn(async |_: CallContext| Ok::<_, Infallible>(())));
    let Poll::Ready(Err(error)) =
        task::spawn(service.call(CallContext::new().with_attempt(attempt.clone()))).poll()
    else {
        panic!("must be refused at once")
    };
    assert!(Rejected::unsent(&*error, attempt.id()));
    assert!(!Rejected::unsent(&*error, second.id()));
}

#[test]
fn guards_are_send_sync_and_unpin() {
    fn assert_all<T: Send + Sync + Unpin>(_: &T) {}
    fn assert_send<T: Send>(_: &T) {}
    let mut service = guard(&Recorder::new(), Slow::default());
    assert_all(&service);
    assert_send(&service.call(()));
    let boxed = tower::util::BoxCloneSyncService::<(), _, _>::new(service);
    assert_all(&boxed.clone());
}
