//! A zone-replicated cache client over memcached's protocol, and a small node to run it on.

mod cache;
pub mod client;
pub mod node;
pub mod protocol;
pub mod ring;
mod value;

pub use cache::{
    App, Builder, CacheError, CacheErrorKind, Counts, EvCache, Fallback, Latch, Naming, NodeError,
    NodeSnapshot, Settings, Snapshot, WriteOutcome, ZoneSnapshot,
};
pub use orlop_core as core;
pub use value::Value;
