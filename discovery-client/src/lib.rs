//! Service discovery: streams of the endpoints that a service has, which outlive the registry they came from.
//!
//! # What happens
//!
//! ```text
//!   fixed(list) ----------------------------.
//!   file::watch(path) ----- a TOML file -----+--> Stream<Item = Update> --> a balancer, or your own loop
//!   eureka::Discovery::watch("playback") ----'
//!         '-- one task: full fetch, then deltas, from one registry after another
//!
//!   eureka::Registration: one task, the other way round: registers, then sends heartbeats
//! ```
//!
//! A stream says nothing until it knows something. Then it yields [`Update::Reset`](core::Update::Reset) with the whole
//! list, and what changes from there on. What cannot be learned is said ([`Failed`](core::Update::Failed),
//! [`Stale`](core::Update::Stale)) and changes nothing: an endpoint that was known stays known.
//!
//! # The smallest example
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use futures_util::StreamExt;
//! use orlop_discovery_client::{
//!     core::{Endpoint, Update},
//!     fixed,
//! };
//!
//! let mut playback = fixed([
//!     Endpoint::new("playback-1", ([127, 0, 1, 1], 9110)),
//!     Endpoint::new("playback-2", ([127, 0, 2, 1], 9110)),
//! ]);
//! let Some(Update::Reset(list)) = playback.next().await else { panic!("a list comes first") };
//! assert_eq!(list.len(), 2);
//! # });
//! ```
//!
//! # With Eureka
//!
//! Any tower service of HTTP requests carries them: hyper's client, reqwest's, a simulated network's. Here it is a
//! function that answers like a registry of one instance.
//!
//! ```
//! # #[cfg(feature = "eureka")]
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use bytes::Bytes;
//! use futures_util::StreamExt;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use orlop_discovery_client::{
//!     core::Update,
//!     eureka::{Client, Discovery, Settings, wire::{Application, Applications, InstanceInfo}},
//! };
//!
//! let http = tower::service_fn(|_: Request<Full<Bytes>>| async {
//!     let one = InstanceInfo::new("playback", "playback-1", "127.0.1.1", 9110).zone("a");
//!     let all = vec![Application::new("PLAYBACK", vec![one])];
//!     let all = Applications::new(1, "UP_1_".into(), all);
//!     Ok::<_, std::io::Error>(Response::new(Full::new(Bytes::from(all.to_json()))))
//! });
//! let client = Client::new(http, ["http://127.0.1.1:8761/eureka/v2", "http://127.0.2.1:8761/eureka/v2"])?;
//! let discovery = Discovery::new(client, Settings::new());
//! let mut playback = discovery.watch("playback");
//! let Some(Update::Reset(list)) = playback.next().await else { panic!("a list comes first") };
//! assert_eq!(list[0].zone(), Some("a"));
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # How to choose settings
//!
//! | setting | default | choose |
//! |---|---|---|
//! | `Settings::interval` | 30 s | how late a change may be seen; each fetch is a delta, so 1 s is fine for a small cluster |
//! | `Settings::lease` | 90 s | the lease that instances register with: how long a list that lost most of its endpoints is doubted |
//! | `RegistrationSettings::heartbeat` | 30 s | a third of the lease or less, so that two lost ones do no harm |
//! | `RegistrationSettings::lease` | 90 s | how long a dead instance may stay listed; circuits keep calls away from it sooner |
//! | `Client::timeout` | 5 s | how long a frozen registry holds up one round, once in 30 s |
//! | `file::Watch::every` | 5 s | how late a change of the file may be seen |
//!
//! # What is shared
//!
//! Clones of an `eureka::Client` share what they know of registries that failed. All clones of a `Discovery` and all
//! its watches share one task and one list. A watch keeps only what it has told, so one that is polled late costs no
//! queue and misses nothing but what is outdated.
//!
//! # What happens on cancel
//!
//! Dropping a stream has no effect on others; the fetching task ends with the last of them. Dropping a `Registration`
//! stops its heartbeats and says nothing to the registry; `deregister` does. Requests that are dropped midway may or may
//! not have reached the registry; every one of them may be repeated.
//!
//! # What it costs
//!
//! The whole registry is kept in memory once, and each fetch compares it with what was known: linear in the number of
//! instances. Nothing of this is on the path of a call.
//!
//! # Features
//!
//! None is on by default; `fixed` needs none.
//!
//! * `eureka`: the Eureka client, watches and registration, and its wire model. JSON, not compressed. No Eureka over XML.
//! * `file`: lists in TOML files.
//!
//! # MSRV
//!
//! Rust 1.88.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
