/// How many copies must be written before a write returns. Only successes count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Latch {
    /// Returns at once; all writes go on in the background.
    None,
    /// One copy.
    One,
    /// More than half of the zones.
    #[default]
    Quorum,
    /// All zones but one; with one zone, that one.
    AllMinusOne,
    /// All zones.
    All,
}

/// What became of the copies of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a write that reached too few copies is no error; ask is_satisfied()"]
#[non_exhaustive]
pub struct WriteOutcome {
    /// Copies written.
    pub successes: usize,
    /// Copies not written.
    pub failures: usize,
    /// Copies of which nothing was heard when the latch was decided.
    pub pending: usize,
    /// Successes that the latch asked for.
    pub needed: usize,
}

// ===== impl Latch =====

impl Latch {
    /// The successes that it asks for, of this many zones.
    pub const fn needed(self, zones: usize) -> usize {
        match self {
            Self::None => 0,
            Self::One => 1,
            Self::Quorum => zones / 2 + 1,
            Self::AllMinusOne if zones <= 2 => 1,
            Self::AllMinusOne => zones - 1,
            Self::All => zones,
        }
    }
}

// ===== impl WriteOutcome =====

impl WriteOutcome {
    pub(super) const fn begun(zones: usize, latch: Latch) -> Self {
        Self { successes: 0, failures: 0, pending: zones, needed: latch.needed(zones) }
    }

    /// Whether as many copies as the latch asked for are written.
    pub const fn is_satisfied(&self) -> bool {
        self.successes >= self.needed
    }

    /// Whether waiting longer cannot change [`is_satisfied`](WriteOutcome::is_satisfied).
    pub(super) const fn is_decided(&self) -> bool {
        self.is_satisfied() || self.successes + self.pending < self.needed
    }

    pub(super) const fn count(&mut self, success: bool) {
        self.pending -= 1;
        if success {
            self.successes += 1;
        } else {
            self.failures += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_follows_the_definition_not_evcaches_latch() {
        // EVCache's latch computes QUORUM while its list is still empty and so waits for 1 of 3.
        for (latch, of_1_to_5) in [
            (Latch::None, [0, 0, 0, 0, 0]),
            (Latch::One, [1, 1, 1, 1, 1]),
            (Latch::Quorum, [1, 2, 2, 3, 3]),
            (Latch::AllMinusOne, [1, 1, 2, 3, 4]),
            (Latch::All, [1, 2, 3, 4, 5]),
        ] {
            assert_eq!([1, 2, 3, 4, 5].map(|zones| latch.needed(zones)), of_1_to_5, "{latch:?}");
        }
    }

    #[test]
    fn failures_never_satisfy_a_latch() {
        let mut outcome = WriteOutcome::begun(3, Latch::All);
        outcome.count(true);
        outcome.count(true);
        assert!(!outcome.is_decided());
        outcome.count(false);
        assert!(outcome.is_decided() && !outcome.is_satisfied());
    }

    #[test]
    fn a_lost_latch_does_not_wait_for_the_rest() {
        let mut outcome = WriteOutcome::begun(3, Latch::Quorum);
        outcome.count(false);
        assert!(!outcome.is_decided(), "two of three may still come");
        outcome.count(false);
        assert!(outcome.is_decided(), "two of three cannot come any more");
        assert_eq!(outcome.pending, 1);
    }
}
