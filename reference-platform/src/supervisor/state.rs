//! What an instance is doing, and how one ended.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What an instance is doing, as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    Running,
    /// It was stopped and holds its port without answering.
    Frozen,
    /// There is none.
    Dead,
}

/// How an instance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// Killed.
    Signal(i32),
    /// In a way that has neither.
    Error(String),
}

/// One line of `platform status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// `playback-a`
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Its process, when it has one of its own.
    pub pid: Option<u32>,
    /// Where it listens.
    pub addr: SocketAddr,
    /// How often it was started.
    pub starts: u32,
    /// How it ended last, if it did.
    pub last_exit: Option<String>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Frozen => "frozen",
            Self::Dead => "dead",
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Error(text) => f.write_str(text),
        }
    }
}
