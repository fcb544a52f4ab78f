//! For tests of services that call other services: faults on demand, endpoints that misbehave, and a probe that
//! catches middleware breaking tower's contract.
//!
//! * [`FaultLayer`] puts errors, delays, hangs, unreadiness and truncated bodies in front of a real service, switched
//!   by a [`Fault`] handle while calls run.
//! * [`MockPool`] is a set of endpoints for a balancer: each answers, slows down, fails, hangs or refuses connections,
//!   as the test says.
//! * [`Probe`] is a service that panics if it is called without having been ready, and counts what happens to it.
//!
//! Time is tokio's: with `start_paused = true` nothing here ever really sleeps.
//!
//! # What is shared
//!
//! The handle and everything made from it. Clones of the services start unready, as tower asks.
//!
//! # Features
//!
//! None by default. `http`: faults in response bodies.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "http")]
mod body;
mod fault;
mod layer;
mod pool;
mod probe;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use self::{body::FaultBody, layer::Bodies};
pub use self::{
    fault::{Fault, Injected, Mode},
    layer::{Answers, FaultLayer, FaultService, Whole},
    pool::{Behaviour, MockPool, MockService},
    probe::{Probe, ProbeFuture, ProbeHandle},
};
pub use orlop_core as core;
