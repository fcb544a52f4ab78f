use crate::{Cloned, IdempotentIf, Policy, Retry};
use orlop_core::NoContext;
use std::fmt;
use tower_layer::Layer;

/// Tries calls again. All services that one layer makes share the [`Policy`].
///
/// | constructor | keeps requests by | judges by | context |
/// |---|---|---|---|
/// | [`http`](RetryLayer::http) | [`Replay`](crate::Replay), up to 64 KiB | status | in the extensions |
/// | [`grpc`](RetryLayer::grpc) | [`Replay`](crate::Replay), up to 64 KiB | gRPC status in the head | in the extensions |
/// | [`new`](RetryLayer::new) | [`Cloned`] | what you give | none |
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct RetryLayer<K, C, L = NoContext> {
    policy: Policy,
    keep: K,
    classify: C,
    lens: L,
}

impl<C> RetryLayer<Cloned, C> {
    /// Retries of any service whose requests are `Clone`. The classifier says what an answer is worth:
    /// [`AnyError`](orlop_core::AnyError), or [`by_result`](orlop_core::by_result) with a closure.
    ///
    /// Without a context in the request, gates below cannot say that an attempt was not sent; give one by
    /// [`context`](RetryLayer::context).
    pub fn new(policy: Policy, classify: C) -> Self {
        Self { policy, keep: Cloned, classify, lens: NoContext }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl RetryLayer<crate::Replay, orlop_core::http::HttpStatus, orlop_core::http::FromExtensions> {
    /// Retries of an HTTP client: judged by status, sent again if the method is idempotent.
    pub fn http(policy: Policy) -> Self {
        Self {
            policy,
            keep: crate::Replay::up_to(64 * 1024),
            classify: orlop_core::http::HttpStatus::new(),
            lens: orlop_core::http::FromExtensions,
        }
    }
}

#[cfg(feature = "grpc")]
#[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
impl RetryLayer<crate::Replay, orlop_core::grpc::GrpcStatus, orlop_core::http::FromExtensions> {
    /// Retries of a gRPC client: judged by the status in the head. An answer whose status comes in trailers has begun, so
    /// it is returned. gRPC methods are not idempotent unless the call's context or the settings say so.
    pub fn grpc(policy: Policy) -> Self {
        Self {
            policy,
            keep: crate::Replay::up_to(64 * 1024),
            classify: orlop_core::grpc::GrpcStatus::new(),
            lens: orlop_core::http::FromExtensions,
        }
    }
}

impl<K, C, L> RetryLayer<K, C, L> {
    /// Keeps requests in another way.
    pub fn keep<K2>(self, keep: K2) -> RetryLayer<K2, C, L> {
        RetryLayer { policy: self.policy, keep, classify: self.classify, lens: self.lens }
    }

    /// Judges answers in another way.
    pub fn classify<C2>(self, classify: C2) -> RetryLayer<K, C2, L> {
        RetryLayer { policy: self.policy, keep: self.keep, classify, lens: self.lens }
    }

    /// Finds and sets the call's context in another way: a pair of closures, `Fn(&Req) -> Option<&CallContext>` and
    /// `Fn(&mut Req, CallContext)`, will do.
    pub fn context<L2>(self, lens: L2) -> RetryLayer<K, C, L2> {
        RetryLayer { policy: self.policy, keep: self.keep, classify: self.classify, lens }
    }

    /// Says by the request whether repeating a call does no harm, where neither its context nor the settings do.
    pub fn idempotent_if<Req, F>(self, rule: F) -> RetryLayer<K, C, IdempotentIf<L, F>>
    where
        F: Fn(&Req) -> bool,
    {
        RetryLayer {
            policy: self.policy,
            keep: self.keep,
            classify: self.classify,
            lens: IdempotentIf::new(self.lens, rule),
        }
    }

    /// What its services share.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl<S, K: Clone, C: Clone, L: Clone> Layer<S> for RetryLayer<K, C, L> {
    type Service = Retry<S, K, C, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(
            inner,
            self.policy.clone(),
            self.keep.clone(),
            self.classify.clone(),
            self.lens.clone(),
        )
    }
}

impl<K, C, L> fmt::Debug for RetryLayer<K, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("policy", &self.policy).finish_non_exhaustive()
    }
}
