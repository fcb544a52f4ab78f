use std::{error::Error, fmt};

use orlop_core::{Rejected, Verdict};

use crate::{client::ClientError, protocol::KeyError};

/// Why a cache call came to nothing.
#[derive(Clone, Debug)]
pub struct CacheError {
    kind: CacheErrorKind,
    source: Option<NodeError>,
}

/// The ways in which a cache call comes to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheErrorKind {
    /// The key is none.
    Key(KeyError),
    /// The time to live is zero.
    ZeroTtl,
    /// The value is larger than what a node takes.
    TooLarge {
        /// Its size in bytes.
        len: usize,
        /// The largest, for this key.
        max: usize,
    },
    /// No copy answered. The source is what the last one tried said.
    Unavailable,
}

/// Why one node gave no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NodeError {
    /// Its gate refused, or there is no node.
    Rejected(Rejected),
    /// It did not answer in time.
    TimedOut,
    /// Its connection says.
    Client(ClientError),
}

// ===== impl CacheError =====

impl CacheError {
    /// What happened.
    pub const fn kind(&self) -> &CacheErrorKind {
        &self.kind
    }

    pub(super) const fn unavailable(source: NodeError) -> Self {
        Self { kind: CacheErrorKind::Unavailable, source: Some(source) }
    }
}

impl From<CacheErrorKind> for CacheError {
    fn from(kind: CacheErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<KeyError> for CacheError {
    fn from(error: KeyError) -> Self {
        CacheErrorKind::Key(error).into()
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CacheErrorKind::Key(error) => error.fmt(f),
            CacheErrorKind::ZeroTtl => f.write_str("time to live must be longer than zero"),
            CacheErrorKind::TooLarge { len, max } => {
                write!(f, "value has {len} bytes, at most {max} are allowed")
            }
            CacheErrorKind::Unavailable => f.write_str("no copy of the cache answered"),
        }
    }
}

impl Error for CacheError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}

// ===== impl NodeError =====

impl NodeError {
    /// What it says of the node, for its gate.
    pub(super) const fn verdict(&self) -> Verdict {
        match self {
            Self::Rejected(_) => Verdict::REFUSED,
            Self::TimedOut => Verdict::TIMED_OUT,
            Self::Client(error) => error.verdict(),
        }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(_) => "cache node not asked",
            Self::TimedOut => "cache node did not answer in time",
            Self::Client(_) => "cache node gave no answer",
        })
    }
}

impl Error for NodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::TimedOut => None,
            Self::Client(error) => Some(error),
        }
    }
}
