use super::Flight;
use crate::{AtEnd, OnReject, Outcome, Rejected, Settle, Track};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The response of a [`Guard`](crate::Guard).
    ///
    /// # Cancel safety
    ///
    /// Dropping it settles the call; see [`Flight`].
    #[project = StateProj]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, G, O, T, R>
    where
        G: Settle,
    {
        #[pin]
        state: State<F, G, O>,
        on_reject: R,
        track: PhantomData<fn() -> T>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<F, G, O>
    where
        G: Settle,
    {
        Running { #[pin] inner: F, flight: Flight<G, O> },
        Refused { rejected: Option<Rejected> },
    }
}

impl<F, G: Settle, O, T, R> ResponseFuture<F, G, O, T, R> {
    /// Follows an admitted call.
    #[inline]
    pub fn running(inner: F, flight: Flight<G, O>, on_reject: R) -> Self {
        Self { state: State::Running { inner, flight }, on_reject, track: PhantomData }
    }

    /// Answers a refused call.
    #[inline]
    pub fn refused(rejected: Rejected, on_reject: R) -> Self {
        Self { state: State::Refused { rejected: Some(rejected) }, on_reject, track: PhantomData }
    }
}

impl<F, Res, E, G, O, N, T, R> Future for ResponseFuture<F, G, O, T, R>
where
    F: Future<Output = Result<Res, E>>,
    G: Settle,
    O: Outcome<Res, AtEnd = N>,
    N: AtEnd,
    T: Track<Res>,
    R: OnReject<Res, E>,
{
    type Output = Result<T::Tracked<G, N>, R::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProject::Running { inner, flight } => {
                Poll::Ready(match ready!(flight.run(|| inner.poll(cx))) {
                    Ok(res) => Ok(flight.head::<T, Res>(res)),
                    Err(error) => {
                        let error = this.on_reject.error(error);
                        flight.error::<Res>(this.on_reject.view(&error));
                        Err(error)
                    }
                })
            }
            StateProject::Refused { rejected } => {
                Poll::Ready(refuse::<T, Res, E, G, N, R>(rejected, this.on_reject))
            }
        }
    }
}

/// Out of the way of the calls that are let in.
#[inline]
fn refuse<T, Res, E, G, N, R>(
    rejected: &mut Option<Rejected>,
    on_reject: &R,
) -> Result<T::Tracked<G, N>, R::Error>
where
    G: Settle,
    N: AtEnd,
    T: Track<Res>,
    R: OnReject<Res, E>,
{
    let rejected = rejected.take().expect("a future must not be polled after it completed");
    on_reject.reject(rejected).map(T::local)
}

impl<F, G: Settle, O, T, R> fmt::Debug for ResponseFuture<F, G, O, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
