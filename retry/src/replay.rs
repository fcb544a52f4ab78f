//! Keeps an HTTP request by looking over its body's shoulder while it streams.

use crate::Keep;
use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, request::Parts};
use http_body::{Body, Frame, SizeHint};
use orlop_core::BoxError;
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

/// Keeps an HTTP request with a body of any type: its frames are kept while they are sent, up to a cap.
///
/// The first attempt streams as if there were no second. If that breaks off midway, the next attempt sends what was kept and
/// goes on with the rest of the original body. Over the cap only the retry is lost: the running attempt goes on. The same
/// holds if the original body fails.
///
/// Costs a clone of the request's head. Bodies that are empty, or known to be over the cap, cost no more; for others, one
/// allocation and an uncontended lock a frame.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    up_to: usize,
}

/// What [`Replay`] keeps of a request whose body is a `B`.
pub struct Kept<B> {
    parts: Parts,
    body: KeptBody<B>,
}

enum KeptBody<B> {
    Empty,
    Teed(Shared<B>),
    /// Known from the start to be over the cap.
    TooLarge,
}

pin_project! {
    /// A request body that can be sent again. Made by [`Replay`].
    pub struct ReplayBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[project = SourceProject]
    enum Source<B> {
        Empty,
        // Not kept.
        Once { #[pin] body: B },
        Teed { tee: Shared<B>, cursor: Cursor },
    }
}

type Shared<B> = Arc<Mutex<Tee<B>>>;

/// The original body and what has come out of it so far. All attempts of a call share it; the last one made may read.
struct Tee<B> {
    /// `None` once it has ended or failed.
    rest: Option<Pin<Box<B>>>,
    chunks: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// Bytes in `chunks`. At most `up_to`.
    size: usize,
    up_to: usize,
    /// Whether a further attempt could be made from `chunks` and `rest`. Once false, nothing more is kept.
    keeps: bool,
    /// Which attempt may read.
    attempt: u32,
    /// Who waits for `rest`.
    reader: Option<Waker>,
}

/// How far an attempt has read.
#[derive(Clone, Copy)]
struct Cursor {
    attempt: u32,
    chunk: usize,
    trailers: bool,
}

/// The body of an attempt that was given up is read.
#[derive(Debug)]
struct Superseded;

impl Replay {
    /// Keeps up to so many bytes of a body. 64 KiB holds most requests that are not uploads.
    pub const fn up_to(bytes: usize) -> Self {
        Self { up_to: bytes }
    }
}

impl<B: Body> Keep<Request<B>> for Replay {
    type Sent = Request<ReplayBody<B>>;
    type Kept = Kept<B>;

    fn keep(&self, req: Request<B>) -> (Self::Sent, Kept<B>) {
        let (parts, body) = req.into_parts();
        let (source, kept) = if body.is_end_stream() {
            (Source::Empty, KeptBody::Empty)
        } else if body.size_hint().lower() > self.up_to as u64 {
            (Source::Once { body }, KeptBody::TooLarge)
        } else {
            let tee = Arc::new(Mutex::new(Tee::new(body, self.up_to)));
            (Source::Teed { tee: Arc::clone(&tee), cursor: Cursor::of(0) }, KeptBody::Teed(tee))
        };
        let sent = Request::from_parts(parts.clone(), ReplayBody { source });
        (sent, Kept { parts, body: kept })
    }

    fn again(&self, kept: &mut Kept<B>) -> Option<Self::Sent> {
        let source = kept.body.again(true)?;
        Some(Request::from_parts(kept.parts.clone(), ReplayBody { source }))
    }

    fn last(&self, mut kept: Kept<B>) -> Option<Self::Sent> {
        let source = kept.body.again(false)?;
        Some(Request::from_parts(kept.parts, ReplayBody { source }))
    }

    fn only(&self, req: Request<B>) -> Self::Sent {
        req.map(|body| ReplayBody { source: Source::Once { body } })
    }
}

impl<B> KeptBody<B> {
    fn again(&mut self, keeps: bool) -> Option<Source<B>> {
        let tee = match self {
            Self::Empty => return Some(Source::Empty),
            Self::TooLarge => return None,
            Self::Teed(tee) => tee,
        };
        let mut locked = lock(tee);
        if !locked.keeps {
            return None;
        }
        locked.keeps = keeps;
        locked.attempt += 1;
        let cursor = Cursor::of(locked.attempt);
        let former = locked.reader.take();
        drop(locked);
        // A connection that still sends the former attempt must learn that it is over.
        if let Some(former) = former {
            former.wake();
        }
        Some(Source::Teed { tee: Arc::clone(tee), cursor })
    }
}

// ===== impl Tee =====

impl<B> Tee<B> {
    fn new(body: B, up_to: usize) -> Self {
        Self {
            rest: Some(Box::pin(body)),
            chunks: Vec::new(),
            trailers: None,
            size: 0,
            up_to,
            keeps: true,
            attempt: 0,
            reader: None,
        }
    }

    fn forget(&mut self) {
        self.keeps = false;
        self.chunks = Vec::new();
    }
}

impl<B: Body<Error: Into<BoxError>>> Tee<B> {
    fn poll_frame(
        &mut self,
        cursor: &mut Cursor,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if cursor.attempt != self.attempt {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(chunk) = self.chunks.get_mut(cursor.chunk) {
            cursor.chunk += 1;
            let chunk = if self.keeps { chunk.clone() } else { mem::take(chunk) };
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Some(rest) = &mut self.rest else {
            let trailers = self.trailers.clone().filter(|_| !cursor.trailers);
            cursor.trailers = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let Poll::Ready(frame) = rest.as_mut().poll_frame(cx) else {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        self.reader = None;
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(self.pass(frame, cursor))),
            Some(Err(error)) => {
                self.rest = None;
                self.forget();
                Some(Err(error.into()))
            }
            None => {
                self.rest = None;
                None
            }
        })
    }

    /// Keeps a frame that has just come, if it may.
    fn pass(&mut self, frame: Frame<B::Data>, cursor: &mut Cursor) -> Frame<Bytes> {
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                if self.keeps {
                    self.trailers = Some(trailers.clone());
                }
                self.rest = None;
                cursor.trailers = true;
                return Frame::trailers(trailers);
            }
        };
        let chunk = data.copy_to_bytes(data.remaining());
        if self.keeps && self.up_to - self.size < chunk.len() {
            self.forget();
        }
        if self.keeps {
            self.size += chunk.len();
            self.chunks.push(chunk.clone());
            cursor.chunk = self.chunks.len();
        }
        Frame::data(chunk)
    }

    fn is_end_stream(&self, cursor: &Cursor) -> bool {
        let rest = match &self.rest {
            Some(rest) => rest.is_end_stream(),
            None => cursor.trailers || self.trailers.is_none(),
        };
        cursor.attempt == self.attempt && cursor.chunk >= self.chunks.len() && rest
    }

    fn size_hint(&self, cursor: &Cursor) -> SizeHint {
        let kept = self.chunks.iter().skip(cursor.chunk).map(|chunk| chunk.len() as u64).sum();
        let mut hint = match &self.rest {
            Some(rest) => rest.size_hint(),
            None => SizeHint::with_exact(0),
        };
        // The upper bound first: it must not fall below the lower one.
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint.set_lower(hint.lower().saturating_add(kept));
        hint
    }
}

