//! What an entering call must know, in one atomic word.

/// Where a circuit stands.
///
/// ```text
///            trip             open time over              successes
///  closed ----------> open ------------------> half-open ------------> closed
///                       ^--- a probe failed ------'
///
///  forced open, forced closed: by hand only, until released or reset
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused until the open time is over.
    Open,
    /// A few calls pass as probes, the rest are refused.
    HalfOpen,
    /// Calls are refused until somebody releases the circuit.
    ForcedOpen,
    /// Calls pass and are not counted until somebody releases the circuit.
    ForcedClosed,
}

/// State, generation, and what the fast paths may rely on. Written only under the machine's lock.
///
/// ```text
///  63 .. 40   39 .. 8      4         3      2 .. 0
///  unused     generation   windows   full   state
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl State {
    /// All states.
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedOpen, Self::ForcedClosed];

    /// The state's name as logs and metrics show it: `half_open`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
        }
    }

    /// Whether it was set by hand.
    pub const fn is_forced(self) -> bool {
        matches!(self, Self::ForcedOpen | Self::ForcedClosed)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Word {
    const STATE: u64 = 0b111;
    const FULL: u64 = 1 << 3;
    const WINDOWS: u64 = 1 << 4;

    pub(crate) fn new(state: State, generation: u32, full: bool, windows: bool) -> Self {
        let full = if full { Self::FULL } else { 0 };
        let windows = if windows { Self::WINDOWS } else { 0 };
        Self(u64::from(generation) << 8 | windows | full | state as u64)
    }

    pub(crate) fn state(self) -> State {
        match self.0 & Self::STATE {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::ForcedOpen,
            _ => State::ForcedClosed,
        }
    }

    /// It changes with every transition, so it names the stay in one state. It wraps after 4 billion transitions.
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 8) as u32
    }

    /// Half-open, and every probe's slot is taken.
    pub(crate) fn is_full(self) -> bool {
        self.0 & Self::FULL != 0
    }

    /// Successes must be recorded in windows; without, only a run of failures is counted.
    pub(crate) fn has_windows(self) -> bool {
        self.0 & Self::WINDOWS != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_what_it_was_made_of() {
        for state in State::ALL {
            for generation in [0, 1, 77, u32::MAX] {
                for (full, windows) in [(false, false), (true, false), (false, true), (true, true)]
                {
                    let word = Word::new(state, generation, full, windows);
                    assert_eq!(word.state(), state);
                    assert_eq!(word.generation(), generation);
                    assert_eq!((word.is_full(), word.has_windows()), (full, windows));
                }
            }
        }
    }
}
