//! Circuit breakers.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod circuit;
mod control;
#[cfg(feature = "serde")]
mod file;
mod gate;
mod keyed;
mod layer;
mod machine;
#[cfg(feature = "metrics")]
mod metrics;
mod observe;
mod open_time;
mod run;
mod settings;
mod snapshot;
mod sync;
mod tally;
mod ticket;
#[cfg(feature = "tracing")]
mod tracing;
mod window;
mod word;

pub use orlop_core as core;

pub use self::{
    circuit::Circuit,
    keyed::{Circuits, Keyed, KeyedSnapshot, KeyedTicket},
    layer::{Breaker, BreakerLayer},
    observe::Observe,
    open_time::OpenTime,
    settings::{InvalidSetting, Settings, Trip, Window},
    snapshot::{Cause, Snapshot, Transition},
    ticket::Ticket,
    window::Counts,
    word::State,
};