impl Cursor {
    fn of(attempt: u32) -> Self {
        Self { attempt, chunk: 0, trailers: false }
    }
}

/// Guards body and buffer; held while the body is polled, by the one attempt that may read. A body that panicked then is
/// polled again only by a further attempt, which meets whatever the body does after a panic.
fn lock<B>(tee: &Mutex<Tee<B>>) -> MutexGuard<'_, Tee<B>> {
    tee.lock().unwrap_or_else(PoisonError::into_inner)
}

// ===== impl ReplayBody =====

impl<B> Body for ReplayBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().source.project() {
            SourceProject::Empty => Poll::Ready(None),
            SourceProject::Once { body } => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| match frame {
                    Ok(frame) => {
                        Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                    }
                    Err(error) => Err(error.into()),
                }))
            }
            SourceProject::Teed { tee, cursor } => lock(tee).poll_frame(cursor, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Once { body } => body.is_end_stream(),
            Source::Teed { tee, cursor } => lock(tee).is_end_stream(cursor),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Once { body } => body.size_hint(),
            Source::Teed { tee, cursor } => lock(tee).size_hint(cursor),
        }
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::Empty => "ReplayBody(empty)",
            Source::Once { .. } => "ReplayBody(not kept)",
            Source::Teed { .. } => "ReplayBody(kept)",
        })
    }
}

impl<B> fmt::Debug for Kept<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("uri", &self.parts.uri).finish_non_exhaustive()
    }
}

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request is being sent by a later attempt")
    }
}

impl Error for Superseded {}
