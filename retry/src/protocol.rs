use orlop_core::{CallContext, Lens, LensMut, NoContext, Rejected};

/// What retries need to know of requests and responses beyond the call's context: the second half of a lens.
///
/// Lenses of core have it. A lens of your own takes both defaults with an empty `impl`.
pub trait Protocol<Req: ?Sized, Res: ?Sized> {
    /// The refusal that a response stands for, if this process made it in place of a call.
    fn refusal<'a>(&self, _res: &'a Res) -> Option<&'a Rejected> {
        None
    }

    /// Whether repeating the call does no harm, as far as the protocol tells.
    fn is_idempotent(&self, _req: &Req) -> Option<bool> {
        None
    }
}

impl<Req: ?Sized, Res: ?Sized> Protocol<Req, Res> for NoContext {}

impl<Req: ?Sized, Res: ?Sized, F, S> Protocol<Req, Res> for (F, S) {}

/// Methods that HTTP calls idempotent are; refusals are extensions of the response.
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<B, B2> Protocol<http::Request<B>, http::Response<B2>> for orlop_core::http::FromExtensions {
    fn refusal<'a>(&self, res: &'a http::Response<B2>) -> Option<&'a Rejected> {
        res.extensions().get()
    }

    fn is_idempotent(&self, req: &http::Request<B>) -> Option<bool> {
        Some(req.method().is_idempotent())
    }
}

/// A lens with another answer to "does repeating it no harm". Made by
/// [`RetryLayer::idempotent_if`](crate::RetryLayer::idempotent_if).
#[derive(Clone, Copy, Debug)]
pub struct IdempotentIf<L, F> {
    lens: L,
    rule: F,
}

impl<L, F> IdempotentIf<L, F> {
    pub(crate) fn new(lens: L, rule: F) -> Self {
        Self { lens, rule }
    }
}

impl<Req: ?Sized, L: Lens<Req>, F> Lens<Req> for IdempotentIf<L, F> {
    fn get<'a>(&self, req: &'a Req) -> Option<&'a CallContext> {
        self.lens.get(req)
    }
}

impl<Req: ?Sized, L: LensMut<Req>, F> LensMut<Req> for IdempotentIf<L, F> {
    fn set(&self, req: &mut Req, context: CallContext) {
        self.lens.set(req, context);
    }
}

impl<Req, Res, L, F> Protocol<Req, Res> for IdempotentIf<L, F>
where
    Req: ?Sized,
    Res: ?Sized,
    L: Protocol<Req, Res>,
    F: Fn(&Req) -> bool,
{
    fn refusal<'a>(&self, res: &'a Res) -> Option<&'a Rejected> {
        self.lens.refusal(res)
    }

    fn is_idempotent(&self, req: &Req) -> Option<bool> {
        Some((self.rule)(req))
    }
}
