//! What an entering call must know, in one atomic word.

/// Where a circuit stands.
///
/// ```text
///            trip             open time over              probes say so
///  closed ----------> open ------------------> half-open ---------------> closed
///                       ^-------- probes failed ----'
///
///  forced open, disabled, shadow: by hand only, until released or reset
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused until the open time is over.
    Open,
    /// A few calls pass as probes, the rest are refused; or, in a ramp, a growing share passes.
    HalfOpen,
    /// Calls are refused until somebody releases the circuit.
    ForcedOpen,
    /// Calls pass and are not counted until somebody releases the circuit.
    Disabled,
    /// Everything is computed as if the circuit worked, and no call is refused, until somebody releases it.
    Shadow,
}

/// Where the machine stands, whether or not it may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    // 0: the word of a closed circuit needs no decoding to be known as one.
    Closed = 0,
    Open,
    HalfOpen,
    /// Half-open, with growing shares.
    Ramping,
    ForcedOpen,
    Disabled,
}

/// Phase, generation, probes in flight, and what the fast paths may rely on. Written only under the machine's lock.
///
/// ```text
///  63 .. 32     31 .. 24   23 .. 8            7             6       5         4      3        2 .. 0
///  generation   unused     probes in flight   other rules   timed   windows   full   shadow   phase
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

/// All that a word is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) phase: Phase,
    pub(crate) generation: u32,
    pub(crate) probes: u16,
    pub(crate) shadow: bool,
    pub(crate) full: bool,
    pub(crate) windows: bool,
    pub(crate) timed: bool,
    pub(crate) other_rules: bool,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedOpen, Self::Disabled, Self::Shadow];

    /// The state's name as logs and metrics show it: `half_open`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::Shadow => "shadow",
        }
    }

    /// Whether it was set by hand and stays until released.
    pub const fn is_by_hand(self) -> bool {
        matches!(self, Self::ForcedOpen | Self::Disabled | Self::Shadow)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Phase {
    /// As users see it.
    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open => State::Open,
            Self::HalfOpen | Self::Ramping => State::HalfOpen,
            Self::ForcedOpen => State::ForcedOpen,
            Self::Disabled => State::Disabled,
        }
    }
}

impl Word {
    const PHASE: u64 = 0b111;
    const SHADOW: u64 = 1 << 3;
    const FULL: u64 = 1 << 4;
    pub(crate) const WINDOWS: u64 = 1 << 5;
    pub(crate) const TIMED: u64 = 1 << 6;
    pub(crate) const OTHER_RULES: u64 = 1 << 7;
    const PROBES_SHIFT: u32 = 8;
    pub(crate) const GENERATION: u64 = (u32::MAX as u64) << 32;

    pub(crate) fn new(parts: Parts) -> Self {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        Self(
            u64::from(parts.generation) << 32
                | u64::from(parts.probes) << Self::PROBES_SHIFT
                | flag(parts.other_rules, Self::OTHER_RULES)
                | flag(parts.timed, Self::TIMED)
                | flag(parts.windows, Self::WINDOWS)
                | flag(parts.full, Self::FULL)
                | flag(parts.shadow, Self::SHADOW)
                | parts.phase as u64,
        )
    }

    #[inline]
    pub(crate) fn phase(self) -> Phase {
        match self.0 & Self::PHASE {
            0 => Phase::Closed,
            1 => Phase::Open,
            2 => Phase::HalfOpen,
            3 => Phase::Ramping,
            4 => Phase::ForcedOpen,
            _ => Phase::Disabled,
        }
    }

    pub(crate) fn state(self) -> State {
        if self.is_shadow() { State::Shadow } else { self.phase().state() }
    }

    /// It changes with every transition, so it names the stay in one phase. It wraps after 4 billion transitions.
    #[inline]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Half-open: probes that hold a slot, those that hang included.
    pub(crate) fn probes(self) -> u16 {
        (self.0 >> Self::PROBES_SHIFT) as u16
    }

    /// Half-open, and every probe's slot is taken.
    pub(crate) fn is_full(self) -> bool {
        self.0 & Self::FULL != 0
    }

    /// No call is refused, whatever the phase says.
    #[inline]
    pub(crate) fn is_shadow(self) -> bool {
        self.0 & Self::SHADOW != 0
    }

    /// Successes must be recorded in windows; without, only runs are counted.
    #[inline]
    pub(crate) fn has_windows(self) -> bool {
        self.0 & Self::WINDOWS != 0
    }

    /// It matters how long calls take.
    #[inline]
    pub(crate) fn is_timed(self) -> bool {
        self.0 & Self::TIMED != 0
    }

    /// What is counted is not what the circuit was made with.
    #[inline]
    pub(crate) fn has_other_rules(self) -> bool {
        self.0 & Self::OTHER_RULES != 0
    }

    /// Whether it is closed: the one question of a healthy call.
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & Self::PHASE == Phase::Closed as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_what_it_was_made_of() {
        const PHASES: [Phase; 6] = [
            Phase::Closed,
            Phase::Open,
            Phase::HalfOpen,
            Phase::Ramping,
            Phase::ForcedOpen,
            Phase::Disabled,
        ];
        for (phase, flags) in PHASES.into_iter().flat_map(|phase| (0..32).map(move |f| (phase, f)))
        {
            for (generation, probes) in [(0, 0), (1, 7), (u32::MAX, u16::MAX), (77, 0)] {
                let bit = |n: u32| flags >> n & 1 == 1;
                let (shadow, full, windows, timed) = (bit(0), bit(1), bit(2), bit(3));
                let other_rules = bit(4);
                let parts =
                    Parts { phase, generation, probes, shadow, full, windows, timed, other_rules };
                let word = Word::new(parts);
                assert_eq!(
                    (word.phase(), word.generation(), word.probes()),
                    (phase, generation, probes)
                );
                assert_eq!((word.is_full(), word.is_shadow()), (full, shadow));
                assert_eq!((word.has_windows(), word.is_timed()), (windows, timed));
                assert_eq!(word.has_other_rules(), other_rules);
                assert_eq!(word.is_closed(), phase == Phase::Closed);
            }
        }
    }
}
