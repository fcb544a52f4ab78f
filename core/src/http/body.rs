use crate::{
    AtEnd, BodyEnd, BoxError, Head, Note, Now, OnBodyEnd, Permit, Settle, Track, Verdict,
    unwinding::marking,
};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt,
    mem::ManuallyDrop,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// A response body that keeps the call's permit until it has ended, failed, or been dropped.
    pub struct TrackedBody<B, G, N>
    where
        G: Settle,
        N: AtEnd,
    {
        #[pin]
        body: B,
        tail: Tail<G, N>,
    }
}

/// What is still owed at the end. Dropping it pays as "nobody wanted the rest".
struct Tail<G: Settle, N: AtEnd> {
    // `ManuallyDrop`: our own `drop` sees to it, and the compiler need not look a second time.
    owed: ManuallyDrop<Option<(Permit<G>, Head<N>)>>,
    /// The inner body panicked. Set only while it unwinds.
    broken: bool,
}

impl<B, G: Settle, N: AtEnd> TrackedBody<B, G, N> {
    /// The body behind.
    pub fn get_ref(&self) -> &B {
        &self.body
    }
}

impl<B: Body> Track<Response<B>> for OnBodyEnd {
    type Tracked<G: Settle, N: AtEnd> = Response<TrackedBody<B, G, N>>;

    #[inline(always)]
    fn follow<G: Settle, N: AtEnd>(
        res: Response<B>,
        mut permit: Permit<G>,
        head: Head<N>,
        now: &Now,
    ) -> Self::Tracked<G, N> {
        if res.body().is_end_stream() {
            permit.settle_at(&head.at(BodyEnd::Complete), now);
            return res.map(|body| TrackedBody { body, tail: Tail::none() });
        }
        permit.note(Note::Head(head.known()), now);
        res.map(|body| TrackedBody { body, tail: Tail::owing(permit, head) })
    }

    #[inline]
    fn local<G: Settle, N: AtEnd>(res: Response<B>) -> Self::Tracked<G, N> {
        res.map(|body| TrackedBody { body, tail: Tail::none() })
    }
}

impl<G: Settle, N: AtEnd> Tail<G, N> {
    const fn none() -> Self {
        Self { owed: ManuallyDrop::new(None), broken: false }
    }

    #[inline(always)]
    fn owing(permit: Permit<G>, head: Head<N>) -> Self {
        Self { owed: ManuallyDrop::new(Some((permit, head))), broken: false }
    }

    #[inline]
    fn pay(&mut self, end: BodyEnd<'_>) {
        if let Some((permit, head)) = self.owed.take() {
            permit.settle(head.at(end));
        }
    }

    #[cold]
    #[inline(never)]
    fn abandoned(&mut self) {
        match self.owed.take() {
            Some((permit, _)) if self.broken => permit.settle(Verdict::BROKEN),
            Some((permit, head)) => permit.settle(head.at(BodyEnd::Dropped)),
            None => {}
        }
    }
}

impl<G: Settle, N: AtEnd> Drop for Tail<G, N> {
    #[inline]
    fn drop(&mut self) {
        if self.owed.is_some() {
            self.abandoned();
        }
    }
}

impl<B, G, N> Body for TrackedBody<B, G, N>
where
    B: Body<Error: Into<BoxError>>,
    G: Settle,
    N: AtEnd,
{
    type Data = B::Data;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let frame = marking(&mut this.tail.broken, || this.body.as_mut().poll_frame(cx));
        Poll::Ready(match ready!(frame) {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.tail.pay(BodyEnd::Trailers(trailers));
                } else if this.body.is_end_stream() {
                    // Nobody need poll again to learn that there is no more, so this is the end.
                    this.tail.pay(BodyEnd::Complete);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let error = error.into();
                this.tail.pay(BodyEnd::Failed(&*error));
                Some(Err(error))
            }
            None => {
                this.tail.pay(BodyEnd::Complete);
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An empty body that owes nothing: what a refusal answers with.
impl<B: Default, G: Settle, N: AtEnd> Default for TrackedBody<B, G, N> {
    fn default() -> Self {
        Self { body: B::default(), tail: Tail::none() }
    }
}

impl<B: fmt::Debug, G: Settle, N: AtEnd> fmt::Debug for TrackedBody<B, G, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedBody")
            .field("body", &self.body)
            .field("ended", &self.tail.owed.is_none())
            .finish()
    }
}
