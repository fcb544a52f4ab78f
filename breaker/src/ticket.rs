use orlop_core::{Class, Verdict};

/// What a circuit remembers about a call that it let in.
#[derive(Debug)]
pub struct Ticket {
    pub(crate) generation: u32,
    pub(crate) pass: Pass,
    pub(crate) heard: Heard,
}

/// On what terms a call was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The circuit was closed.
    Counted,
    /// The circuit was forced closed.
    Uncounted,
    /// The circuit was half-open; the number names the probe's slot.
    Probe(u32),
}

/// What a call has told so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing.
    Nothing,
    /// Success at the head. Only a failure of the body adds to that.
    Success,
    /// All it has to say.
    Enough,
}

/// What a verdict counts as here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Throttled,
    Neutral,
}

impl Ticket {
    pub(crate) fn new(generation: u32, pass: Pass) -> Self {
        Self { generation, pass, heard: Heard::Nothing }
    }
}

impl Outcome {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match verdict.class() {
            Class::Success => Self::Success,
            Class::Failure => Self::Failure,
            Class::Throttled => Self::Throttled,
            // Also classes of the future: what is not understood decides nothing.
            _ => Self::Neutral,
        }
    }

    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Self::Failure | Self::Throttled)
    }
}
