//! One request's way through the chain.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use http::{Request, Response, StatusCode};
use orlop_core::BoxError;

use crate::{
    AnsweredBy, Body, Flow, OnError, RequestCx, Step,
    answer::plain,
    complete::Record,
    error::Panicked,
    filters::{Slot, Snapshot},
    rescue,
};

/// The end of the inbound pass: what answers a request that no filter has answered.
pub(crate) trait Terminal: Send {
    /// `None`: there is nobody to ask.
    fn ask(
        self,
        cx: &RequestCx,
        req: Request<Body>,
    ) -> impl Future<Output = Option<Result<Response<Body>, BoxError>>> + Send;
}

/// Inbound, endpoint, outbound. Dropping it anywhere drops the record, and that tells the filters.
pub(crate) async fn run(
    snapshot: Arc<Snapshot>,
    mut req: Request<Body>,
    terminal: impl Terminal,
) -> Response<Body> {
    let mut record = Record::new(snapshot, RequestCx::new(&req));
    let answered = inbound(&mut record, &mut req).await;
    let mut res = match answered {
        Some(res) => res,
        None => endpoint(&mut record.cx, req, terminal).await,
    };
    outbound(&mut record, &mut res).await;
    record.follow(res)
}

async fn inbound(record: &mut Record, req: &mut Request<Body>) -> Option<Response<Body>> {
    let Record { snapshot, cx, entered, .. } = record;
    let mut stopped = false;
    for (bit, slot) in snapshot.inbound() {
        if stopped && !slot.meta.unstoppable() {
            continue;
        }
        // Before it runs: a filter that is cancelled halfway has begun something that it must hear the end of.
        *entered |= bit;
        if !slot.meta.runs_inbound() {
            continue;
        }
        let step = {
            let (cx, req) = (&mut *cx, &mut *req);
            guarded(move || slot.filter().on_request(cx, req))
        };
        match settle(step).await {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => stopped = true,
            Ok(Flow::Respond(res)) => {
                cx.set_answered_by(AnsweredBy::Filter(Arc::clone(&slot.name)));
                return Some(res);
            }
            Err(error) => {
                if let Some(res) = failed(slot, cx, &error) {
                    return Some(res);
                }
            }
        }
    }
    None
}

async fn outbound(record: &mut Record, res: &mut Response<Body>) {
    let Record { snapshot, cx, .. } = record;
    let mut stopped = false;
    for slot in snapshot.outbound() {
        if stopped && !slot.meta.unstoppable() {
            continue;
        }
        let step = {
            let (cx, res) = (&mut *cx, &mut *res);
            guarded(move || slot.filter().on_response(cx, res))
        };
        match settle(step).await {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => stopped = true,
            Ok(Flow::Respond(other)) => {
                cx.set_answered_by(AnsweredBy::Filter(Arc::clone(&slot.name)));
                *res = other;
            }
            Err(error) => {
                if let Some(other) = failed(slot, cx, &error) {
                    *res = other;
                }
            }
        }
    }
}

async fn endpoint(
    cx: &mut RequestCx,
    req: Request<Body>,
    terminal: impl Terminal,
) -> Response<Body> {
    let asked = caught(terminal.ask(cx, req)).await;
    let (by, res) = match asked {
        Ok(Some(Ok(res))) => (AnsweredBy::Endpoint, res),
        Ok(Some(Err(error))) => {
            (AnsweredBy::EndpointError(error.to_string()), rescue::response(&*error))
        }
        Ok(None) => {
            (AnsweredBy::NoEndpoint, plain(StatusCode::INTERNAL_SERVER_ERROR, "no endpoint"))
        }
        Err(Panicked) => {
            (AnsweredBy::EndpointPanic, plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))
        }
    };
    cx.set_answered_by(by);
    res
}

/// The result of a side: a panic is an error like any other.
async fn settle(step: std::thread::Result<Step<'_>>) -> Result<Flow, BoxError> {
    match step {
        Ok(Step::Ready(result)) => result,
        Ok(Step::Pending(future)) => caught(future).await.unwrap_or_else(|p| Err(p.into())),
        Err(_) => Err(Panicked.into()),
    }
}

/// Records a failure; the answer if the filter fails closed.
fn failed(slot: &Slot, cx: &mut RequestCx, error: &BoxError) -> Option<Response<Body>> {
    slot.count_failure();
    cx.push_failure(Arc::clone(&slot.name), error.to_string());
    match slot.meta.policy() {
        OnError::FailOpen => None,
        OnError::FailClosed(status) => {
            cx.set_answered_by(AnsweredBy::FilterFailed(Arc::clone(&slot.name)));
            // The error's text may name what an outsider should not learn; it is in the context for the log.
            Some(plain(status, "a filter failed"))
        }
    }
}

fn guarded<T>(side: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(side))
}

/// Polls a future so that a panic in it ends it, and nothing else.
async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|cx| match guarded(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
