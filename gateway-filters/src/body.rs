//! The one body type of the chain.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use orlop_core::BoxError;
use pin_project_lite::pin_project;

/// What requests and responses carry through the chain: nothing, bytes that are there, or a stream.
///
/// A stream is passed on frame by frame, trailers included, and is never collected. Whatever wraps a body (compression,
/// accounting) wraps it as another stream, so that back-pressure comes for free.
#[derive(Default)]
pub enum Body {
    /// No bytes and no trailers.
    #[default]
    Empty,
    /// All of the bytes, in one frame.
    Full(Bytes),
    /// Bytes that are still to come.
    Streaming(Streaming),
}

/// A boxed [`http_body::Body`].
pub struct Streaming(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>);

pin_project! {
    /// Gives a body the error type of the chain.
    struct Boxing<B> {
        #[pin]
        inner: B,
    }
}

// ===== impl Body =====

impl Body {
    /// Wraps any body. A [`Body`] comes back as it is, one that is at its end becomes [`Body::Empty`], anything else
    /// costs one box.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        // A body that comes from a chain of ours needs no second box.
        if let Some(ours) = (&mut body as &mut dyn Any).downcast_mut::<Option<Body>>() {
            return ours.take().unwrap_or_default();
        }
        match body {
            Some(inner) if !inner.is_end_stream() => {
                Self::Streaming(Streaming(Box::pin(Boxing { inner })))
            }
            _ => Self::Empty,
        }
    }

    /// Takes the body out and leaves [`Body::Empty`].
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Streaming(stream) => stream.0.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Streaming(stream) => stream.0.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streaming(stream) => stream.0.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Body::Empty"),
            Self::Full(bytes) => write!(f, "Body::Full({} bytes)", bytes.len()),
            Self::Streaming(_) => f.write_str("Body::Streaming"),
        }
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streaming")
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

// ===== impl Boxing =====

impl<B> http_body::Body for Boxing<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().inner.poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
