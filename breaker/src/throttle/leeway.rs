//! How many calls may pass before anybody need count again.

use crate::sync::{AtomicU64, Ordering::Relaxed};
use orlop_core::STRIPES;

/// Slack that a sum has found, a share of it for each stripe.
///
/// The sum is what a throttled call costs most, and a healthy one seldom needs it: while `k * accepts` exceeds `requests`
/// by `n`, the next `n` calls of the same moment pass whatever comes of them. A stripe takes an eighth of what it finds. Stripes do
/// not ask each other, so that together they may use some of the slack twice; the moment bounds for how long.
///
/// Relaxed throughout: a number in one word, and nothing else is inferred from it.
pub(super) struct Leeway {
    stripes: Box<[Stripe]>,
}

/// The moment above, the calls left in it below.
#[repr(align(128))]
struct Stripe(AtomicU64);

const LEFT_BITS: u32 = 28;
const MAX_LEFT: u64 = (1 << LEFT_BITS) - 1;

impl Leeway {
    pub(super) fn new() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Stripe(AtomicU64::new(0))).collect() }
    }

    /// Takes one, if there is one left of this moment.
    #[inline]
    pub(super) fn take(&self, moment: u64, stripe: usize) -> bool {
        let next = |word: u64| {
            let left = word & MAX_LEFT;
            (word == word_of(moment, left) && left > 0).then(|| word - 1)
        };
        self.stripes[stripe % STRIPES].0.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    pub(super) fn grant(&self, moment: u64, stripe: usize, calls: u64) {
        self.stripes[stripe % STRIPES].0.store(word_of(moment, calls.min(MAX_LEFT)), Relaxed);
    }
}

fn word_of(moment: u64, left: u64) -> u64 {
    moment << LEFT_BITS | left
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    #[test]
    fn leeway_is_for_one_stripe_and_one_moment() {
        let leeway = Leeway::new();
        assert!(!leeway.take(0, 0), "none was granted");
        leeway.grant(7, 0, 2);
        assert!(!leeway.take(7, 1));
        assert!(!leeway.take(8, 0));
        assert!(leeway.take(7, 0));
        assert!(leeway.take(7, 0));
        assert!(!leeway.take(7, 0), "two were granted");
    }
}
