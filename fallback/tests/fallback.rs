//! The laws of fallbacks, on values that are not `Clone`.

use orlop_fallback::{
    Cause, FallbackFailed, FallbackLayer,
    core::{Attempt, AttemptId, BoxError, Class, Kind, Rejected, Verdict, by_result},
};
use orlop_testkit::Probe;
use std::{
    error::Error,
    future::{Ready, pending, ready},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

/// Neither request nor response is `Clone`.
#[derive(Debug, PartialEq)]
struct Ask(&'static str);

#[derive(Debug, PartialEq)]
struct Rows(String);

/// A service that answers with its request's name, or fails as the name says.
#[derive(Clone)]
struct Primary;

impl Service<Ask> for Primary {
    type Response = Rows;
    type Error = BoxError;
    type Future = Ready<Result<Rows, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Ask(name): Ask) -> Self::Future {
        ready(match name {
            "down" => Err(io::Error::other("connection reset").into()),
            "refused" => Err(Rejected::new(Kind::Limit).named("rows").into()),
            _ => Ok(Rows(name.to_owned())),
        })
    }
}

/// A service that is never ready.
#[derive(Clone)]
struct Unready;

impl Service<Ask> for Unready {
    type Response = Rows;
    type Error = io::Error;
    type Future = Ready<io::Result<Rows>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("no connection")))
    }

    fn call(&mut self, _: Ask) -> Self::Future {
        unreachable!("it is never ready")
    }
}

fn name(ask: &Ask) -> &'static str {
    ask.0
}

#[tokio::test]
async fn a_success_is_passed_on_and_the_fallback_not_asked() {
    let layer = FallbackLayer::from_fn(|(), _| -> Rows { panic!("not asked") });
    let handle = layer.handle();
    assert_eq!(layer.layer(Primary).oneshot(Ask("ada")).await.unwrap(), Rows("ada".into()));
    assert_eq!((handle.rescued(), handle.failed()), (0, 0));
}

/// Hystrix, `HystrixCommandTest`: failure, semaphore rejection and short circuit with a fallback.
#[tokio::test]
async fn failures_and_refusals_are_answered_for() {
    let layer = FallbackLayer::from_fn(|name: &'static str, cause: &Cause| {
        Rows(format!("{name}: {cause}, {:?}", cause.verdict().class()))
    })
    .remember(name);
    let handle = layer.handle();
    let service = layer.layer(Primary);
    let rows = service.clone().oneshot(Ask("down")).await.unwrap();
    assert_eq!(rows, Rows("down: call failed, Failure".into()));
    let rows = service.oneshot(Ask("refused")).await.unwrap();
    assert_eq!(rows, Rows("refused: call refused, Neutral".into()));
    assert_eq!((handle.rescued(), handle.failed()), (2, 0), "clones share the counts");
}

#[tokio::test]
async fn an_error_of_readiness_is_answered_for_as_well() {
    let service = FallbackLayer::from_fn(|(), cause: &Cause| {
        Rows(cause.error().map(ToString::to_string).unwrap_or_default())
    })
    .layer(Unready);
    let mut service = service;
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
    assert_eq!(service.oneshot(Ask("ada")).await.unwrap(), Rows("no connection".into()));
}

#[tokio::test]
async fn a_value_answers_many_calls() {
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::value("static row"))
        .service(service_fn(async |_: ()| Err::<&str, _>(io::Error::other("down"))));
    for _ in 0..3 {
        assert_eq!(service.clone().oneshot(()).await.unwrap(), "static row");
    }
}

