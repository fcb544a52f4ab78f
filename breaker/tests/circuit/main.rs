//! The laws of a circuit, each a test named after it.
#![cfg(not(orlop_loom))]
#![allow(missing_docs)]

mod coarse;
mod consecutive;
mod contract;
mod force;
mod guard;
mod half_open;
#[cfg(feature = "http")]
mod http;
mod keyed;
mod listeners;
#[cfg(feature = "metrics")]
mod metrics;
mod open_time;
mod rates;
#[cfg(feature = "serde")]
mod settings;
mod support;
mod surface;
#[cfg(feature = "tracing")]
mod tracing;
mod wake;
