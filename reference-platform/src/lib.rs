//! A streaming service built on orlop that shows, under injected faults, that it holds.
//!
//! Each service is `async fn serve(ctx, listener)`: it reaches the world only through its [`Ctx`], has no globals, and so
//! runs as a process of its own (the default), beside the others in one process, or in a simulation with virtual time.
//!
//! | module | what it is |
//! |---|---|
//! | [`topology`] | which instances there are, in which zone, at which address |
//! | [`graph`] | who may call whom, how, and what happens when that fails |
//! | [`ctx`] | what a service instance is given: listen, dial, clock, randomness, settings, its edges |
//! | [`http`] | serving a router on a listener, with a graceful end |
//! | [`catalogue`] | the titles, their bytes and digests, all from a seed |
//! | [`members`] | the virtual members and what they may watch |
//! | [`signing`] | links to bytes, and members' tokens |
//! | [`services`] | the services themselves |
//! | [`supervisor`] | starting, breaking and ending instances |
//! | [`cli`] | the `platform` command |

pub mod cache;
pub mod catalogue;
pub mod circuits;
pub mod cli;
pub mod client;
pub mod clock;
pub mod ctx;
pub mod demo;
pub mod discovery;
pub mod drain;
pub mod failure;
pub mod graph;
pub mod http;
pub mod members;
pub mod net;
pub mod rows;
pub mod services;
pub mod settings;
pub mod signing;
#[cfg(feature = "sim")]
pub mod simulation;
pub mod supervisor;
pub mod topology;
pub mod trace;

pub use ctx::{Ctx, UndeclaredEdge};
pub use failure::Failure;
pub use graph::{Edge, Graph, Protocol};
pub use net::{Listener, Net, Stream};
pub use settings::PlatformSettings;
pub use topology::{Instance, Service, Topology, Zone};

/// What a service ends with when it cannot go on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
