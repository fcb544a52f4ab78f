//! Counters and gauges through the `metrics` facade.

use crate::{State, Transition};
use metrics::{Counter, Gauge, counter, gauge};

/// Transitions of named circuits. Labels: `circuit`, `to`.
pub(crate) const TRANSITIONS: &str = "orlop_breaker_transitions_total";
/// Refusals of named circuits. Label: `circuit`.
pub(crate) const REFUSED: &str = "orlop_breaker_refused_total";
/// 1 for the state a named circuit is in, 0 for the others. Labels: `circuit`, `state`.
pub(crate) const STATE: &str = "orlop_breaker_state";

/// The handles of one name, registered once.
pub(crate) struct Meters {
    transitions: [Counter; 5],
    refused: Counter,
    /// `None` where many circuits share the name.
    state: Option<[Gauge; 5]>,
}

impl Meters {
    pub(crate) fn new(name: &str, shared: bool) -> Self {
        let state = || {
            State::ALL
                .map(|state| gauge!(STATE, "circuit" => name.to_owned(), "state" => state.as_str()))
        };
        let meters = Self {
            transitions: State::ALL.map(
                |state| counter!(TRANSITIONS, "circuit" => name.to_owned(), "to" => state.as_str()),
            ),
            refused: counter!(REFUSED, "circuit" => name.to_owned()),
            state: (!shared).then(state),
        };
        meters.show(State::Closed);
        meters
    }

    pub(crate) fn transition(&self, transition: &Transition) {
        self.transitions[transition.to() as usize].increment(1);
        self.show(transition.to());
    }

    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    fn show(&self, current: State) {
        for (gauge, state) in self.state.iter().flatten().zip(State::ALL) {
            gauge.set(if state == current { 1.0 } else { 0.0 });
        }
    }
}