#[tokio::test]
async fn a_backup_service_gets_a_request_made_from_what_was_remembered() {
    let backup = service_fn(async |ask: Ask| Ok::<_, io::Error>(Rows(format!("cached {}", ask.0))));
    let service = FallbackLayer::service(backup, |name: &'static str, _: &Cause| Ask(name))
        .remember(name)
        .layer(Primary);
    assert_eq!(service.oneshot(Ask("down")).await.unwrap(), Rows("cached down".into()));
}

#[tokio::test]
async fn a_backup_service_is_waited_for_in_a_clone_of_its_own() {
    let (backup, backed) = Probe::new();
    backed.block();
    let service = FallbackLayer::service(backup, |(), cause: &Cause| cause.to_string())
        .layer(service_fn(async |_: ()| Err::<String, _>(io::Error::other("down"))));
    let mut calls =
        (task::spawn(service.clone().oneshot(())), task::spawn(service.clone().oneshot(())));
    assert_pending!(calls.0.poll());
    assert_pending!(calls.1.poll());
    backed.unblock();
    assert_eq!(assert_ready_ok!(calls.0.poll()), "call failed");
    assert_eq!(assert_ready_ok!(calls.1.poll()), "call failed");
}

/// Hystrix, I1: a fallback that fails keeps the original error.
#[tokio::test]
async fn a_fallback_that_fails_names_its_error_and_keeps_the_original() {
    let layer = FallbackLayer::from_async(async |(), _: Arc<Cause>| {
        Err::<Rows, _>(io::Error::other("cache is empty"))
    });
    let handle = layer.handle();
    let error = layer.layer(Primary).oneshot(Ask("refused")).await.unwrap_err();
    assert_eq!(error.to_string(), "fallback failed: cache is empty");
    let failed = error.downcast_ref::<FallbackFailed>().unwrap();
    assert_eq!(failed.fallback().to_string(), "cache is empty");
    let since = failed.source().unwrap();
    assert_eq!(since.source().unwrap().to_string(), "call refused", "behind the mark");
    assert_eq!(Rejected::find(&*error).unwrap().name(), Some("rows"), "found through the chain");
    assert_eq!((handle.rescued(), handle.failed()), (0, 1));
}

/// A retry further out must not have the backup act again because the primary was refused first.
#[tokio::test]
async fn a_fallback_that_acted_and_failed_does_not_look_unsent() {
    let attempt = AttemptId::next();
    let refused = service_fn(move |(): ()| {
        ready(Err::<(), _>(Rejected::new(Kind::Circuit).stamped(Some(attempt))))
    });
    let backup = FallbackLayer::from_async(async |(), _: Arc<Cause>| {
        Err::<(), _>(io::Error::other("acted, then failed"))
    });
    let error = backup.layer(refused).oneshot(()).await.unwrap_err();
    assert!(Rejected::find(&*error).is_some(), "still told");
    assert!(!Rejected::unsent(&*error, attempt));
}

#[tokio::test]
async fn an_asynchronous_function_gets_memo_and_cause() {
    let service = FallbackLayer::from_async(async |name: &'static str, cause: Arc<Cause>| {
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(Rows(format!("{name}: {}", cause.error().unwrap())))
    })
    .remember(name)
    .layer(Primary);
    assert_eq!(service.oneshot(Ask("down")).await.unwrap(), Rows("down: connection reset".into()));
}

/// Hystrix, I11 and I12: a bad request has no fallback; a fallback may be switched off.
#[tokio::test]
async fn what_is_not_to_be_answered_for_is_passed_on_as_it_is() {
    let service = FallbackLayer::from_fn(|(), _: &Cause| Rows("rescued".into()))
        .when(|cause: &Cause| cause.refusal().is_some())
        .layer(Primary);
    let error = service.clone().oneshot(Ask("down")).await.unwrap_err();
    assert!(error.is::<io::Error>(), "the original, not wrapped");
    assert_eq!(service.oneshot(Ask("refused")).await.unwrap(), Rows("rescued".into()));
}

