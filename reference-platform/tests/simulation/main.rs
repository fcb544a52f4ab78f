//! The real services on a simulated network with virtual time: what holds while hosts crash, freeze and lose each other,
//! and that one seed gives one trace.

mod healthy;
mod permits;
mod playback;
mod registries;
mod stage;
mod traces;
