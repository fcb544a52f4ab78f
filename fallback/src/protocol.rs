use crate::Cause;
use orlop_core::Rejected;
use std::sync::Arc;

/// What a fallback needs to know of responses.
pub trait Protocol<Res> {
    /// The refusal that a response stands for, if this process made it in place of a call.
    fn refusal(&self, res: &Res) -> Option<Rejected>;

    /// Marks an answer as not the service's own.
    fn mark(&self, res: &mut Res, cause: &Arc<Cause>);
}

/// Responses are plain values: refusals come as errors, and answers carry no mark.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl<Res> Protocol<Res> for Plain {
    fn refusal(&self, _: &Res) -> Option<Rejected> {
        None
    }

    fn mark(&self, _: &mut Res, _: &Arc<Cause>) {}
}

#[cfg(feature = "http")]
pub(crate) mod http {
    use super::{Arc, Cause, Protocol, Rejected};

    /// Responses of the `http` crate: refusals and marks are in their extensions.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct InExtensions;

    /// The mark of an answer that is not the service's own, with the reason: an extension of the response.
    ///
    /// # Examples
    ///
    /// ```
    /// use orlop_fallback::Degraded;
    ///
    /// fn is_fresh<B>(res: &http::Response<B>) -> bool {
    ///     res.extensions().get::<Degraded>().is_none()
    /// }
    /// # assert!(is_fresh(&http::Response::new(())));
    /// ```
    #[derive(Clone, Debug)]
    pub struct Degraded(pub(crate) Arc<Cause>);

    impl Degraded {
        /// Why.
        pub fn cause(&self) -> &Cause {
            &self.0
        }
    }

    impl<B> Protocol<::http::Response<B>> for InExtensions {
        fn refusal(&self, res: &::http::Response<B>) -> Option<Rejected> {
            res.extensions().get().cloned()
        }

        fn mark(&self, res: &mut ::http::Response<B>, cause: &Arc<Cause>) {
            res.extensions_mut().insert(Degraded(Arc::clone(cause)));
        }
    }
}
