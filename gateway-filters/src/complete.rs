//! The end of a request: seen exactly once, wherever it happens.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use orlop_core::BoxError;

use crate::{Body, RequestCx, error::Panicked, filters::Snapshot};

/// How a request ended, as `on_complete` sees it.
#[derive(Debug)]
pub struct Completion<'a> {
    cx: &'a RequestCx,
    end: End,
    status: Option<StatusCode>,
    body_bytes: u64,
}

/// Where a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// The response is complete: its body ended, or it has none.
    Complete,
    /// The response's body returned an error or panicked.
    BodyFailed,
    /// The caller went away before there was a response.
    DroppedBeforeHead,
    /// The caller went away before the body's end.
    DroppedInBody,
}

/// What must be told at the end. Whoever holds it owes the telling: [`Record::finish`] pays, and so does a drop.
///
/// Core's `Permit` has the same shape but not the same content: its ticket cannot be borrowed between the events, while
/// every filter changes the context, and it ends with a verdict, while filters want to know where the end was.
pub(crate) struct Record {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) cx: RequestCx,
    /// One bit for each filter whose inbound turn came.
    pub(crate) entered: u64,
    status: Option<StatusCode>,
    body_bytes: u64,
    told: bool,
}

/// A response body that tells the end.
struct Told {
    inner: Body,
    record: Option<Record>,
}

// ===== impl Completion =====

impl Completion<'_> {
    /// The request's context.
    pub fn cx(&self) -> &RequestCx {
        self.cx
    }

    /// Where it ended.
    pub fn end(&self) -> End {
        self.end
    }

    /// The response's status; `None` if there was none.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Bytes of the body that were handed on, after compression.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// From entering the chain to the end.
    pub fn elapsed(&self) -> Duration {
        self.cx.elapsed()
    }
}

// ===== impl Record =====

impl Record {
    pub(crate) fn new(snapshot: Arc<Snapshot>, cx: RequestCx) -> Self {
        Self { snapshot, cx, entered: 0, status: None, body_bytes: 0, told: false }
    }

    /// Moves into the response's body, or tells at once if there is nothing to wait for.
    pub(crate) fn follow(mut self, res: Response<Body>) -> Response<Body> {
        self.status = Some(res.status());
        // Servers drop such bodies without a poll, so nothing more would be heard of them.
        if res.body().is_end_stream() || has_no_body(self.cx.method(), res.status()) {
            self.finish(End::Complete);
            return res;
        }
        res.map(|inner| Body::new(Told { inner, record: Some(self) }))
    }

    fn finish(mut self, end: End) {
        self.tell(end);
    }

    fn tell(&mut self, end: End) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let done =
            Completion { cx: &self.cx, end, status: self.status, body_bytes: self.body_bytes };
        for slot in self.snapshot.slots_in(self.entered) {
            if catch_unwind(AssertUnwindSafe(|| slot.filter().on_complete(&done))).is_err() {
                slot.count_failure();
            }
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let end = if self.status.is_some() { End::DroppedInBody } else { End::DroppedBeforeHead };
        self.tell(end);
    }
}

/// RFC 9110 6.4.1: these have no content, whatever their body says.
fn has_no_body(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

// ===== impl Told =====

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.inner).poll_frame(cx)));
        let frame = match polled {
            Ok(poll) => ready!(poll),
            Err(_) => {
                // It broke in the middle of something: not to be polled again.
                self.inner = Body::Empty;
                Some(Err(Panicked.into()))
            }
        };
        let end = match &frame {
            Some(Ok(frame)) => {
                if let (Some(record), Some(data)) = (&mut self.record, frame.data_ref()) {
                    record.body_bytes += data.len() as u64;
                }
                // Nobody has to poll a body again that is at its end, and servers do not after trailers.
                (frame.is_trailers() || self.inner.is_end_stream()).then_some(End::Complete)
            }
            Some(Err(_)) => Some(End::BodyFailed),
            None => Some(End::Complete),
        };
        if let Some(end) = end
            && let Some(record) = self.record.take()
        {
            record.finish(end);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
