//! Keeps one thing your service calls from taking all it has: exact limits of calls in flight, and bounded queues.
//!
//! - [`Limit`] refuses what is too much, at once. It is a [`Gate`](core::Gate): use it with [`BulkheadLayer`], inside a
//!   balancer's endpoints, in a pair with a circuit, or without tower by [`Limit::try_enter`].
//! - [`Line`] lets a bounded number of calls wait for a bounded time, strictly in order. Use it with [`QueueLayer`], or
//!   without tower by [`Line::turn`].
//!
//! # What happens to a call
//!
//! ```text
//!  BulkheadLayer:  slot free? -- no --> refused (limit)
//!                      | yes
//!                      v
//!                inner service --> head --> body --> end: the slot is free. So it is after a drop or panic anywhere
//!
//!  QueueLayer:     slot free? -- no --> in line -- full, or waited too long --> refused (queue, deadline)
//!                      | yes               | its turn
//!                      v<------------------'
//!                inner service, as above
//! ```
//!
//! # Examples
//!
//! ```
//! use orlop_bulkhead::{BulkheadLayer, Limit, Line, QueueLayer, Settings};
//! use orlop_bulkhead::core::AnyError;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), orlop_bulkhead::core::BoxError> {
//! let limit = Limit::new(64).named("playback");
//! let service = ServiceBuilder::new()
//!     .layer(BulkheadLayer::new(limit.clone(), AnyError))
//!     .service(service_fn(async |name: &'static str| Ok::<_, std::io::Error>(name.len())));
//! assert_eq!(service.oneshot("play").await?, 4);
//! assert_eq!(limit.in_flight(), 0);
//!
//! // Or let 64 more wait, for 100 ms at most.
//! let service = ServiceBuilder::new()
//!     .layer(QueueLayer::new(Line::new(Settings::default())))
//!     .service(service_fn(async |name: &'static str| Ok::<_, std::io::Error>(name.len())));
//! assert_eq!(service.oneshot("play").await?, 4);
//! # Ok(())
//! # }
//! ```
//!
//! On a server, where a router's error stays `Infallible`:
//!
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```ignore")]
//! use orlop_bulkhead::{BulkheadLayer, Limit, core::http::unavailable};
//!
//! let layer = BulkheadLayer::http(Limit::new(64)).respond(unavailable::<String>);
//! # let _ = layer;
//! ```
//!
//! # How to choose settings
//!
//! The limit: calls a second times their usual duration in seconds, and as much again for bursts. The queue: what the
//! other side gets done within `max_wait`; a longer one makes answers late, not more. Where calls have a deadline, keep
//! `max_wait` well below it.
//!
//! # What is shared
//!
//! The [`Limit`] or [`Line`] that you made: by its clones, by all layers it is given to, and by all services they make.
//!
//! # Cancellation
//!
//! A slot is free again when its call is over, or when its future or body is dropped, or when it panics. A caller who
//! gives up waiting leaves the line, and the next one moves up. An idle clone holds no slot and no place.
//!
//! A waiting call whose future is kept without being polled keeps its place until its longest wait or its deadline is
//! over; then its timer takes it out of the line, and those behind it move up. A [`Turn`] has no such time, so poll it or
//! drop it. A call that has its slot keeps it for as long as its future is kept.
//!
//! # Cost
//!
//! A healthy call costs two read-modify-writes of one atomic word, no lock, no allocation, no clock. A lock is taken
//! only where somebody waits.
//!
//! # Features
//!
//! None by default. `http`: slots are kept to the body's end, refusals may be responses. `grpc`: the same there.
//! `serde`: [`Settings`] with `"250ms"`.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod future;
mod layer;
mod limit;
mod line;
mod service;
mod settings;
mod sync;
mod turn;
mod wakers;
mod word;

pub use self::{
    future::ResponseFuture,
    layer::QueueLayer,
    limit::{Limit, Slot},
    line::Line,
    service::Queue,
    settings::Settings,
    turn::Turn,
};
pub use orlop_core as core;

/// Puts a [`Limit`] in front of services: core's [`GuardLayer`](core::GuardLayer) under the name of this crate.
///
/// `BulkheadLayer::http(limit)`, `::grpc(limit)`, `::new(limit, classify)`.
pub type BulkheadLayer<G, C, T, R = core::AsError, L = core::NoContext> =
    core::GuardLayer<G, C, T, R, L>;

/// A service behind a [`Limit`]. Made by [`BulkheadLayer`].
pub type Bulkhead<S, C, T, R = core::AsError, L = core::NoContext> =
    core::Guard<S, Limit, C, T, R, L>;
