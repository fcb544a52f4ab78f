use crate::{
    AnyFailure, Backup, Cause, Fallback, FromAsync, FromFn, Handle, Nothing, Plain, Value,
};
use orlop_core::{AnyError, BoxError};
use std::{fmt, future::Future, sync::Arc};
use tower_layer::Layer;
use tower_service::Service;

/// Answers calls whose service failed. All services that one layer makes share its [`Handle`].
///
/// | constructor | answers with |
/// |---|---|
/// | [`value`](FallbackLayer::value) | a clone of a value |
/// | [`from_fn`](FallbackLayer::from_fn) | what a function makes of the memo and the cause |
/// | [`from_async`](FallbackLayer::from_async) | the same with a function that waits and may fail |
/// | [`service`](FallbackLayer::service) | what another service answers |
///
/// By default every error is a failure and every response a success; [`http`](FallbackLayer::http) and
/// [`grpc`](FallbackLayer::grpc) judge by status, and mark what is not the service's own answer.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct FallbackLayer<A, C = AnyError, P = Plain, M = Nothing, W = AnyFailure> {
    pub(crate) answer: A,
    pub(crate) classify: C,
    pub(crate) protocol: P,
    pub(crate) remember: M,
    pub(crate) when: W,
    pub(crate) handle: Handle,
}

impl<V> FallbackLayer<Value<V>> {
    /// Answers with a clone of `value`.
    pub fn value(value: V) -> Self {
        Self::with(Value(value))
    }
}

impl<F, M, Res> FallbackLayer<FromFn<F, M, Res>> {
    /// Answers with what `f` makes of what was [remembered](FallbackLayer::remember) of the request, `()` by default, and of
    /// the cause.
    pub fn from_fn(f: F) -> Self
    where
        F: Fn(M, &Cause) -> Res,
    {
        Self::with(FromFn::new(f))
    }
}

impl<F, M> FallbackLayer<FromAsync<F, M>> {
    /// Answers with what `f` returns in time, perhaps an error.
    pub fn from_async<Fut, Res, E>(f: F) -> Self
    where
        F: Fn(M, Arc<Cause>) -> Fut,
        Fut: Future<Output = Result<Res, E>>,
        E: Into<BoxError>,
    {
        Self::with(FromAsync::new(f))
    }
}

impl<B, F, M, Req> FallbackLayer<Backup<B, F, M, Req>> {
    /// Answers with what `backup` says to the request that `request` makes of what was
    /// [remembered](FallbackLayer::remember). Each call uses a clone of `backup`.
    pub fn service(backup: B, request: F) -> Self
    where
        B: Service<Req, Error: Into<BoxError>> + Clone,
        F: Fn(M, &Cause) -> Req,
    {
        Self::with(Backup::new(backup, request))
    }
}

impl<A> FallbackLayer<A> {
    fn with(answer: A) -> Self {
        Self {
            answer,
            classify: AnyError,
            protocol: Plain,
            remember: Nothing,
            when: AnyFailure,
            handle: Handle::default(),
        }
    }
}

impl<A, C, P, M, W> FallbackLayer<A, C, P, M, W> {
    /// For HTTP: a 5xx or 429 has failed, and so has a refusal made as a response; answers carry
    /// [`Degraded`](crate::Degraded) in their extensions.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn http(self) -> FallbackLayer<A, orlop_core::http::HttpStatus, crate::InExtensions, M, W> {
        FallbackLayer {
            answer: self.answer,
            classify: orlop_core::http::HttpStatus::new(),
            protocol: crate::InExtensions,
            remember: self.remember,
            when: self.when,
            handle: self.handle,
        }
    }

    /// For gRPC: judged by the status, where the head has it; a status in trailers comes too late for a fallback.
    #[cfg(feature = "grpc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
    pub fn grpc(self) -> FallbackLayer<A, orlop_core::grpc::GrpcStatus, crate::InExtensions, M, W> {
        self.http().classify(orlop_core::grpc::GrpcStatus::new())
    }

    /// Judges answers in another way.
    pub fn classify<C2>(self, classify: C2) -> FallbackLayer<A, C2, P, M, W> {
        FallbackLayer {
            answer: self.answer,
            classify,
            protocol: self.protocol,
            remember: self.remember,
            when: self.when,
            handle: self.handle,
        }
    }

    /// Remembers something of each request, for the fallback to answer from. Nothing need be `Clone`.
    pub fn remember<Req, Memo, F>(self, remember: F) -> FallbackLayer<A, C, P, F, W>
    where
        F: Fn(&Req) -> Memo,
    {
        FallbackLayer {
            answer: self.answer,
            classify: self.classify,
            protocol: self.protocol,
            remember,
            when: self.when,
            handle: self.handle,
        }
    }

    /// Answers only for causes that `when` says yes to. It is not asked about successes.
    pub fn when<F>(self, when: F) -> FallbackLayer<A, C, P, M, F>
    where
        F: Fn(&Cause) -> bool,
    {
        FallbackLayer {
            answer: self.answer,
            classify: self.classify,
            protocol: self.protocol,
            remember: self.remember,
            when,
            handle: self.handle,
        }
    }

    /// What the services of this layer have counted.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<S, A, C, P, M, W> Layer<S> for FallbackLayer<A, C, P, M, W>
where
    Self: Clone,
{
    type Service = Fallback<S, A, C, P, M, W>;

    fn layer(&self, inner: S) -> Self::Service {
        Fallback::new(inner, self.clone())
    }
}

impl<A: fmt::Debug, C, P, M, W> fmt::Debug for FallbackLayer<A, C, P, M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackLayer")
            .field("answer", &self.answer)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
