//! Counters and gauges through the `metrics` facade.

use crate::{State, Transition};
use metrics::{Counter, Gauge, counter, gauge};

/// Transitions of named circuits. Labels: `circuit`, `to`.
pub(crate) const TRANSITIONS: &str = "orlop_breaker_transitions_total";
/// Transitions that circuits in shadow would make. Labels: `circuit`, `to`.
pub(crate) const SHADOW_TRANSITIONS: &str = "orlop_breaker_shadow_transitions_total";
/// Calls that circuits in shadow let through and would have refused. Label: `circuit`.
pub(crate) const WOULD_HAVE_REFUSED: &str = "orlop_breaker_would_have_refused_total";
/// Refusals of named circuits. Label: `circuit`.
pub(crate) const REFUSED: &str = "orlop_breaker_refused_total";
/// 1 for the state a named circuit is in, 0 for the others. Labels: `circuit`, `state`.
pub(crate) const STATE: &str = "orlop_breaker_state";

/// The handles of one name, registered once.
pub(crate) struct Meters {
    transitions: [Counter; 6],
    shadow_transitions: [Counter; 6],
    refused: Counter,
    would_have_refused: Counter,
    /// `None` where many circuits share the name.
    state: Option<[Gauge; 6]>,
}

impl Meters {
    pub(crate) fn new(name: &str, shared: bool) -> Self {
        let state = || {
            State::ALL
                .map(|state| gauge!(STATE, "circuit" => name.to_owned(), "state" => state.as_str()))
        };
        let to = |metric: &'static str| {
            State::ALL
                .map(|state| counter!(metric, "circuit" => name.to_owned(), "to" => state.as_str()))
        };
        Self {
            transitions: to(TRANSITIONS),
            shadow_transitions: to(SHADOW_TRANSITIONS),
            refused: counter!(REFUSED, "circuit" => name.to_owned()),
            would_have_refused: counter!(WOULD_HAVE_REFUSED, "circuit" => name.to_owned()),
            state: (!shared).then(state),
        }
    }

    pub(crate) fn transition(&self, transition: &Transition) {
        let to = transition.to();
        if transition.is_in_shadow() {
            self.shadow_transitions[to as usize].increment(1);
        } else {
            self.transitions[to as usize].increment(1);
            self.show(to);
        }
    }

    pub(crate) fn would_have_refused(&self) {
        self.would_have_refused.increment(1);
    }

    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    pub(crate) fn show(&self, current: State) {
        for (gauge, state) in self.state.iter().flatten().zip(State::ALL) {
            gauge.set(if state == current { 1.0 } else { 0.0 });
        }
    }
}
