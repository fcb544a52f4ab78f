//! What answers in place of the service.

use crate::Cause;
use orlop_core::BoxError;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::{Future, Ready, ready},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready as ready_or_pending},
};
use tower_service::Service;

/// Answers a call in place of its service, from what was remembered of the request.
pub trait Answer<M> {
    /// The answer.
    type Response;
    /// What it waits in.
    type Future: Future<Output = Result<Self::Response, BoxError>>;

    /// Begins to answer.
    fn answer(&self, memo: M, cause: &Arc<Cause>) -> Self::Future;
}

/// What is to be remembered of a request. Closures `Fn(&Req) -> M` work.
pub trait Remember<Req: ?Sized> {
    /// What is remembered.
    type Memo;

    /// Looks at the request before it is sent.
    fn remember(&self, req: &Req) -> Self::Memo;
}

/// Remembers nothing: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl<Req: ?Sized> Remember<Req> for Nothing {
    type Memo = ();

    fn remember(&self, _: &Req) {}
}

impl<Req: ?Sized, M, F: Fn(&Req) -> M> Remember<Req> for F {
    type Memo = M;

    fn remember(&self, req: &Req) -> M {
        self(req)
    }
}

/// The same answer each time. Made by [`FallbackLayer::value`](crate::FallbackLayer::value).
#[derive(Clone, Copy, Debug)]
pub struct Value<V>(pub(crate) V);

/// An answer made by a function. Made by [`FallbackLayer::from_fn`](crate::FallbackLayer::from_fn).
pub struct FromFn<F, M, Res> {
    f: F,
    types: PhantomData<fn(M) -> Res>,
}

/// An answer made by an asynchronous function. Made by [`FallbackLayer::from_async`](crate::FallbackLayer::from_async).
pub struct FromAsync<F, M> {
    f: F,
    types: PhantomData<fn(M)>,
}

/// An answer of another service. Made by [`FallbackLayer::service`](crate::FallbackLayer::service).
pub struct Backup<B, F, M, Req> {
    service: B,
    request: F,
    types: PhantomData<fn(M) -> Req>,
}

pin_project! {
    /// The answer of an asynchronous function, with its error boxed.
    #[must_use = "futures do nothing unless polled"]
    pub struct AsyncAnswer<F> {
        #[pin]
        inner: F,
    }
}

pin_project! {
    /// The answer of a backup service: it waits until a clone of the service is ready, and calls it.
    #[must_use = "futures do nothing unless polled"]
    pub struct BackupAnswer<B, Req>
    where
        B: Service<Req>,
    {
        next: Option<(B, Req)>,
        #[pin]
        running: Option<B::Future>,
    }
}

// ===== Value =====

impl<M, V: Clone> Answer<M> for Value<V> {
    type Response = V;
    type Future = Ready<Result<V, BoxError>>;

    fn answer(&self, _: M, _: &Arc<Cause>) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}

// ===== FromFn =====

impl<F, M, Res> FromFn<F, M, Res> {
    pub(crate) fn new(f: F) -> Self {
        Self { f, types: PhantomData }
    }
}

impl<M, Res, F: Fn(M, &Cause) -> Res> Answer<M> for FromFn<F, M, Res> {
    type Response = Res;
    type Future = Ready<Result<Res, BoxError>>;

    fn answer(&self, memo: M, cause: &Arc<Cause>) -> Self::Future {
        ready(Ok((self.f)(memo, cause)))
    }
}

// Written out, here and below, since the types that a function takes and returns need not be `Clone`.
impl<F: Clone, M, Res> Clone for FromFn<F, M, Res> {
    fn clone(&self) -> Self {
        Self::new(self.f.clone())
    }
}

impl<F, M, Res> fmt::Debug for FromFn<F, M, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

// ===== FromAsync =====

impl<F, M> FromAsync<F, M> {
    pub(crate) fn new(f: F) -> Self {
        Self { f, types: PhantomData }
    }
}

impl<M, Res, E, Fut, F> Answer<M> for FromAsync<F, M>
where
    F: Fn(M, Arc<Cause>) -> Fut,
    Fut: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
{
    type Response = Res;
    type Future = AsyncAnswer<Fut>;

    fn answer(&self, memo: M, cause: &Arc<Cause>) -> Self::Future {
        AsyncAnswer { inner: (self.f)(memo, Arc::clone(cause)) }
    }
}

impl<F: Clone, M> Clone for FromAsync<F, M> {
    fn clone(&self) -> Self {
        Self::new(self.f.clone())
    }
}

impl<F, M> fmt::Debug for FromAsync<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromAsync")
    }
}

impl<F, Res, E> Future for AsyncAnswer<F>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Res, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx).map_err(Into::into)
    }
}

impl<F> fmt::Debug for AsyncAnswer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncAnswer")
    }
}

// ===== Backup =====

impl<B, F, M, Req> Backup<B, F, M, Req> {
    pub(crate) fn new(service: B, request: F) -> Self {
        Self { service, request, types: PhantomData }
    }
}

impl<M, Req, B, F> Answer<M> for Backup<B, F, M, Req>
where
    B: Service<Req, Error: Into<BoxError>> + Clone,
    F: Fn(M, &Cause) -> Req,
{
    type Response = B::Response;
    type Future = BackupAnswer<B, Req>;

    fn answer(&self, memo: M, cause: &Arc<Cause>) -> Self::Future {
        let req = (self.request)(memo, cause);
        BackupAnswer { next: Some((self.service.clone(), req)), running: None }
    }
}

impl<B: Clone, F: Clone, M, Req> Clone for Backup<B, F, M, Req> {
    fn clone(&self) -> Self {
        Self::new(self.service.clone(), self.request.clone())
    }
}

impl<B: fmt::Debug, F, M, Req> fmt::Debug for Backup<B, F, M, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup").field("service", &self.service).finish_non_exhaustive()
    }
}

impl<B, Req> Future for BackupAnswer<B, Req>
where
    B: Service<Req, Error: Into<BoxError>>,
{
    type Output = Result<B::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some((service, _)) = this.next {
            ready_or_pending!(service.poll_ready(cx)).map_err(Into::into)?;
        }
        if let Some((mut service, req)) = this.next.take() {
            this.running.set(Some(service.call(req)));
        }
        match this.running.as_pin_mut() {
            Some(running) => running.poll(cx).map_err(Into::into),
            None => panic!("a future must not be polled after it completed"),
        }
    }
}

impl<B: Service<Req>, Req> fmt::Debug for BackupAnswer<B, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupAnswer")
            .field("running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}
