//! Why a registry did not do what it was asked.

use std::{error::Error as StdError, fmt, time::Duration};

use http::StatusCode;

use super::wire::Malformed;

/// A request that no registry answered as it should.
///
/// It is about the registry that was asked last; [`tried`](Error::tried) says how many were.
#[derive(Debug)]
pub struct Error {
    asked: String,
    registry: String,
    tried: usize,
    kind: ErrorKind,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The service that carries requests failed: refused, reset, not resolved.
    Transport(Box<dyn StdError + Send + Sync>),
    /// No whole answer within this time.
    TimedOut(Duration),
    /// An answer with a status that is no success.
    Status(StatusCode, String),
    /// An answer that is larger than this many bytes.
    TooLarge(usize),
    /// An answer in an encoding that was not asked for.
    Encoded(String),
    /// An answer that is not the document asked for.
    Malformed(Malformed),
    /// A name or address that cannot be put into a request.
    Request(http::Error),
}

// ===== impl Error =====

impl Error {
    pub(super) fn new(asked: String, registry: String, tried: usize, kind: ErrorKind) -> Self {
        Self { asked, registry, tried, kind }
    }

    /// What was asked, such as `heartbeat of PLAYBACK/p-1`.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The address of the registry that was asked last.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// How many registries were asked.
    pub fn tried(&self) -> usize {
        self.tried
    }

    /// What went wrong with the last.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The status of the last answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match &self.kind {
            ErrorKind::Status(status, _) => Some(*status),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, registry, tried, kind } = self;
        write!(f, "{asked} at {registry}: {kind}")?;
        if *tried > 1 {
            write!(f, " ({tried} registries tried)")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            ErrorKind::Transport(cause) => Some(&**cause),
            ErrorKind::Malformed(cause) => Some(cause),
            ErrorKind::Request(cause) => Some(cause),
            _ => None,
        }
    }
}

// ===== impl ErrorKind =====

impl ErrorKind {
    /// Whether another registry may do better: this one did not answer, or says that it cannot now.
    pub(super) fn try_next(&self) -> bool {
        match self {
            Self::Status(status, _) => {
                status.is_server_error()
                    || status.is_redirection()
                    || matches!(
                        *status,
                        StatusCode::FORBIDDEN
                            | StatusCode::REQUEST_TIMEOUT
                            | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Request(_) => false,
            _ => true,
        }
    }

    /// Whether the registry is in trouble itself. One that answers 403 is only not ready to be read.
    pub(super) fn is_trouble(&self) -> bool {
        self.try_next() && !matches!(self, Self::Status(StatusCode::FORBIDDEN, _))
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(_) => f.write_str("cannot be reached"),
            Self::TimedOut(limit) => write!(f, "no answer within {limit:?}"),
            Self::Status(status, text) if text.is_empty() => write!(f, "answered {status}"),
            Self::Status(status, text) => write!(f, "answered {status}: {text}"),
            Self::TooLarge(limit) => write!(f, "answer over {limit} bytes"),
            Self::Encoded(encoding) => write!(f, "answer encoded as {encoding}"),
            Self::Malformed(_) => f.write_str("answer not understood"),
            Self::Request(_) => f.write_str("not a request that can be sent"),
        }
    }
}
