//! A cache with a full copy in each zone, over memcached's protocol: reads stay in the zone until it fails, writes go
//! to all zones and report how many copies really took them. With a small [node] to run it on.
//!
//! It succeeds Netflix's EVCache: keys meet the same nodes ([ring]), zones play the same part.
//!
//! Words: a *zone* holds one full copy of the cache; a *node* is one server of it; a *copy* is a value at the node that
//! owns its key in one zone; a *latch* says how many copies a write waits for.
//!
//! # What happens to a call
//!
//! ```text
//! get --> local zone: ring --> node's gate --> connection --> hit, or miss, which is an answer
//!             | refused, not connected, timed out, broken      (a miss goes on too: Fallback::OnErrorOrMiss)
//!             v
//!         another zone: ring --> node's gate --> connection        all within Settings::read_deadline
//!
//! set --> every zone at once: ring --> node's gate --> connection --> success or failure
//!             '--> returns when the latch has its successes or can no longer get them; the rest goes on
//! ```
//!
//! # Example
//!
//! ```no_run
//! use orlop_evcache::{App, EvCache, Latch, Value, core::Endpoint};
//! use std::time::Duration;
//! use tokio::net::TcpStream;
//!
//! async fn rows(member: &str) -> Result<Option<Value>, Box<dyn std::error::Error>> {
//!     let nodes = [("a", 1), ("b", 2), ("c", 3)].map(|(zone, n)| {
//!         Endpoint::builder(format!("cache-{zone}"), ([127, 0, n, 1], 11211)).zone(zone).build()
//!     });
//!     let cache = EvCache::builder(App::new("home")?)
//!         .local_zone("a")
//!         .fixed(|node: &Endpoint| TcpStream::connect(node.addr().to_string()), nodes);
//!
//!     let written = cache.set(member, "rows", Duration::from_secs(900), Latch::Quorum).await?;
//!     if !written.is_satisfied() {
//!         eprintln!("only {} of {} copies", written.successes, written.needed);
//!     }
//!     Ok(cache.get(member).await?)
//! }
//! ```
//!
//! With [`Builder::discover`] the nodes come from any stream of [`Update`](core::Update)s, and with
//! [`Builder::gates`] each gets a circuit, a limit, or a pair of both in front of it.
//!
//! # How to choose settings
//!
//! * [`Settings::local_timeout`]: some ten times the p99 of a healthy read. A frozen node costs each read this long,
//!   until its connection is given up ([`client::Settings::reply_timeout`]) or its circuit opens.
//! * [`Settings::fallback`]: `OnError`, unless zones come back empty and what they hold is dear to make; going on after
//!   a miss doubles the reads of keys that are cached nowhere.
//! * [`Latch`]: `Quorum` for what will be read soon in another zone, `None` for what is easily made again. No latch
//!   makes a cache a store: a satisfied one says what was written, not that it is still there.
//! * [`client::Settings::max_in_flight`]: a few times calls per second × p99. More only lets callers wait where they
//!   could have gone elsewhere.
//!
//! # What is shared
//!
//! Clones of an [`EvCache`] are the same cache: one connection and one gate per node. All clients of one cache must
//! use the same [`App`] and [`Naming`]. A zone whose nodes discovery no longer names does not count in a latch.
//!
//! # Cancellation
//!
//! Dropping a read leaves its connection usable: the reply is read and thrown away. Dropping a write that has been
//! polled lets it go on: half a replica set would be worse. Dropping the last handle finishes the writes begun, each
//! within [`Settings::write_timeout`], then closes the connections.
//!
//! # What it costs
//!
//! A read hashes its key once (MD5) and searches the zone's ring; it allocates the key, the command's opaque and the
//! flags of its reply; it takes one lock that only its connection's own task shares. Commands of many tasks leave in
//! one write. A value is not copied on its way in. A write boxes one future per zone. A node costs the client one task
//! and one connection, the cache one task.
//!
//! # Keys
//!
//! Sent as `app:key` up to 200 bytes; longer ones as a SHA-256 hash, with the whole key kept in the value and compared,
//! so that a collision is a miss. White space and control characters are refused.
//!
//! # Features and MSRV
//!
//! No features. Rust 1.88.

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
