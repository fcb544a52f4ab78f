//! What a circuit shows of itself.

use crate::{Counts, State};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Why a circuit is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// So many failures came in a row.
    ConsecutiveFailures(u64),
    /// A window held this.
    FailureRate(Counts),
    /// A probe failed, or was throttled.
    ProbeFailed,
    /// The service failed to become ready when it was time for a probe.
    Unready,
    /// By hand.
    Forced,
}

/// A circuit at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) state: State,
    pub(crate) cause: Option<Cause>,
    pub(crate) since: Instant,
    pub(crate) until: Option<Instant>,
    pub(crate) generation: u32,
    pub(crate) consecutive_failures: u64,
    pub(crate) windows: Vec<Counts>,
    pub(crate) probes_in_flight: u32,
    pub(crate) probe_successes: u32,
    pub(crate) refused: u64,
}

/// A circuit went from one state to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) cause: Option<Cause>,
    pub(crate) generation: u32,
    pub(crate) at: Instant,
    pub(crate) until: Option<Instant>,
}

impl Snapshot {
    /// The circuit's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it stands. An open circuit whose time is over stays open until somebody calls.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it is not closed. A half-open circuit shows why it was open.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// When it entered the state.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Open: when the first probe may pass.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// The number of the stay in this state; it changes with every transition.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Closed: failures since the last success.
    pub fn consecutive_failures(&self) -> u64 {
        self.consecutive_failures
    }

    /// Closed: what the windows hold, in the order of the failure rates in the settings.
    pub fn windows(&self) -> &[Counts] {
        &self.windows
    }

    /// Half-open: probes that hold a slot whose time is not over.
    pub fn probes_in_flight(&self) -> u32 {
        self.probes_in_flight
    }

    /// Half-open: probes that succeeded, one after the other.
    pub fn probe_successes(&self) -> u32 {
        self.probe_successes
    }

    /// Refusals since the circuit was made, on entering and to those who asked before.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Transition {
    /// The circuit's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The state before.
    pub fn from(&self) -> State {
        self.from
    }

    /// The state after.
    pub fn to(&self) -> State {
        self.to
    }

    /// Why the circuit is not closed.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// The number of the new stay.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// When it happened.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// When the first probe may pass, after opening.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// How long the circuit stays open, after opening.
    pub fn open_time(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(self.at))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures(run) => write!(f, "{run} consecutive failures"),
            Self::FailureRate(Counts { calls, failures }) => {
                write!(f, "{failures} of {calls} calls failed")
            }
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::Unready => f.write_str("service not ready"),
            Self::Forced => f.write_str("forced"),
        }
    }
}
