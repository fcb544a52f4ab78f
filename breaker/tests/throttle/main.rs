//! The laws of a throttle, each a test named after it.
#![cfg(not(orlop_loom))]
#![allow(missing_docs)]

mod accepts;
mod admission;
mod formula;
mod guard;
#[cfg(feature = "metrics")]
mod metrics;
mod model;
#[cfg(feature = "serde")]
mod settings;
mod share;
mod support;
mod update;
