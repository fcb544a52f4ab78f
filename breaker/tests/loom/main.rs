//! Every interleaving of two or three threads at one circuit. Run with
//!
//! ```text
//! RUSTFLAGS="--cfg orlop_loom" CARGO_TARGET_DIR=target/loom cargo test -p orlop-breaker --test loom --no-default-features
//! ```
//!
//! Two threads are explored without a bound, three, and one long case, with at most two preemptions: without it they take minutes.
#![cfg(orlop_loom)]
#![allow(missing_docs)]

mod hands;
mod late;
mod probes;
mod ramp;
mod support;
mod tell;
mod trips;
mod windows;

// The windows are the crate's own business, so they are compiled here once more to be looked at by themselves.
#[allow(dead_code)]
#[path = "../../src/sync.rs"]
mod sync;
#[allow(dead_code, unused_imports)]
#[path = "../../src/window/mod.rs"]
mod window;
