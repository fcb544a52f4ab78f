use crate::{Line, Turn};
use orlop_core::{AnyError, AttemptId, Flight, Kind, OnReject, Rejected, Track};
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

pin_project! {
    /// The response of a [`Queue`](crate::Queue).
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves the line, or ends the call and frees its slot.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, T, R>
    where
        S: Service<Req>,
    {
        // In the order in which they are to be dropped: the slot is free when the inner call is gone.
        #[pin]
        running: Option<S::Future>,
        flight: Option<Flight<Line, AnyError>>,
        // Both until the inner service is called.
        next: Option<(S, Req)>,
        turn: Turn,
        line: Line,
        #[pin]
        timer: Option<Sleep>,
        // What the timer says: which limit it was that ran out. Set when the call begins to wait.
        until: Option<(Instant, Kind)>,
        // While the call is in the line, its timer wakes the line, which wakes the call.
        expiry: Option<Waker>,
        deadline: Option<Instant>,
        attempt: Option<AttemptId>,
        on_reject: R,
        track: PhantomData<fn() -> T>,
    }
}

impl<S: Service<Req>, Req, T, R> ResponseFuture<S, Req, T, R> {
    pub(crate) fn new(
        inner: S,
        req: Req,
        line: Line,
        deadline: Option<Instant>,
        attempt: Option<AttemptId>,
        on_reject: R,
    ) -> Self {
        Self {
            running: None,
            flight: None,
            next: Some((inner, req)),
            turn: line.turn(),
            line,
            timer: None,
            until: None,
            expiry: None,
            deadline,
            attempt,
            on_reject,
            track: PhantomData,
        }
    }

    /// Has the call waited too long? Ready with what it missed, else the task is woken when it has.
    fn poll_too_late(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Kind> {
        let mut this = self.project();
        let (until, kind) = *this.until.get_or_insert_with(|| {
            let now = Instant::now();
            // A wait too long to represent is no limit; thirty years are none either.
            let patience = now
                .checked_add(this.line.max_wait())
                .unwrap_or_else(|| now + std::time::Duration::from_secs(1_000_000_000));
            match *this.deadline {
                Some(deadline) if deadline <= patience => (deadline, Kind::Deadline),
                _ => (patience, Kind::Queue),
            }
        });
        if this.timer.is_none() {
            // The timer's wheel would take a millisecond to say so.
            if until <= Instant::now() {
                return Poll::Ready(kind);
            }
            this.timer.set(Some(sleep_until(until)));
            *this.expiry = this.turn.expiry(until);
        }
        if let Some(timer) = this.timer.as_pin_mut() {
            ready!(match this.expiry {
                Some(expiry) => timer.poll(&mut Context::from_waker(expiry)),
                None => timer.poll(cx),
            });
        }
        Poll::Ready(kind)
    }

    /// Waits for the turn. Ready with a refusal, or with nothing when the call has its slot.
    fn poll_turn(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Rejected>> {
        let this = self.as_mut().project();
        // With a deadline the clock is read at each poll; without, only once the call has to wait.
        if this.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(Err(this.line.refusal(Kind::Deadline)));
        }
        let permit = match Pin::new(this.turn).poll(cx) {
            Poll::Ready(Ok(permit)) => permit,
            Poll::Ready(Err(rejected)) => {
                // Who has waited already was not refused for a full line: its timer has given up the place.
                let late = this.until.map(|(_, kind)| this.line.refusal(kind));
                return Poll::Ready(Err(late.unwrap_or(rejected)));
            }
            Poll::Pending => {
                let kind = ready!(self.as_mut().poll_too_late(cx));
                return Poll::Ready(Err(self.project().line.refusal(kind)));
            }
        };
        // From now on the timer wakes the task itself.
        *this.expiry = None;
        // A limit does not ask how a call went, so neither request nor context matter to the flight.
        *this.flight = Some(Flight::new(permit, &AnyError, &(), None));
        Poll::Ready(Ok(()))
    }
}

impl<S, Req, T, R> Future for ResponseFuture<S, Req, T, R>
where
    S: Service<Req>,
    T: Track<S::Response>,
    R: OnReject<S::Response, S::Error>,
{
    type Output = Result<T::Tracked<Line, Infallible>, R::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.flight.is_none()
            && let Err(rejected) = ready!(self.as_mut().poll_turn(cx))
        {
            return self.refuse(rejected);
        }
        loop {
            let mut this = self.as_mut().project();
            let Some(flight) = this.flight.as_mut() else {
                panic!("a future must not be polled after it completed");
            };
            if let Some(running) = this.running.as_mut().as_pin_mut() {
                return Poll::Ready(match ready!(flight.run(|| running.poll(cx))) {
                    Ok(res) => Ok(flight.head::<T, S::Response>(res)),
                    Err(error) => {
                        let error = this.on_reject.error(error);
                        flight.error::<S::Response>(this.on_reject.view(&error));
                        Err(error)
                    }
                });
            }
            let Some((service, _)) = this.next.as_mut() else {
                panic!("a future must not be polled after it completed");
            };
            match flight.run(|| service.poll_ready(cx)) {
                Poll::Ready(Ok(())) => {
                    if let Some((mut service, req)) = this.next.take() {
                        let running = flight.run(|| service.call(req));
                        this.running.set(Some(running));
                    }
                }
                Poll::Ready(Err(error)) => {
                    let error = this.on_reject.error(error);
                    flight.unready(this.on_reject.view(&error));
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    let kind = ready!(self.as_mut().poll_too_late(cx));
                    let this = self.as_mut().project();
                    if let Some(flight) = this.flight {
                        flight.refund();
                    }
                    let rejected = this.line.refusal(kind);
                    return self.refuse(rejected);
                }
            }
        }
    }
}

impl<S, Req, T, R> ResponseFuture<S, Req, T, R>
where
    S: Service<Req>,
    T: Track<S::Response>,
    R: OnReject<S::Response, S::Error>,
{
    fn refuse(
        self: Pin<&mut Self>,
        rejected: Rejected,
    ) -> Poll<Result<T::Tracked<Line, Infallible>, R::Error>> {
        let this = self.project();
        *this.next = None;
        // Not when this future is dropped, which may be much later: others wait behind.
        this.turn.leave();
        let rejected = rejected.stamped(*this.attempt);
        Poll::Ready(this.on_reject.reject(rejected).map(T::local))
    }
}

impl<S: Service<Req>, Req, T, R> fmt::Debug for ResponseFuture<S, Req, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("turn", &self.turn)
            .field("running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}
