//! How a command ends when it does not succeed: one line that says what to do, and an exit code.

use std::fmt;

/// One clear line for the user, and which exit code it means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The work was done and went wrong. Exit code 1.
    Failed(String),
    /// The request itself cannot be served: arguments, configuration, a taken port, a missing directory. Exit code 2.
    Usage(String),
    /// The machine could not keep up, so nothing was judged. Exit code 3.
    TooSlow(String),
}

impl Failure {
    /// Exit code 1.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// Exit code 2.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// The process's exit code: 1 failed, 2 usage or configuration, 3 machine too slow.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::TooSlow(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Usage(text) | Self::TooSlow(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}
