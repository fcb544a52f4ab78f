//! From a service's name to a call that survives: discovery, balancing, circuits, limits and retries as one client.
//!
//! # The smallest example
//!
//! ```no_run
//! # #[cfg(feature = "hyper")]
//! # async fn example() -> Result<(), orlop::BoxError> {
//! use orlop::{Body, Endpoint, connect::{self, Http}, discovery};
//!
//! let playback: orlop::Client = orlop::client("playback")
//!     .discover(discovery::fixed(vec![
//!         Endpoint::new("playback-1", ([127, 0, 1, 1], 9110)),
//!         Endpoint::new("playback-2", ([127, 0, 2, 1], 9110)),
//!     ]))
//!     .connect(connect::hyper(Http::One))
//!     .build()?;
//!
//! let request = http::Request::get("/plays/7").body(Body::empty())?;
//! let response = playback.send(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What happens to a call
//!
//! ```text
//!  request --> total deadline --> attempt 1 --> attempt deadline --> balance --> [circuit, limit] --> connection
//!                 |                  ^                                  |  passes over endpoints whose gates refuse,
//!                 |                  '--- attempt 2, elsewhere <--------'  and those already tried
//!                 v
//!              response: its body keeps the permits until it has ended or is dropped
//! ```
//!
//! An attempt that was provably not sent (refused here, or no connection) is always tried elsewhere. One that may have been
//! sent is tried again only if the call is idempotent and the budget pays. A failure, a time-out and a refused connection
//! all count against the endpoint's circuit; local refusals do not.
//!
//! # Why a call failed
//!
//! [`Cause::of`] reads it from the final error, and [`Cause::in_response`] from an answer that is a failure: the attempt, the
//! endpoint, and the layer that refused or failed. With the feature `tracing`, each call has a span `orlop.call` at level
//! debug, and the following fields of it are set when it ends, with the head of its answer:
//!
//! | field | value |
//! |---|---|
//! | `client` | the client's name |
//! | `attempts` | how many there were |
//! | `endpoint` | where the last one went, or whose gate refused it |
//! | `layer` | as [`cause::Layer`] has it: `circuit`, `limit`, `deadline`, `balance`, `connect`, `service`, ...; not set where nothing failed |
//! | `outcome` | `success`; `answered` where the end decides; `failure`; `refused` by this process; `dropped` by the caller |
//!
//! # How to choose settings
//!
//! Set `retry.timeout` to what the caller can wait, and `retry.attempt_timeout` to a little more than the slowest good
//! answer: without it a frozen endpoint holds a call until its end. Say `retry.idempotent = true` where repeating does no
//! harm, since most methods that are not GET are taken to do some. The rest can stay. [`Settings`] has the file format.
//!
//! # What is shared
//!
//! Clones of a client share endpoints, connections, circuits, limits and the retry budget. Two clients share nothing.
//!
//! # What happens on cancel
//!
//! Dropping the response future or the body ends the call at once. At or after its deadline that counts as a failure of
//! the endpoint, else as nothing. Nothing goes on in the background.
//!
//! # What it costs
//!
//! Three allocations a call over the leaf crates: the client's future, and the boxes of request and response body where
//! those are neither empty nor whole. The layers take no lock on the way of a healthy call.
//!
//! # One crate, one layer
//!
//! Each part is a crate of its own that can be used without this one: [`breaker`], [`bulkhead`], [`retry`], [`fallback`],
//! [`lb`], [`discovery`].
//!
//! # Recipes
//!
//! Small programs that run and end, in the repository's `examples/`:
//!
//! | for | program |
//! |---|---|
//! | a tonic channel, a tonic server | `tonic_grpc` |
//! | an axum router | `axum_server` |
//! | hyper | `hyper_client` |
//! | reqwest | `reqwest_client` |
//! | reqwest-middleware | `reqwest_middleware` |
//! | a plain function, without tower | `plain_function` |
//! | OpenTelemetry | `opentelemetry` |
//! | what you have now | `before_and_after_layers`, `before_and_after_balance_list` |
//!
//! # Features
//!
//! None by default. `hyper`, `reqwest`: [`connect`]. `reqwest-middleware`: gates in front of a reqwest client. `file`: [`SettingsFile`], and endpoints from files. `eureka`: endpoints
//! from Eureka. `metrics`: what circuits tell. `tracing`: that, too, and a span for each call.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod catalogue;
pub mod cause;
mod client;
pub mod connect;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub mod reqwest_middleware;
#[cfg(any(feature = "reqwest", feature = "reqwest-middleware"))]
mod sync_body;

#[cfg(feature = "file")]
#[cfg_attr(docsrs, doc(cfg(feature = "file")))]
pub use self::file::{SettingsError, SettingsFile};
pub use self::{
    body::Body,
    catalogue::Catalogue,
    cause::Cause,
    client::{Client, ClientBuilder, ClientSnapshot, EndpointSnapshot, NoRuntime, Settings, Unset},
};
pub use orlop_breaker as breaker;
pub use orlop_bulkhead as bulkhead;
pub use orlop_core as core;
pub use orlop_core::{Addr, BoxError, CallContext, Endpoint, Rejected, Update};
pub use orlop_discovery_client as discovery;
pub use orlop_fallback as fallback;
pub use orlop_lb as lb;
pub use orlop_retry as retry;

use std::sync::Arc;

/// Starts a client of the service with this name, which appears in refusals, reports and metrics.
pub fn client(name: impl Into<Arc<str>>) -> ClientBuilder {
    ClientBuilder::new(name.into())
}
