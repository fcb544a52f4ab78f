//! The atomics that loom explores. Under `cfg(orlop_loom)` they are loom's, else std's.

#[cfg(orlop_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(orlop_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
