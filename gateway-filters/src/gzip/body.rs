//! A body that compresses what it passes on.

use std::{
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use flate2::{Compression, write::GzEncoder};
use http::HeaderMap;
use http_body::{Body as _, Frame};
use orlop_core::BoxError;

use crate::Body;

/// Compressed in one poll at most, so that a large frame does not hold up the other tasks of its thread: under a
/// millisecond of work.
const STEP: usize = 32 * 1024;

/// The rest of a body once compressed.
pub(super) struct Gzipped {
    inner: Body,
    /// `None` once the stream is finished.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// Bytes of a frame that were not yet compressed.
    rest: Bytes,
    /// Bytes that went in since the last flush.
    unflushed: usize,
    trailers: Option<HeaderMap>,
    ended: bool,
}

// ===== impl Gzipped =====

impl Gzipped {
    pub(super) fn new(inner: Body, level: u32) -> Self {
        let encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        Self {
            inner,
            encoder: Some(encoder),
            rest: Bytes::new(),
            unflushed: 0,
            trailers: None,
            ended: false,
        }
    }

    /// Compresses a piece of the rest; what came out, if anything did.
    fn step(&mut self, encoder: &mut GzEncoder<Vec<u8>>) -> io::Result<Option<Bytes>> {
        let piece = self.rest.len().min(STEP);
        encoder.write_all(&self.rest[..piece])?;
        self.rest.advance(piece);
        self.unflushed += piece;
        if self.unflushed >= STEP {
            return self.flush(encoder);
        }
        Ok(taken(encoder.get_mut()))
    }

    /// Makes all that went in readable for the receiver.
    fn flush(&mut self, encoder: &mut GzEncoder<Vec<u8>>) -> io::Result<Option<Bytes>> {
        if std::mem::take(&mut self.unflushed) > 0 {
            encoder.flush()?;
        }
        Ok(taken(encoder.get_mut()))
    }

    fn poll_compressed(
        &mut self,
        encoder: &mut GzEncoder<Vec<u8>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BoxError>> {
        loop {
            if !self.rest.is_empty() {
                if let Some(bytes) = self.step(encoder)? {
                    return Poll::Ready(Ok(Some(bytes)));
                }
                continue;
            }
            match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Ready(Some(frame)) => match frame?.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        return Poll::Ready(Ok(None));
                    }
                },
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                // Nothing more for now: what is there must not wait for what may come.
                Poll::Pending => match self.flush(encoder)? {
                    Some(bytes) => return Poll::Ready(Ok(Some(bytes))),
                    None => return Poll::Pending,
                },
            }
        }
    }
}

impl http_body::Body for Gzipped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(mut encoder) = self.encoder.take() {
            let bytes = match self.poll_compressed(&mut encoder, cx) {
                Poll::Pending => {
                    self.encoder = Some(encoder);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(Some(bytes))) => {
                    self.encoder = Some(encoder);
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                // Without its end the receiver sees that the stream was cut off, as it should.
                Poll::Ready(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Ok(None)) => encoder.finish()?,
            };
            self.ended = self.trailers.is_none();
            return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
        }
        self.ended = true;
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

fn taken(out: &mut Vec<u8>) -> Option<Bytes> {
    (!out.is_empty()).then(|| std::mem::take(out).into())
}
