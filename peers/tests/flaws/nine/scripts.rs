//! The scripts of ninelives' flaws. Two programs run them: this one against ours, `tests/outside/nine` against the peer.

use crate::call::{BAD, Breaker, Down, GOOD, Went, poll_once};
use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};
use tower::{
    Layer, Service, ServiceExt,
    limit::ConcurrencyLimit,
    util::{ServiceFn, service_fn},
};

/// The only probe is dropped by its caller. How many of 100 calls go well that come in as many open times after it.
pub(crate) async fn well_after_a_dropped_probe(
    breaker: &impl Breaker,
    mut open_time: impl AsyncFnMut(),
) -> usize {
    breaker.fail(1);
    open_time().await;
    drop(breaker.begin().expect("the open time is over"));
    let mut well = 0;
    for _ in 0..100 {
        open_time().await;
        well += usize::from(breaker.one(GOOD) == Went::Well);
    }
    well
}

/// A call from before the outage succeeds while the circuit is open. How many of 100 calls are let through after it.
pub(crate) fn let_through_after_a_late_success(breaker: &impl Breaker) -> usize {
    let late = breaker.begin().expect("closed");
    breaker.fail(1);
    assert_eq!(breaker.one(BAD), Went::Refused);
    assert_eq!(late.end(GOOD), Went::Well);
    (0..100).filter(|_| breaker.one(GOOD) == Went::Well).count()
}

/// Answers well.
pub(crate) type Well = ServiceFn<fn(()) -> Ready<Result<(), Down>>>;

/// A call over tower's limit, which has to be ready before it is called; the text of the panic if there is one.
pub(crate) fn call_over_a_limit<L>(layer: &L) -> Result<(), String>
where
    L: Layer<ConcurrencyLimit<Well>, Service: Service<(), Response = ()>>,
{
    let well: Well = service_fn(|()| ready(Ok(())));
    let service = layer.layer(ConcurrencyLimit::new(well, 1));
    let called = catch_unwind(AssertUnwindSafe(|| {
        assert!(matches!(poll_once(&mut Box::pin(service.oneshot(()))), Poll::Ready(Ok(()))));
    }));
    called.map_err(|panic| match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => panic!("a panic without a text"),
    })
}
