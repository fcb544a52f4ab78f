//! A list that never changes.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use orlop_core::{Endpoint, Update};

/// The stream made by [`fixed`].
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct Fixed {
    list: Option<Vec<Endpoint>>,
}

/// A list of endpoints that never changes: one [`Update::Reset`], then nothing.
///
/// The stream does not end, because the end of a stream says that discovery has stopped.
///
/// # Cancel safety
///
/// A stream that is dropped has no effect elsewhere.
pub fn fixed(list: impl IntoIterator<Item = Endpoint>) -> Fixed {
    Fixed { list: Some(list.into_iter().collect()) }
}

impl Stream for Fixed {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Update>> {
        match self.list.take() {
            Some(list) => Poll::Ready(Some(Update::Reset(list))),
            // No waker is kept: nothing will ever happen.
            None => Poll::Pending,
        }
    }
}
