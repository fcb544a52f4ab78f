//! A part of a title as a body that is made while it is sent.

use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::catalogue::{Catalogue, TitleId};

/// Bytes in a frame. Large enough that a frame's cost does not count, small enough that a slow reader holds little.
const FRAME: u64 = 16 * 1024;

/// Makes a frame when it is asked for one, so that a body's memory does not grow with its length.
#[derive(Debug)]
pub(super) struct TitleBody {
    catalogue: Arc<Catalogue>,
    title: TitleId,
    /// What is still to come.
    left: Range<u64>,
}

impl TitleBody {
    /// `range` lies within the title.
    pub(super) const fn new(catalogue: Arc<Catalogue>, title: TitleId, range: Range<u64>) -> Self {
        Self { catalogue, title, left: range }
    }
}

impl Body for TitleBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let end = (self.left.start + FRAME).min(self.left.end);
        let next = self.left.start..end;
        let title = self.catalogue.get(self.title);
        let bytes = title.map(|title| self.catalogue.bytes(title, next)).unwrap_or_default();
        self.left.start = end;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end - self.left.start)
    }
}
