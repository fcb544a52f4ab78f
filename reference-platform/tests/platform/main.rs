//! The `platform` command, run for real: what it starts, breaks, refuses, and that it leaves nothing behind.
#![allow(clippy::disallowed_methods, reason = "tests look at the platform from outside")]

mod harness;
mod lifetime;
mod operations;
mod refusals;
