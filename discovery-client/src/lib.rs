//! Streams of the endpoints that a service has.
pub use orlop_core as core;

#[cfg(any(feature = "eureka", feature = "file"))]
mod diff;
#[cfg(feature = "eureka")]
#[cfg_attr(docsrs, doc(cfg(feature = "eureka")))]
pub mod eureka;
#[cfg(feature = "file")]
#[cfg_attr(docsrs, doc(cfg(feature = "file")))]
pub mod file;
mod fixed;

pub use fixed::{Fixed, fixed};
