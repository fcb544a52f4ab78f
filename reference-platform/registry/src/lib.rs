//! A service registry that speaks Eureka's wire protocol and replicates to its peers.
//!
//! # What happens
//!
//! ```text
//!   instances --register, heartbeat, leave--> [Registry a] --batches, 500 ms--> [Registry b], [Registry c]
//!   clients   <--full list, delta------------      |
//!                                        one task: copy at the start, evict, replicate
//! ```
//!
//! A [`Registry`] is a tower service of HTTP requests. It serves `/eureka`, `/eureka/v2` and `/v2`, in JSON. Java,
//! JavaScript and Python clients of Eureka can register at it; those that insist on XML cannot read it (406).
//!
//! Every change that an instance or operator makes is told to every peer; what a peer tells is not told on. A registry
//! that starts copies from the first peer that answers; one that could copy from nobody answers reads with 403 for a
//! while, so that its first, empty list is not taken for the truth.
//!
//! # The smallest example
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use std::time::{Duration, SystemTime};
//!
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use orlop_registry::{
//!     Registry, Settings,
//!     client::eureka::{Client, wire::InstanceInfo},
//! };
//!
//! let settings = Settings::new().empty_wait(Duration::ZERO);
//! let registry = Registry::new(settings, [], SystemTime::now);
//!
//! // A server mounts the registry; here the client calls it directly.
//! let client = Client::new::<_, Full<Bytes>, _, _>(registry, ["http://127.0.0.1:8761/eureka/v2"])?;
//! client.register(&InstanceInfo::new("playback", "playback-1", "127.0.1.1", 9110)).await?;
//! let playback = client.fetch_app("playback").await?.expect("it has just registered");
//! assert_eq!(playback.instances[0].instance_id, "playback-1");
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! Behind hyper's server: `hyper_util::service::TowerToHyperService::new(registry.clone())`. With peers: one
//! [`Client`](client::eureka::Client) of one address for each other registry.
//!
//! # How to choose settings
//!
//! | setting | default | choose |
//! |---|---|---|
//! | `empty_wait` | 5 min | two heartbeats of the instances |
//! | `tick` | 1 s | how late a lease that is over may be noticed |
//! | `batch_delay` | 500 ms | how late a peer may hear of a change, against the number of requests |
//! | `self_preservation` | off | how long nothing is evicted while more than 15 % of the leases are over |
//! | `max_instances`, `max_queue`, `max_body` | 100,000; 10,000; 8 MiB | memory |
//!
//! The registry has no authentication of its own: put it behind a layer that has, or on a network that is trusted.
//!
//! # Where it differs from Netflix's server
//!
//! * A lease is over one duration after the last heartbeat; there it is two.
//! * Reads see a change at once; there a cache is up to 30 s behind.
//! * A registry that itself stood still gives all leases that time back.
//! * An override belongs to an application's instance; there it is shared by all instances of that name.
//! * A peer cannot bring back an instance that left, unless with a newer state.
//! * A bad status or timestamp is answered with 400; there with 500.
//! * A bare number is taken as a port; there it is refused.
//! * No XML, no compression, no remote regions, no auto-scaling groups.
//!
//! # What is shared
//!
//! Clones are the same registry. Its task ends with the last clone.
//!
//! # What happens on cancel
//!
//! A request that is dropped before its body has arrived changes nothing; after that, everything it changes is changed
//! without waiting.
//!
//! # What it costs
//!
//! One lock for all state, held for one change or to copy one document: heartbeats are short, a full list is linear in
//! the number of instances. Memory is bounded by the settings.
//!
//! # MSRV
//!
//! Rust 1.88.

pub use orlop_discovery_client as client;
pub use orlop_discovery_client::core;

mod background;
mod http;
mod peers;
mod registry;
mod settings;
mod shared;
mod store;

pub use peers::PeerSnapshot;
pub use registry::{InstanceSnapshot, Registry, Snapshot};
pub use settings::Settings;