#[tokio::test]
async fn the_verdict_decides_about_answers() {
    for (verdict, rescued) in [
        (Verdict::SUCCESS, false),
        (Verdict::NEUTRAL, false),
        (Verdict::FAILURE, true),
        (Verdict::THROTTLED, true),
    ] {
        let service = FallbackLayer::from_fn(|(), cause: &Cause| {
            assert!(cause.error().is_none(), "it was a response");
            Rows("rescued".into())
        })
        .classify(by_result(move |_: Result<&Rows, _>| verdict))
        .layer(Primary);
        let expected = if rescued { "rescued" } else { "ada" };
        assert_eq!(
            service.oneshot(Ask("ada")).await.unwrap(),
            Rows(expected.into()),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_chain_asks_the_innermost_first_and_the_next_if_that_fails() {
    let log = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&log);
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::from_fn(|(), _: &Cause| Rows("static row".into())))
        .layer(FallbackLayer::from_async(move |(), _: Arc<Cause>| {
            counted.fetch_add(1, SeqCst);
            ready(Err::<Rows, _>(io::Error::other("popular rows are down")))
        }))
        .service(Primary);
    assert_eq!(service.oneshot(Ask("down")).await.unwrap(), Rows("static row".into()));
    assert_eq!(log.load(SeqCst), 1);
}

/// The failed answer may hold a slot that the fallback needs.
#[tokio::test]
async fn the_failed_answer_is_gone_before_the_fallback_begins() {
    let free = Arc::new(AtomicUsize::new(0));
    let (taken, seen) = (Arc::clone(&free), Arc::clone(&free));
    let service = FallbackLayer::from_fn(move |(), _: &Cause| {
        assert_eq!(seen.load(SeqCst), 1, "the slot of the failed answer");
        None
    })
    .classify(by_result(|_: Result<&Option<Slot>, _>| Verdict::FAILURE))
    .layer(service_fn(move |()| ready(Ok::<_, io::Error>(Some(Slot(Arc::clone(&taken)))))));
    assert!(service.oneshot(()).await.unwrap().is_none());
}

/// Counts that it is free again.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test]
async fn cancelling_drops_what_runs_and_rescues_nothing() {
    let (probe, handle) = Probe::new();
    let layer = FallbackLayer::from_fn(|(), _: &Cause| "rescued");
    let counts = layer.handle();
    let service = layer.layer(probe);

    drop(service.clone().oneshot("unpolled"));
    handle.block();
    let mut readying = task::spawn(service.clone().oneshot("readying"));
    assert_pending!(readying.poll());
    drop(readying);
    assert_eq!(handle.calls(), 0);

    handle.unblock();
    handle.hold();
    let mut running = task::spawn(service.oneshot("running"));
    assert_pending!(running.poll());
    drop(running);
    assert_eq!((handle.dropped(), handle.in_flight()), (1, 0));

    let (backup, backed) = Probe::new();
    backed.hold();
    let service = FallbackLayer::service(backup, |(), _: &Cause| ())
        .layer(service_fn(async |_: ()| Err::<(), _>(io::Error::other("down"))));
    let mut answering = task::spawn(service.oneshot(()));
    assert_pending!(answering.poll());
    drop(answering);
    assert_eq!((backed.dropped(), backed.in_flight()), (1, 0));
    assert_eq!((counts.rescued(), counts.failed()), (0, 0));
}

#[tokio::test]
async fn a_panic_in_a_fallback_is_the_callers_and_harms_no_other_call() {
    let layer = FallbackLayer::from_fn(|name: &'static str, _: &Cause| match name {
        "down" => panic!("in the fallback"),
        _ => Rows("rescued".into()),
    })
    .remember(name);
    let handle = layer.handle();
    let service = layer.layer(Primary);
    let mut panics = task::spawn(service.clone().oneshot(Ask("down")));
    catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("the fallback panics");
    drop(panics);
    assert_eq!(service.oneshot(Ask("refused")).await.unwrap(), Rows("rescued".into()));
    assert_eq!(handle.rescued(), 1);
}

#[tokio::test]
async fn a_panic_in_the_service_is_not_rescued() {
    let (probe, handle) = Probe::new();
    handle.panic();
    let service = FallbackLayer::value("rescued").layer(probe);
    let mut panics = task::spawn(service.oneshot("panics"));
    catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("the probe panics");
}

#[tokio::test]
async fn the_service_is_always_ready_and_uses_what_it_polled() {
    let (probe, handle) = Probe::new();
    handle.block();
    let mut service = FallbackLayer::value("rescued").layer(probe);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
    let mut clone = service.clone();
    let mut calls = (task::spawn(service.call("one")), task::spawn(clone.call("two")));
    assert_pending!(calls.0.poll());
    assert_pending!(calls.1.poll());
    handle.unblock();
    assert_eq!(assert_ready_ok!(calls.0.poll()), "one");
    assert_eq!(assert_ready_ok!(calls.1.poll()), "two");
}

#[tokio::test]
async fn a_fallback_below_a_hanging_service_waits_with_it() {
    let service = FallbackLayer::value("rescued")
        .layer(service_fn(|_: ()| pending::<Result<&'static str, io::Error>>()));
    let mut waits = task::spawn(service.oneshot(()));
    assert_pending!(waits.poll());
}

#[tokio::test]
async fn a_refusal_keeps_its_stamp_in_the_cause() {
    let attempt = Attempt::single();
    let rejected = Rejected::new(Kind::Circuit).stamped(Some(attempt.id()));
    let service = FallbackLayer::from_async(|(), cause: Arc<Cause>| {
        assert_eq!(cause.verdict().class(), Class::Neutral);
        let refusal = cause.refusal().cloned();
        ready(refusal.map_or(Ok(()), Err))
    })
    .layer(service_fn(move |()| ready(Err::<(), _>(rejected.clone()))));
    let error = assert_ready_err!(task::spawn(service.oneshot(())).poll());
    let fallback = error.downcast_ref::<FallbackFailed>().unwrap().fallback();
    assert!(Rejected::unsent(fallback, attempt.id()));
}

#[test]
fn a_fallback_is_shared_as_users_need_it() {
    fn shared<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    fn sent<T: Send + 'static>(_: &T) {}
    let layer = FallbackLayer::from_fn(|(), _: &Cause| Rows("rescued".into()));
    shared(&layer);
    shared(&layer.handle());
    let mut service = layer.layer(Primary);
    shared(&service);
    sent(&service.call(Ask("ada")));
}
