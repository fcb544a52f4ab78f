//! Scenes that other circuit breakers are tested with, played by ours: the same calls at the same times. Where libraries
//! disagree, our default and, where a setting offers it, the other way. A letter and a number name a case in the list of them.
#![cfg(not(orlop_loom))]
#![allow(missing_docs)]

mod drops;
mod failsafe_go;
mod failures;
mod finagle_and_sentinel;
mod gobreaker;
mod hooks;
mod hystrix;
mod polly;
mod ramp;
mod resilience4j;
mod shadow;
mod slow;
#[cfg(feature = "http")]
mod streams;
mod support;
mod unready;
mod windows;
