use std::{error::Error, fmt, sync::Arc};

use orlop_core::{Sent, Verdict};

use crate::protocol::Reply;

/// Why a node gave no answer.
#[derive(Clone, Debug)]
pub struct ClientError {
    kind: ClientErrorKind,
    /// Shared, because one broken connection fails many commands.
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The ways in which a node gives no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// There is no connection. Nothing was sent.
    Down,
    /// Too much is in flight. Nothing was sent.
    Full,
    /// The connection broke, or its node said nothing for too long. The command may have been done.
    Lost,
    /// The node answered with an error, or with what does not fit the command.
    Refused,
    /// The runtime that ran the connection has gone. Nothing was sent, or nobody knows.
    Closed,
}

// ===== impl ClientError =====

impl ClientError {
    pub(super) fn new(
        kind: ClientErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { kind, source: Some(Arc::from(source.into())) }
    }

    pub(super) fn unexpected(reply: &Reply) -> Self {
        let text = match reply {
            Reply::ServerError(text) | Reply::ClientError(text) => {
                String::from_utf8_lossy(text).into_owned()
            }
            other => format!("unexpected reply {other:?}"),
        };
        Self::new(ClientErrorKind::Refused, text)
    }

    /// What happened.
    pub const fn kind(&self) -> ClientErrorKind {
        self.kind
    }

    /// What it says of the node, for its gate.
    pub const fn verdict(&self) -> Verdict {
        match self.kind {
            ClientErrorKind::Down => Verdict::UNCONNECTED,
            ClientErrorKind::Full => Verdict::REFUSED,
            ClientErrorKind::Lost => Verdict::BROKEN,
            ClientErrorKind::Refused => Verdict::FAILURE,
            ClientErrorKind::Closed => Verdict::NEUTRAL.with_sent(Sent::Maybe),
        }
    }
}

impl From<ClientErrorKind> for ClientError {
    fn from(kind: ClientErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ClientErrorKind::Down => "cache node not connected",
            ClientErrorKind::Full => "too many commands in flight to cache node",
            ClientErrorKind::Lost => "connection to cache node lost",
            ClientErrorKind::Refused => "cache node refused the command",
            ClientErrorKind::Closed => "runtime of the cache connection has gone",
        })
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
