//! A list that never changes.

use futures_core::Stream;
use orlop_core::{Endpoint, Update};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A fixed list of endpoints as a stream of updates: one, then the end.
pub fn fixed(endpoints: impl IntoIterator<Item = Endpoint>) -> Fixed {
    Fixed { update: Some(Update::Reset(endpoints.into_iter().collect())) }
}

/// A fixed list of endpoints. Made by [`fixed`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Fixed {
    update: Option<Update>,
}

impl Stream for Fixed {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Update>> {
        Poll::Ready(self.update.take())
    }
}
