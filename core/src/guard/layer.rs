use super::Guard;
use crate::{AsError, CallContext, NoContext, OnHead, Settle, Typed};
use std::{fmt, marker::PhantomData};
use tower_layer::Layer;

/// Puts a gate in front of services. All services that one layer makes share the gate.
///
/// The crates of gates name it after their gate (`BreakerLayer`, `BulkheadLayer`); it is one type.
///
/// | constructor | judges by | a call is over | context |
/// |---|---|---|---|
/// | [`http`](GuardLayer::http) | status | at the body's end | in the extensions |
/// | [`grpc`](GuardLayer::grpc) | gRPC status, in head or trailers | at the body's end | in the extensions |
/// | [`new`](GuardLayer::new) | what you give | when the response comes | none |
///
/// # Examples
///
/// ```
/// use orlop_core::{AnyError, GuardLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), orlop_core::BoxError> {
/// let gate = (); // admits all; a `Circuit` or `Limit` goes here
/// let service = ServiceBuilder::new()
///     .layer(GuardLayer::new(gate, AnyError))
///     .service(service_fn(async |name: &'static str| Ok::<_, std::io::Error>(name.len())));
/// assert_eq!(service.oneshot("playback").await?, 8);
/// # Ok(())
/// # }
/// ```
#[must_use = "a layer does nothing until it is applied"]
pub struct GuardLayer<G, C, T, R = AsError, L = NoContext> {
    gate: G,
    classify: C,
    track: PhantomData<fn() -> T>,
    on_reject: R,
    lens: L,
}

impl<G: Settle, C> GuardLayer<G, C, OnHead> {
    /// A gate in front of any service. The classifier says what an answer is worth: [`AnyError`](crate::AnyError), or
    /// [`by_result`](crate::by_result) with a closure.
    pub fn new(gate: G, classify: C) -> Self {
        Self::with(gate, classify, AsError, NoContext)
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<G: Settle>
    GuardLayer<G, crate::http::HttpStatus, crate::OnBodyEnd, AsError, crate::http::FromExtensions>
{
    /// A gate in front of an HTTP service, client or server: judged by status, over at the body's end.
    pub fn http(gate: G) -> Self {
        Self::with(gate, crate::http::HttpStatus::new(), AsError, crate::http::FromExtensions)
    }
}

#[cfg(feature = "grpc")]
#[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
impl<G: Settle>
    GuardLayer<G, crate::grpc::GrpcStatus, crate::OnBodyEnd, AsError, crate::http::FromExtensions>
{
    /// A gate in front of a gRPC service, client or server: judged by the status in head or trailers, over at the
    /// body's end.
    pub fn grpc(gate: G) -> Self {
        Self::with(gate, crate::grpc::GrpcStatus::new(), AsError, crate::http::FromExtensions)
    }
}

impl<G, C, T, R, L> GuardLayer<G, C, T, R, L> {
    fn with(gate: G, classify: C, on_reject: R, lens: L) -> Self {
        Self { gate, classify, track: PhantomData, on_reject, lens }
    }

    /// Judges answers in another way.
    pub fn classify<C2>(self, classify: C2) -> GuardLayer<G, C2, T, R, L> {
        GuardLayer::with(self.gate, classify, self.on_reject, self.lens)
    }

    /// Ends a call with the head of its response: a download that streams for an hour holds its slot for an instant.
    pub fn until_head(self) -> GuardLayer<G, C, OnHead, R, L> {
        GuardLayer::with(self.gate, self.classify, self.on_reject, self.lens)
    }

    /// Refuses with an error of its own type, without allocation, instead of a [`BoxError`](crate::BoxError).
    pub fn typed(self) -> GuardLayer<G, C, T, Typed, L> {
        GuardLayer::with(self.gate, self.classify, Typed, self.lens)
    }

    /// Refuses with a response, and leaves the service's error type as it was.
    ///
    /// [`http::unavailable`](crate::http::unavailable) and [`grpc::unavailable`](crate::grpc::unavailable) make one.
    /// The response carries the [`Rejected`](crate::Rejected) in its extensions, so that a guard further out does not
    /// take it for an answer of the other side.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn respond<F>(self, respond: F) -> GuardLayer<G, C, T, crate::http::Respond<F>, L> {
        GuardLayer::with(self.gate, self.classify, crate::http::Respond::new(respond), self.lens)
    }

    /// As [`respond`](GuardLayer::respond), over a service whose error is a [`BoxError`](crate::BoxError): a client of
    /// orlop's, tower's `Timeout`, another guard that refuses with an error.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn respond_boxed<F>(
        self,
        respond: F,
    ) -> GuardLayer<G, C, T, crate::http::RespondBoxed<F>, L> {
        let respond = crate::http::RespondBoxed::new(respond);
        GuardLayer::with(self.gate, self.classify, respond, self.lens)
    }

    /// Finds the call's context by a closure.
    ///
    /// ```
    /// use orlop_core::{AnyError, CallContext, GuardLayer};
    ///
    /// struct Job {
    ///     call: CallContext,
    /// }
    /// let layer = GuardLayer::new((), AnyError).context_by(|job: &Job| Some(&job.call));
    /// # let _ = layer;
    /// ```
    pub fn context_by<Req: ?Sized, F>(self, find: F) -> GuardLayer<G, C, T, R, F>
    where
        F: for<'a> Fn(&'a Req) -> Option<&'a CallContext>,
    {
        self.context(find)
    }

    /// Finds the call's context through another lens. For closures, see [`context_by`](GuardLayer::context_by).
    pub fn context<L2>(self, lens: L2) -> GuardLayer<G, C, T, R, L2> {
        GuardLayer::with(self.gate, self.classify, self.on_reject, lens)
    }
}

impl<S, G: Clone, C: Clone, T, R: Clone, L: Clone> Layer<S> for GuardLayer<G, C, T, R, L> {
    type Service = Guard<S, G, C, T, R, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard::new(
            inner,
            self.gate.clone(),
            self.classify.clone(),
            self.on_reject.clone(),
            self.lens.clone(),
        )
    }
}

impl<G: Clone, C: Clone, T, R: Clone, L: Clone> Clone for GuardLayer<G, C, T, R, L> {
    fn clone(&self) -> Self {
        Self::with(
            self.gate.clone(),
            self.classify.clone(),
            self.on_reject.clone(),
            self.lens.clone(),
        )
    }
}

impl<G: fmt::Debug, C, T, R, L> fmt::Debug for GuardLayer<G, C, T, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardLayer").field("gate", &self.gate).finish_non_exhaustive()
    }
}
