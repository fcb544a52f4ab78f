//! A body for reqwest.

use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use sync_wrapper::SyncWrapper;

/// reqwest asks for bodies that can be shared between threads, though it never does.
pub(crate) struct SyncBody<B> {
    body: SyncWrapper<B>,
    // What can only be asked with sole access, so it is asked after each frame.
    hint: SizeHint,
    ended: bool,
}

impl<B: Body> SyncBody<B> {
    pub(crate) fn new(body: B) -> Self {
        let (hint, ended) = (body.size_hint(), body.is_end_stream());
        Self { body: SyncWrapper::new(body), hint, ended }
    }
}

impl<B: Body + Unpin> Body for SyncBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.body.get_mut();
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let (hint, ended) = (body.size_hint(), body.is_end_stream());
        self.hint = hint;
        self.ended = ended;
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
