//! Tries a call again where that is safe and affordable: on another endpoint, under one budget, within one deadline.
//!
//! # What happens to a call
//!
//! ```text
//!  request -- kept --> attempt 1 --> answer or error --> verdict
//!                         ^                                |
//!                         |     not sent at all? ----------|--> again, for free
//!                         |     failed or throttled,       |
//!                         |       idempotent, paid for? ---|--> again, from the budget
//!                         |     else ----------------------'--> returned
//!                         |
//!                         '-- back-off, never past the deadline
//! ```
//!
//! Each attempt gets a context of its own: a new id, by which a gate's refusal proves that this very attempt was not sent;
//! the record of endpoints tried, which the balancer passes over; and its deadline, the earlier of the attempt's and the
//! call's. The decision falls with the head of a response; one whose head does not decide it is returned.
//!
//! What was not sent is tried again whatever it is. If a balancer had picked an endpoint and has an untried one left, the next
//! attempt follows at once, since it goes there; else after the back-off, on top of the wait that the refusal names. A wait
//! that would end at or after the deadline is not begun: the answer or error at hand is returned at once.
//!
//! # Examples
//!
//! ```
//! use orlop_retry::{Policy, RetryLayer, Settings};
//! use orlop_retry::core::AnyError;
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), orlop_retry::core::BoxError> {
//! let settings = Settings::default()
//!     .with_timeout(Duration::from_secs(1))
//!     .with_attempt_timeout(Duration::from_millis(300))
//!     .with_idempotent(true);
//! let service = ServiceBuilder::new()
//!     .layer(RetryLayer::new(Policy::new(settings), AnyError))
//!     .service(service_fn(async |name: &'static str| Ok::<_, std::io::Error>(name.len())));
//! assert_eq!(service.oneshot("play").await?, 4);
//! # Ok(())
//! # }
//! ```
//!
//! An HTTP client: idempotent methods are retried, a body of any type is kept up to 64 KiB while it streams, and the time
//! left is sent along.
//!
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```ignore")]
//! use orlop_retry::{Policy, RetryLayer, WriteDeadlineLayer};
//! use tower::ServiceBuilder;
//!
//! let layers = ServiceBuilder::new()
//!     .layer(RetryLayer::http(Policy::default()))
//!     // the balancer goes here
//!     .layer(WriteDeadlineLayer);
//! # let _ = layers;
//! ```
//!
//! # How to choose settings
//!
//! `timeout`: what the caller's patience is. `attempt_timeout`: well above the other side's 99th percentile, and low enough
//! that two fit into `timeout`. `max_attempts`: 3; more only helps if most endpoints are down. `budget`: one for all clients
//! of a service; a total failure then costs it `1 + share` times its calls, plus `min_per_second`.
//!
//! Overrides for one call stand in its context: `idempotent(..)`, `without_retry()`, an earlier deadline.
//!
//! # What is shared
//!
//! The [`Policy`] that you made, with settings, budget and counts: by its clones, by all layers it is given to, and by all
//! services they make. A [`Budget`] may be shared by several policies.
//!
//! # Errors
//!
//! Always an [`AttemptError`](AttemptError) that names the attempt, and the endpoint where a balancer said so; what the
//! attempt met is its source. No answer in time is a [`TimedOut`]. No time left to try is a
//! [`Rejected`](core::Rejected) of kind `Deadline`.
//!
//! # Cancellation
//!
//! Dropping the response future drops the attempt, or ends the wait. Nothing is spawned. An attempt whose time is over is
//! dropped at or after its deadline, so that circuits and balancers below see that it timed out.
//!
//! # Cost
//!
//! A call that succeeds at once: a clone of the inner service and of what is kept, one clock reading, the budget's deposit of
//! two atomic additions. No future is boxed and no lock is taken, but for bodies that [`Replay`] keeps.
//!
//! # Features
//!
//! None by default. `http`: [`RetryLayer::http`], [`Replay`], the deadline header. `grpc`: [`RetryLayer::grpc`]. `serde`:
//! [`Settings`] with `"250ms"`.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod bucket;
mod budget;
mod course;
mod deadline;
mod decide;
mod error;
mod future;
#[cfg(feature = "http")]
mod header;
mod keep;
mod layer;
mod policy;
mod protocol;
#[cfg(feature = "http")]
mod replay;
mod service;
mod settings;
mod sync;

pub use self::{
    budget::{Budget, BudgetSettings, InvalidBudget, Share, Ttl},
    deadline::{Deadline, DeadlineFuture, DeadlineLayer},
    error::{AttemptError, TimedOut},
    future::ResponseFuture,
    keep::{Cloned, Keep, Never},
    layer::RetryLayer,
    policy::{Policy, Snapshot},
    protocol::{IdempotentIf, Protocol},
    service::Retry,
    settings::{Backoff, Settings},
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use self::{
    header::{InTime, ReadDeadline, ReadDeadlineLayer, WriteDeadline, WriteDeadlineLayer},
    replay::{Kept, Replay, ReplayBody},
};
pub use orlop_core as core;
