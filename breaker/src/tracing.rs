//! Transitions as `tracing` events.

use crate::Transition;

pub(crate) fn transition(transition: &Transition) {
    tracing::info!(
        circuit = transition.name(),
        shadow = transition.is_in_shadow(),
        from = transition.from().as_str(),
        to = transition.to().as_str(),
        cause = transition.cause().map(tracing::field::display),
        open_time = transition.open_time().map(tracing::field::debug),
        generation = transition.generation(),
        "circuit transition",
    );
}
