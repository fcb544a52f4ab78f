//! What has been asked of the other side, and what came of it.

use crate::window::{Counts, Sample, TimeWindow};
use orlop_core::STRIPES;

/// 20 buckets: 6 s resolution on the default window of 2 minutes.
const BUCKETS: u64 = 20;

/// A bucket is this many moments: how long slack that was found may be used.
const MOMENTS: u64 = 64;

/// Calls of the last stretch of time, dated by when they asked.
///
/// One window counts calls as they ask, the other as they end. What has asked and not ended is under way; what ends when its
/// bucket has left the window has left with it.
pub(super) struct Ledger {
    moment: u64,
    asked: TimeWindow,
    /// Calls: all that ended. Failures: not accepted. Slow: withdrawn.
    ended: TimeWindow,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Accepted,
    NotAccepted,
    /// As if it had never asked.
    Withdrawn,
}

/// What the window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// All that asked, but for the withdrawn.
    pub(super) requests: u64,
    /// Those the other side accepted.
    pub(super) accepts: u64,
    /// Those under way, and not for longer than the grace: presumed accepted.
    pub(super) under_way: u64,
}

impl Ledger {
    pub(super) fn new(within: u64) -> Self {
        // Shorter by 1280 ns at most, so that no moment lies in two buckets.
        let moment = (within / (BUCKETS * MOMENTS)).max(1);
        let window = || TimeWindow::new(moment * MOMENTS * BUCKETS, BUCKETS as usize, 0, STRIPES);
        Self { moment, asked: window(), ended: window() }
    }

    /// The number of the moment, within which no bucket ends.
    #[inline]
    pub(super) fn moment(&self, at: u64) -> u64 {
        at / self.moment
    }

    #[inline]
    pub(super) fn ask(&self, at: u64, stripe: usize) {
        self.asked.record(Sample { failed: false, slow: false }, 0, at, stripe);
    }

    /// `asked`: when the call asked.
    #[inline]
    pub(super) fn end(&self, ended: Ended, asked: u64, stripe: usize) {
        let failed = ended == Ended::NotAccepted;
        let slow = ended == Ended::Withdrawn;
        self.ended.record(Sample { failed, slow }, 0, asked, stripe);
    }

    pub(super) fn sums(&self, now: u64, grace: u64) -> Sums {
        // A bucket's calls are a bucket older at its end than at its start: one more, so that each has all of its grace.
        let young = if grace == 0 { 0 } else { grace.div_ceil(self.moment * MOMENTS) + 1 };
        let (mut asked, mut accepts, mut withdrawn) = (0, 0, 0);
        let (mut young_asked, mut young_ended) = (0_u64, 0);
        // First what ended: what ends between the two reads has asked before either.
        self.ended.each(0, now, |age, Counts { calls, failures, slow }| {
            accepts += calls.saturating_sub(failures + slow);
            withdrawn += slow;
            young_ended += if age < young { calls } else { 0 };
        });
        self.asked.each(0, now, |age, Counts { calls, .. }| {
            asked += calls;
            young_asked += if age < young { calls } else { 0 };
        });
        Sums {
            requests: u64::saturating_sub(asked, withdrawn),
            accepts,
            under_way: young_asked.saturating_sub(young_ended),
        }
    }
}
