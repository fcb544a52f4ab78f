use http::Response;
use orlop_core::{OnReject, Rejected};
use std::{error::Error, fmt};

/// A refusal becomes a response made by `F`. Made by [`QueueLayer::respond`](crate::QueueLayer::respond).
#[derive(Clone, Copy)]
pub struct Respond<F> {
    respond: F,
}

impl<F> Respond<F> {
    pub(crate) fn new(respond: F) -> Self {
        Self { respond }
    }
}

impl<F, B, E> OnReject<Response<B>, E> for Respond<F>
where
    F: Fn(&Rejected) -> Response<B>,
    E: Error + 'static,
{
    type Error = E;

    // Also where the call ends with the head, the mark tells guards further out that this is no answer from afar.
    fn reject(&self, rejected: Rejected) -> Result<Response<B>, E> {
        let mut res = (self.respond)(&rejected);
        res.extensions_mut().insert(rejected);
        Ok(res)
    }

    fn error(&self, error: E) -> E {
        error
    }

    fn view<'a>(&self, error: &'a E) -> &'a (dyn Error + 'static) {
        error
    }
}

impl<F> fmt::Debug for Respond<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Respond")
    }
}
