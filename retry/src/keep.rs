/// Keeps what is needed to send a request again.
///
/// | keeps | for | cost |
/// |---|---|---|
/// | [`Cloned`] | requests that are `Clone` | a clone an attempt, but for the last |
/// | [`Replay`](crate::Replay) | HTTP requests with any body | a clone of the head; body bytes up to a cap |
/// | [`Never`] | all | none, and no retries |
pub trait Keep<Req> {
    /// What is sent.
    type Sent;
    /// What is kept.
    type Kept;

    /// Splits a request into what is sent first and what is kept.
    fn keep(&self, req: Req) -> (Self::Sent, Self::Kept);

    /// The request once more, if that is possible. What was sent before has ended or been given up.
    fn again(&self, kept: &mut Self::Kept) -> Option<Self::Sent>;

    /// The request for the last time.
    fn last(&self, mut kept: Self::Kept) -> Option<Self::Sent> {
        self.again(&mut kept)
    }

    /// The request of a call that has no second attempt.
    fn only(&self, req: Req) -> Self::Sent {
        self.keep(req).0
    }
}

/// Keeps a clone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloned;

/// Keeps nothing: there are no retries, only attempt numbers and deadlines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl<Req: Clone> Keep<Req> for Cloned {
    type Sent = Req;
    type Kept = Req;

    fn keep(&self, req: Req) -> (Req, Req) {
        (req.clone(), req)
    }

    fn again(&self, kept: &mut Req) -> Option<Req> {
        Some(kept.clone())
    }

    fn last(&self, kept: Req) -> Option<Req> {
        Some(kept)
    }

    fn only(&self, req: Req) -> Req {
        req
    }
}

impl<Req> Keep<Req> for Never {
    type Sent = Req;
    type Kept = ();

    fn keep(&self, req: Req) -> (Req, ()) {
        (req, ())
    }

    fn again(&self, (): &mut ()) -> Option<Req> {
        None
    }
}
