//! A limit on how long a connection may say nothing: hyper's own starts once it knows which HTTP it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Length of HTTP/2's preface: after so many bytes hyper knows the version, and its own time-outs hold.
const PREFACE: usize = 24;

/// Fails a connection whose first bytes do not come in time.
pub(super) struct FirstBytes<S> {
    inner: S,
    seen: usize,
    /// None once enough was seen.
    limit: Option<Pin<Box<Sleep>>>,
}

impl<S> FirstBytes<S> {
    /// `within` counts from now. Needs a runtime with time.
    pub(super) fn new(inner: S, within: Duration) -> Self {
        Self { inner, seen: 0, limit: Some(Box::pin(tokio::time::sleep(within))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstBytes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.limit.is_none() {
            return polled;
        }
        if polled.is_ready() {
            self.seen += buf.filled().len() - before;
            // A complete request can be shorter than the preface: any line end settles the version too.
            if self.seen >= PREFACE || buf.filled()[before..].contains(&b'\n') {
                self.limit = None;
            }
            return polled;
        }
        match self.limit.as_mut().map(|limit| limit.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            _ => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstBytes<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silent_connection_ends_and_a_started_one_does_not() {
        let within = Duration::from_secs(30);

        let (_client, server) = tokio::io::duplex(64);
        let mut silent = FirstBytes::new(server, within);
        let ended = silent.read_u8().await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);

        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"GET / HTTP/1.0\r\n").await.unwrap();
        let mut started = FirstBytes::new(server, within);
        let mut head = [0; 16];
        started.read_exact(&mut head).await.unwrap();
        let idle = tokio::time::timeout(within * 2, started.read_u8()).await;
        assert!(idle.is_err(), "hyper's own limits hold from here, not this one");
    }
}
