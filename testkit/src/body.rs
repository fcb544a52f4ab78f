use crate::{Answers, Bodies, Injected};
use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use orlop_core::BoxError;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// A body that fails after so many bytes, if asked.
    #[derive(Debug)]
    pub struct FaultBody<B> {
        #[pin]
        inner: B,
        // `None`: whole.
        left: Option<u64>,
    }
}

impl<B: Body> Answers<Response<B>> for Bodies {
    type Answer = Response<FaultBody<B>>;

    fn pass(res: Response<B>, cut: Option<u64>) -> Self::Answer {
        res.map(|inner| FaultBody { inner, left: cut })
    }
}

impl<B: Body<Error: Into<BoxError>>> Body for FaultBody<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        let Some(left) = this.left else {
            return Poll::Ready(frame.map(|f| f.map_err(Into::into)));
        };
        Poll::Ready(match frame {
            // The frame that crosses the line is lost whole: a reset takes what was not delivered.
            Some(Ok(frame)) => match left.checked_sub(length(&frame)) {
                Some(rest) => {
                    *left = rest;
                    Some(Ok(frame))
                }
                None => Some(Err(Injected.into())),
            },
            other => other.map(|f| f.map_err(Into::into)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn length<D: Buf>(frame: &Frame<D>) -> u64 {
    frame.data_ref().map_or(0, |data| data.remaining() as u64)
}
