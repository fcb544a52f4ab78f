use std::{error::Error, fmt};

use super::Key;

/// Why input is not protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    kind: ParseErrorKind,
    fatal: bool,
    key: Option<Key>,
}

/// The ways in which input is not protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The first word of the line is no command.
    UnknownCommand,
    /// Words are missing, too many, or not what belongs there.
    BadLine,
    /// A number is not one, or out of range.
    BadToken,
    /// An expiry time is no number.
    BadExpiry,
    /// The length of a payload cannot be read, so nobody knows where the next command starts.
    BadLength,
    /// The payload does not end where its length says.
    BadChunk,
    /// The payload is larger than the limit.
    ValueTooLarge,
    /// The line is longer than the limit.
    LineTooLong,
    /// A flag that this command does not have.
    BadFlag,
    /// The same flag twice.
    DuplicateFlag,
    /// An opaque longer than 32 bytes.
    OpaqueTooLong,
    /// `M` with a mode that is none.
    BadMode,
    /// A line that is no reply.
    BadReply,
}

// ===== impl ParseError =====

impl ParseError {
    pub(super) const fn new(kind: ParseErrorKind) -> Self {
        Self { kind, fatal: false, key: None }
    }

    pub(crate) const fn fatal(kind: ParseErrorKind) -> Self {
        Self { kind, fatal: true, key: None }
    }

    /// Names the key whose value was refused.
    pub(super) fn of(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// The key whose value was refused as [too large](ParseErrorKind::ValueTooLarge). What is stored under it is
    /// out of date: somebody meant to replace it.
    pub const fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// What is wrong.
    pub const fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// Whether nobody can tell where the next command starts, so that the connection must end.
    pub const fn is_fatal(&self) -> bool {
        self.fatal
    }
}

impl From<ParseErrorKind> for ParseError {
    fn from(kind: ParseErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for ParseError {
    // memcached's own words where it has the same complaint: clients match on them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ParseErrorKind::UnknownCommand => "unknown command",
            ParseErrorKind::BadLine | ParseErrorKind::BadLength => "bad command line format",
            ParseErrorKind::BadToken => "bad token in command line format",
            ParseErrorKind::BadExpiry => "invalid exptime argument",
            ParseErrorKind::BadChunk => "bad data chunk",
            ParseErrorKind::ValueTooLarge => "object too large for cache",
            ParseErrorKind::LineTooLong => "line too long",
            ParseErrorKind::BadFlag => "invalid flag",
            ParseErrorKind::DuplicateFlag => "duplicate flag",
            ParseErrorKind::OpaqueTooLong => "opaque token too long",
            ParseErrorKind::BadMode => "invalid mode for ms M token",
            ParseErrorKind::BadReply => "not a memcached reply",
        })
    }
}

impl Error for ParseError {}
