//! What a circuit shows of itself.

use crate::{Counts, State};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Why a circuit is not closed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// So many failures came in a row.
    ConsecutiveFailures(u64),
    /// A window held this: too many failures.
    Failures(Counts),
    /// A window held this: too large a share of failures.
    FailureRate(Counts),
    /// A window held this: too large a share of slow calls.
    SlowRate(Counts),
    /// The mean success rate fell to this.
    SuccessRate(f64),
    /// So many calls in a row were dropped, and not one had its head before.
    OnlyDrops(u64),
    /// The probes' results were these.
    ProbesFailed(Counts),
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
    pub(crate) in_shadow: Option<State>,
    pub(crate) cause: Option<Cause>,
    pub(crate) since: Instant,
    pub(crate) until: Option<Instant>,
    pub(crate) generation: u32,
    pub(crate) consecutive_failures: u64,
    pub(crate) drops_in_a_row: u64,
    pub(crate) windows: Vec<Counts>,
    pub(crate) success_rates: Vec<f64>,
    pub(crate) probes_in_flight: u32,
    pub(crate) probe_results: Counts,
    pub(crate) share: Option<f64>,
    pub(crate) refused: u64,
    pub(crate) would_have_refused: u64,
}

/// A circuit went from one state to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) in_shadow: bool,
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

    /// Where a circuit in shadow would stand.
    pub fn in_shadow(&self) -> Option<State> {
        self.in_shadow
    }

    /// Why it is not closed. A half-open circuit shows why it was open.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// When it entered the state.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Open: when the first probe may pass, once that is known. In a ramp: when it is over.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// The number of the stay in this state; it changes with every transition.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// While calls pass: failures since the last success; or, if more, bodies that broke off since one last ended.
    pub fn consecutive_failures(&self) -> u64 {
        self.consecutive_failures
    }

    /// While calls pass: calls dropped since the last head of a response.
    pub fn drops_in_a_row(&self) -> u64 {
        self.drops_in_a_row
    }

    /// While calls pass: what the windows hold, in the order of the rules that have one.
    pub fn windows(&self) -> &[Counts] {
        &self.windows
    }

    /// While calls pass: the mean success rates, in the order of the rules that have one.
    pub fn success_rates(&self) -> &[f64] {
        &self.success_rates
    }

    /// Half-open: probes that hold a slot whose time is not over.
    pub fn probes_in_flight(&self) -> u32 {
        self.probes_in_flight
    }

    /// Half-open: what the probes found out so far.
    pub fn probe_results(&self) -> Counts {
        self.probe_results
    }

    /// In a ramp: the share of calls that passes.
    pub fn share(&self) -> Option<f64> {
        self.share
    }

    /// Refusals since the circuit was made or reset, on entering and to those who asked before.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Calls that a circuit in shadow let through and would have refused, since it was made or reset.
    pub fn would_have_refused(&self) -> u64 {
        self.would_have_refused
    }
}

impl Transition {
    /// The circuit's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the circuit is in shadow: it only computes, and the states are those it would be in.
    pub fn is_in_shadow(&self) -> bool {
        self.in_shadow
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
            Self::Failures(Counts { calls, failures, .. })
            | Self::FailureRate(Counts { calls, failures, .. }) => {
                write!(f, "{failures} of {calls} calls failed")
            }
            Self::SlowRate(Counts { calls, slow, .. }) => {
                write!(f, "{slow} of {calls} calls were slow")
            }
            Self::SuccessRate(rate) => write!(f, "mean success rate {rate:.3}"),
            Self::OnlyDrops(drops) => write!(f, "{drops} calls dropped with no answer"),
            Self::ProbesFailed(Counts { calls, failures, .. }) => {
                write!(f, "{failures} of {calls} probes failed")
            }
            Self::Unready => f.write_str("service not ready"),
            Self::Forced => f.write_str("forced"),
        }
    }
}
