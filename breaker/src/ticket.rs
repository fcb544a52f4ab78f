use crate::word::Word;
use orlop_core::{Class, Verdict};

/// What a circuit remembers about a call that it let in.
///
/// ```text
///  63 .. 32     31 .. 8   4               3 .. 2   1 .. 0
///  generation   slot      head has come   heard    pass
/// ```
#[derive(Debug)]
pub struct Ticket {
    word: u64,
    /// In nanoseconds of the machine: when the call entered, or, once the head has come, how long that took.
    time: u64,
}

/// On what terms a call was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The circuit was closed, or took its load back.
    Counted,
    /// The circuit was disabled, or in shadow, and would have refused.
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
    /// The caller left before the head came, and before the deadline.
    Dropped,
}

const UNTIMED: u64 = u64::MAX;
const HEAD: u64 = 1 << 4;
const HEARD: u64 = 0b11 << 2;
const PASS: u64 = 0b11;
// `is_plain` compares both at once: what a ticket remembers must not look like a circuit that has windows or times calls.
const _: () = assert!((HEAD | HEARD | PASS) & (Word::WINDOWS | Word::TIMED) == 0);
const SLOT_SHIFT: u32 = 8;
/// 24 bits: a slot's number comes again after 16 million probes of one stay.
pub(crate) const SLOTS: u32 = 1 << 24;

impl Ticket {
    /// A counted call of the generation in this word; the rest of it is left out.
    #[inline]
    pub(crate) fn counted(word: Word) -> Self {
        Self { word: word.0 & Word::GENERATION, time: UNTIMED }
    }

    pub(crate) fn new(generation: u32, pass: Pass) -> Self {
        let pass = match pass {
            Pass::Counted => 0,
            Pass::Uncounted => 1,
            Pass::Probe(slot) => 2 | u64::from(slot % SLOTS) << SLOT_SHIFT,
        };
        Self { word: u64::from(generation) << 32 | pass, time: UNTIMED }
    }

    #[inline]
    pub(crate) fn entered_at(self, now: u64) -> Self {
        Self { time: now, ..self }
    }

    pub(crate) fn generation(&self) -> u32 {
        (self.word >> 32) as u32
    }

    pub(crate) fn pass(&self) -> Pass {
        match self.word & PASS {
            0 => Pass::Counted,
            1 => Pass::Uncounted,
            _ => Pass::Probe((self.word >> SLOT_SHIFT) as u32 % SLOTS),
        }
    }

    pub(crate) fn heard(&self) -> Heard {
        match (self.word & HEARD) >> 2 {
            0 => Heard::Nothing,
            1 => Heard::Success,
            _ => Heard::Enough,
        }
    }

    pub(crate) fn hear(&mut self, heard: Heard) {
        let bits = match heard {
            Heard::Nothing => 0,
            Heard::Success => 1,
            Heard::Enough => 2,
        };
        self.word = self.word & !HEARD | bits << 2;
    }

    /// Whether it is a counted call, in the generation of this word, that has told nothing, of a circuit that counts runs
    /// only and no times: one comparison.
    #[inline]
    pub(crate) fn is_plain(&self, word: Word) -> bool {
        self.word == word.0 & (Word::GENERATION | Word::WINDOWS | Word::TIMED)
    }

    /// Whether it is a counted call, in the generation of this word, that has told nothing.
    #[inline]
    pub(crate) fn is_counted(&self, word: Word) -> bool {
        self.word & !HEAD == word.0 & Word::GENERATION
    }

    #[inline]
    pub(crate) fn has_told_success(&self) -> bool {
        self.word & HEARD == 1 << 2
    }

    pub(crate) fn has_head(&self) -> bool {
        self.word & HEAD != 0
    }

    /// The head came at this time: the call's time stands.
    #[inline]
    pub(crate) fn head_at(&mut self, now: impl FnOnce() -> u64) {
        if self.time != UNTIMED && !self.has_head() {
            self.time = now().saturating_sub(self.time);
        }
        self.word |= HEAD;
    }

    /// How long the head took, or has been waited for.
    #[inline]
    pub(crate) fn took(&self, now: impl FnOnce() -> u64) -> Option<u64> {
        match self.time {
            UNTIMED => None,
            time if self.has_head() => Some(time),
            entered => Some(now().saturating_sub(entered)),
        }
    }
}

impl Outcome {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match verdict.class() {
            Class::Success => Self::Success,
            Class::Failure => Self::Failure,
            Class::Throttled => Self::Throttled,
            Class::Neutral if verdict.is_dropped() => Self::Dropped,
            // Also classes of the future: what is not understood decides nothing.
            _ => Self::Neutral,
        }
    }

    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Self::Failure | Self::Throttled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_keeps_its_terms_whatever_it_hears() {
        for pass in [Pass::Counted, Pass::Uncounted, Pass::Probe(0), Pass::Probe(SLOTS - 1)] {
            for heard in [Heard::Success, Heard::Enough, Heard::Nothing] {
                let mut ticket = Ticket::new(u32::MAX, pass).entered_at(5);
                assert_eq!(ticket.took(|| 9), Some(4));
                ticket.head_at(|| 8);
                ticket.hear(heard);
                ticket.head_at(|| 100);
                assert_eq!((ticket.pass(), ticket.heard()), (pass, heard));
                assert_eq!((ticket.generation(), ticket.took(|| 100)), (u32::MAX, Some(3)));
            }
        }
        assert_eq!(Ticket::new(1, Pass::Counted).took(|| 1), None);
    }
}
