//! One deadline for a whole call, with or without retries.

use crate::TimedOut;
use orlop_core::{BoxError, CallContext, Kind, LensMut, NoContext, Rejected};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

/// Gives calls a deadline: puts it into their context, and drops them when it has passed.
///
/// The call's own deadline counts if it is earlier. It covers the wait for the inner service to be ready, and ends with the
/// head of the response.
///
/// # Examples
///
/// ```
/// use orlop_retry::DeadlineLayer;
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), orlop_retry::core::BoxError> {
/// let service = ServiceBuilder::new()
///     .layer(DeadlineLayer::new(Duration::from_secs(1)))
///     .service(service_fn(async |name: &'static str| Ok::<_, std::io::Error>(name.len())));
/// assert_eq!(service.oneshot("play").await?, 4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct DeadlineLayer<L = NoContext> {
    timeout: Option<Duration>,
    lens: L,
}

/// A service whose calls have a deadline. Made by [`DeadlineLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Deadline<S, L = NoContext> {
    inner: S,
    timeout: Option<Duration>,
    lens: L,
}

pin_project! {
    /// The response of a [`Deadline`].
    ///
    /// # Errors
    ///
    /// [`TimedOut`] at the deadline; a [`Rejected`] of kind [`Deadline`](Kind::Deadline) if it had passed before.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner call.
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<S, Req, L>
    where
        S: Service<Req>,
    {
        #[pin]
        running: Option<S::Future>,
        #[pin]
        timer: Option<Sleep>,
        next: Option<(S, Req)>,
        since: Instant,
        until: Option<Instant>,
        begun: bool,
        lens: L,
    }
}

impl DeadlineLayer {
    /// So much time for each call; `None` leaves it to the deadline that a call brings along.
    pub fn new(timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), lens: NoContext }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl DeadlineLayer<orlop_core::http::FromExtensions> {
    /// The same for HTTP requests, with the context in their extensions.
    pub fn http(timeout: impl Into<Option<Duration>>) -> Self {
        DeadlineLayer::new(timeout).context(orlop_core::http::FromExtensions)
    }
}

impl<L> DeadlineLayer<L> {
    /// Finds and sets the call's context in another way; see [`RetryLayer::context`](crate::RetryLayer::context).
    pub fn context<L2>(self, lens: L2) -> DeadlineLayer<L2> {
        DeadlineLayer { timeout: self.timeout, lens }
    }
}

impl<S, L: Clone> Layer<S> for DeadlineLayer<L> {
    type Service = Deadline<S, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner, timeout: self.timeout, lens: self.lens.clone() }
    }
}

impl<Req, S, L> Service<Req> for Deadline<S, L>
where
    S: Service<Req, Error: Into<BoxError>> + Clone,
    L: LensMut<Req> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = DeadlineFuture<S, Req, L>;

    /// Always ready: the wait for a clone of the inner service is part of the call.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let since = Instant::now();
        DeadlineFuture {
            running: None,
            timer: None,
            next: Some((self.inner.clone(), req)),
            since,
            until: self.timeout.and_then(|timeout| since.checked_add(timeout)),
            begun: false,
            lens: self.lens.clone(),
        }
    }
}

impl<S, Req, L> DeadlineFuture<S, Req, L>
where
    S: Service<Req, Error: Into<BoxError>>,
    L: LensMut<Req>,
{
    /// Puts the deadline into the context.
    fn begin(self: Pin<&mut Self>) -> Result<(), Rejected> {
        let this = self.project();
        *this.begun = true;
        let Some((_, req)) = this.next else { return Ok(()) };
        let call = this.lens.get(req);
        let attempt = call.and_then(CallContext::attempt_id);
        let mut context = call.cloned().unwrap_or_default();
        if let Some(until) = *this.until {
            context = context.deadline_at(until);
        }
        *this.until = context.deadline();
        if this.until.is_some_and(|until| until <= Instant::now()) {
            return Err(Rejected::new(Kind::Deadline).stamped(attempt));
        }
        this.lens.set(req, context);
        Ok(())
    }

    fn poll_inner(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut this = self.project();
        if let Some((service, _)) = this.next {
            ready!(service.poll_ready(cx))?;
        }
        if let Some((mut service, req)) = this.next.take() {
            this.running.set(Some(service.call(req)));
        }
        match this.running.as_pin_mut() {
            Some(running) => running.poll(cx),
            None => panic!("a future must not be polled after it completed"),
        }
    }
}

impl<S, Req, L> Future for DeadlineFuture<S, Req, L>
where
    S: Service<Req, Error: Into<BoxError>>,
    L: LensMut<Req>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.begun {
            self.as_mut().begin()?;
        }
        if let Poll::Ready(result) = self.as_mut().poll_inner(cx) {
            self.project().running.set(None);
            return Poll::Ready(result.map_err(Into::into));
        }
        let mut this = self.project();
        let Some(until) = *this.until else { return Poll::Pending };
        if this.timer.is_none() {
            this.timer.set(Some(sleep_until(until)));
        }
        if let Some(timer) = this.timer.as_pin_mut() {
            ready!(timer.poll(cx));
        }
        // At or after the deadline: so gates below see that it timed out.
        this.running.set(None);
        *this.next = None;
        let after = Instant::now().saturating_duration_since(*this.since);
        Poll::Ready(Err(TimedOut::new(1, after).into()))
    }
}

impl<S: Service<Req>, Req, L> fmt::Debug for DeadlineFuture<S, Req, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineFuture").field("until", &self.until).finish_non_exhaustive()
    }
}
