use crate::{Line, Queue};
use orlop_core::{AsError, NoContext, OnHead, Typed};
use std::{fmt, marker::PhantomData};
use tower_layer::Layer;

/// Makes calls wait in a [`Line`] for a slot. All services that one layer makes share the line.
///
/// | constructor | a call is over | context |
/// |---|---|---|
/// | [`http`](QueueLayer::http) | at the body's end | in the extensions |
/// | [`grpc`](QueueLayer::grpc) | at the body's end | in the extensions |
/// | [`new`](QueueLayer::new) | when the response comes | none |
#[must_use = "a layer does nothing until it is applied"]
pub struct QueueLayer<T, R = AsError, L = NoContext> {
    line: Line,
    track: PhantomData<fn() -> T>,
    on_reject: R,
    lens: L,
}

impl QueueLayer<OnHead> {
    /// A line in front of any service.
    pub fn new(line: Line) -> Self {
        Self::with(line, AsError, NoContext)
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl QueueLayer<orlop_core::OnBodyEnd, AsError, orlop_core::http::FromExtensions> {
    /// A line in front of an HTTP service, client or server: a call keeps its slot to the end of the body.
    pub fn http(line: Line) -> Self {
        Self::with(line, AsError, orlop_core::http::FromExtensions)
    }

    /// The same for a gRPC service: a stream keeps its slot until its trailers.
    #[cfg(feature = "grpc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
    pub fn grpc(line: Line) -> Self {
        Self::http(line)
    }
}

impl<T, R, L> QueueLayer<T, R, L> {
    fn with(line: Line, on_reject: R, lens: L) -> Self {
        Self { line, track: PhantomData, on_reject, lens }
    }

    /// Ends a call with the head of its response: a download that streams for an hour holds its slot for an instant.
    pub fn until_head(self) -> QueueLayer<OnHead, R, L> {
        QueueLayer::with(self.line, self.on_reject, self.lens)
    }

    /// Refuses with an error of its own type, without allocation, instead of a
    /// [`BoxError`](orlop_core::BoxError).
    pub fn typed(self) -> QueueLayer<T, Typed, L> {
        QueueLayer::with(self.line, Typed, self.lens)
    }

    /// Refuses with a response, and leaves the service's error type as it was.
    ///
    /// [`http::unavailable`](orlop_core::http::unavailable) makes one. The response carries the
    /// [`Rejected`](orlop_core::Rejected) in its extensions.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn respond<F>(self, respond: F) -> QueueLayer<T, orlop_core::http::Respond<F>, L> {
        QueueLayer::with(self.line, orlop_core::http::Respond::new(respond), self.lens)
    }

    /// Finds the call's context in another way: a closure `Fn(&Req) -> Option<&CallContext>` will do.
    pub fn context<L2>(self, lens: L2) -> QueueLayer<T, R, L2> {
        QueueLayer::with(self.line, self.on_reject, lens)
    }
}

impl<S, T, R: Clone, L: Clone> Layer<S> for QueueLayer<T, R, L> {
    type Service = Queue<S, T, R, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Queue::new(inner, self.line.clone(), self.on_reject.clone(), self.lens.clone())
    }
}

impl<T, R: Clone, L: Clone> Clone for QueueLayer<T, R, L> {
    fn clone(&self) -> Self {
        Self::with(self.line.clone(), self.on_reject.clone(), self.lens.clone())
    }
}

impl<T, R, L> fmt::Debug for QueueLayer<T, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueLayer").field("line", &self.line).finish_non_exhaustive()
    }
}
