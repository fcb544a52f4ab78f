//! Each flaw: one script, run against the peer that has it and against ours. A test's name is the law that ours keeps.
//!
//! What is asserted of a peer is what it does wrong. A test that fails there says that the peer is mended: take the claim
//! out of the README. Nothing is asserted of time, only of counts and states. Ours runs on tokio's paused clock. The peers
//! read the system's clock, so a script that has to wait for one asks every millisecond until its time is over.
#![allow(missing_docs)]

mod attribution;
mod average;
mod call;
mod clock;
mod count_window;
mod dropped;
mod gate;
mod gauge;
mod half_open;
mod nine;
mod readiness;
mod readme;
mod ring;
mod runtime;
mod sharing;
mod slow;
mod subject;
mod time_window;
mod waiting;

/// What to do when a peer does not do it any more.
const MENDED: &str = "the peer is mended: take the claim out of the README";
