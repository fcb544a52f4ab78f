//! Client-side load balancing that asks each endpoint's circuit and limit while it picks.
//!
//! [`Balance`] is a tower service over a stream of endpoint [updates](core::Update). It is `Clone + Send + Sync`, and picks
//! in `call`, so it needs no buffer in front of it and sees the request.
//!
//! # What happens to a call
//!
//! ```text
//!            two at random, the better one first; then the rest in random order
//!  call --> [endpoint's gate] --- refuses --> [the next one's gate] --> ... all refuse --> refused (AllRefused), or waits
//!                | admits                                               none is there --> refused (NoEndpoints)
//!                v
//!           its service becomes ready --- fails --> another endpoint (`rebinds`), or NotSent
//!                | ready
//!                v
//!           its service --> head --> body --> end     in flight from admission to the end, wherever that is:
//!                '----------'--------'-------- drop   result, end of body, drop or panic
//!                     latency
//! ```
//!
//! Who may be asked, best first: endpoints in zones that no earlier attempt of the call went to, then other untried ones,
//! then tried ones ([`Tried`]); among those the healthy in the [local zone](Settings::local_zone), the healthy elsewhere,
//! the degraded. Draining and unhealthy ones take calls only if there is nobody else in the set.
//!
//! A refusal is a [`Rejected`](core::Rejected) with the time to come back, bound to the attempt, so a retry knows that
//! nothing was sent; where gates refused it is the source of an [`AllRefused`], which names one and what it said. Any other
//! error is an [`EndpointError`]: it names the endpoint and keeps the cause.
//!
//! # Examples
//!
//! ```
//! use orlop_lb::core::{Addr, AnyError, BoxError, Endpoint};
//! use orlop_lb::{Balance, fixed};
//! use tower::{ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let endpoints = [
//!     Endpoint::builder("playback-1", Addr::from(([127, 0, 1, 1], 9110))).zone("a").build(),
//!     Endpoint::builder("playback-2", Addr::from(([127, 0, 2, 1], 9110))).zone("b").build(),
//! ];
//! // A list here; a discovery client's stream of updates elsewhere.
//! let balance = Balance::builder(
//!     fixed(endpoints),
//!     |endpoint: &Endpoint| {
//!         let id = endpoint.id().clone();
//!         let service = service_fn(move |play: &'static str| {
//!             let answer = format!("{play} at {id}");
//!             async move { Ok::<_, std::io::Error>(answer) }
//!         });
//!         Ok::<_, std::io::Error>(service)
//!     },
//!     AnyError,
//! )
//! .build();
//! let answer = balance.oneshot("title 7").await?;
//! assert!(answer.starts_with("title 7 at playback-"));
//! # Ok(())
//! # }
//! ```
//!
//! HTTP, with a gate for each endpoint, settings, and a name for refusals:
//!
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```ignore")]
//! use orlop_lb::core::{BoxError, Endpoint};
//! use orlop_lb::{Balance, Settings, fixed};
//! use std::time::Duration;
//! # use http::{Request, Response};
//! # use http_body_util::Empty;
//! # type Client = tower::util::BoxCloneSyncService<Request<String>, Response<Empty<bytes::Bytes>>, BoxError>;
//! # fn client(_: &Endpoint) -> Result<Client, BoxError> { Err("no network".into()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//!
//! let balance = Balance::http(fixed([]), |endpoint: &Endpoint| client(endpoint))
//!     .gate(|_endpoint| ()) // `(circuit, limit)` goes here
//!     .settings(Settings::new().local_zone("a").wait_when_refused(Duration::from_millis(20)))
//!     .name("playback")
//!     .build();
//! # fn is_service<S: tower::Service<Request<String>>>(_: &S) {}
//! # is_service(&balance);
//! # }
//! ```
//!
//! Without tower, [`Balance::pick`] gives endpoint, service and permit.
//!
//! # How to choose settings
//!
//! Start with [`Settings::new`] and a `(circuit, limit)` per endpoint. Then:
//!
//! * [`Policy::PeakEwma`] where calls are alike and short, [`Policy::LeastInFlight`] where they differ by what is asked.
//! * [`penalty`](Settings::penalty): longer than any answer that is still useful. A single failure keeps calls away for so
//!   long, until a trial goes well; where a few percent of all calls fail everywhere, or two endpoints may each have to
//!   carry all the load, a penalty near the usual response time is milder.
//! * [`decay`](Settings::decay): how long a slow spell should be remembered.
//! * [`local_zone`](Settings::local_zone) only with a limit per endpoint: the zone takes what its gates admit.
//! * Weights divide the load that is compared, so under load shares follow them; at a call or two at a time the heaviest
//!   of a pair takes nearly all.
//!
//! # What is shared
//!
//! Clones share endpoints, gates, estimates and the task. Each has dice of its own, which follow from the
//! [seed](Builder::seeded) and the order of cloning and calling.
//!
//! One task follows discovery: [`build`](Builder::build) spawns it, [`pair`](Builder::pair) hands it out. It applies updates
//! while no call is under way, calls `connect` once for each connection, and tries failed ones again, backing off. An
//! endpoint whose id, address and authority stay keeps service, gate and estimate; a removed one finishes what it
//! has. The task ends with the last handle. If it is dropped first, with its runtime, calls get [`Orphaned`]; a stream
//! that has ended is a fixed list and goes on serving.
//!
//! # Cancellation
//!
//! Dropping a response future or body settles the call at its endpoint's gate and ends its being in flight. Before the
//! head it counts the time it took, if that is more than the estimate; from the call's deadline on it is a failure and
//! costs the penalty. A waiting call leaves nothing behind.
//!
//! # Cost
//!
//! A pick looks at two endpoints whatever their number, takes no lock, allocates nothing and boxes no future. Each
//! refusing gate costs one more look, in the worst case all of them. Calls of all threads meet in the reference count and
//! the counters of the picked endpoint, and, unless [`rebinds`](Settings::rebinds) is 0, in one reference count of the
//! balancer. A call that may be retried takes the lock of its own record of picks. An update copies the set: O(n log n).
//!
//! A gate that registers a waker for a waiting call may wake it for a slot that the call no longer wants; waiting calls
//! therefore also ask every 50 ms.
//!
//! # Features
//!
//! None by default. `http`: [`Balance::http`]. `grpc`: [`Balance::grpc`]. `serde`: [`Settings`] from files.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod balance;
mod builder;
mod connect;
mod error;
mod estimate;
mod fixed;
mod follow;
mod future;
mod node;
mod order;
mod policy;
mod published;
mod set;
mod settings;
mod shared;
mod snapshot;
mod sync;
mod wait;

pub use self::{
    balance::{Balance, Picked},
    builder::Builder,
    error::{AllRefused, EndpointError, Orphaned},
    estimate::{Estimate, Reading, Scale},
    fixed::{Fixed, fixed},
    future::ResponseFuture,
    node::{Node, Ticket},
    policy::{Better, Load, Policy},
    settings::{Settings, Tried},
    snapshot::{EndpointSnapshot, Failing, Following, Snapshot},
};
pub use orlop_core as core;
