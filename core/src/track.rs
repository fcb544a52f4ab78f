//! When a call is over: with the head of its response, or with the end of its body.

use crate::{AtEnd, BodyEnd, Head, Now, Permit, Settle};

/// Says when a call is over, and keeps its permit until then.
pub trait Track<Res> {
    /// The response as it leaves the guard, with the permit in it where that lives on.
    type Tracked<G: Settle, N: AtEnd>;

    /// Takes charge of the permit of a call whose head has come.
    fn follow<G: Settle, N: AtEnd>(
        res: Res,
        permit: Permit<G>,
        head: Head<N>,
        now: &Now,
    ) -> Self::Tracked<G, N>;

    /// A response made here, in place of a call that was refused.
    fn local<G: Settle, N: AtEnd>(res: Res) -> Self::Tracked<G, N>;
}

/// The call is over when its response comes. For responses that are plain values.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnHead;

/// The call is over when the response's body has ended, failed, or been dropped.
///
/// A body that is at its end when its head arrives, or after a frame, is over then, even if nobody polls it again.
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
#[derive(Clone, Copy, Debug, Default)]
pub struct OnBodyEnd;

impl<Res> Track<Res> for OnHead {
    type Tracked<G: Settle, N: AtEnd> = Res;

    #[inline(always)]
    fn follow<G: Settle, N: AtEnd>(res: Res, permit: Permit<G>, head: Head<N>, now: &Now) -> Res {
        permit.settle_at(&head.at(BodyEnd::Dropped), now);
        res
    }

    #[inline]
    fn local<G: Settle, N: AtEnd>(res: Res) -> Res {
        res
    }
}
