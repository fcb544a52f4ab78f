//! The one mechanism under orlop's middleware: look at a call before it starts, perhaps refuse it, and learn exactly
//! once how it ended.
//!
//! Circuits, limits, throttles, load estimates and outlier counters are all [`Gate`]s. One middleware, [`Guard`], puts
//! a gate in front of a service; one type, [`Permit`], sees to it that every admitted call settles exactly once: by
//! its result, by the end of its body, or by drop.
//!
//! Users of `orlop-breaker`, `orlop-bulkhead` and their siblings meet this crate through those. Use it directly to
//! write a gate, a classifier or a source of endpoints of your own. It stays openly unstable until those crates are
//! complete, and is released in step with them.
//!
//! # What happens to a call
//!
//! ```text
//!  request --> gate.enter --- refused --> error, or response with the refusal in its extensions
//!                 | ticket
//!                 v
//!            inner service --> head --> body frames --> end
//!                                |                       |
//!                          gate.note(Head)     gate.end(Verdict)       a drop or panic anywhere ends it too
//! ```
//!
//! # What is shared
//!
//! The gate: all services that one [`GuardLayer`] makes, and all their clones, enter through the same one. A clone
//! starts unready. Nothing else is shared. Services and calls hold the gate by a [`Handle`]; [`Striped`] is one whose reference
//! count threads do not meet at.
//!
//! # Cancellation
//!
//! Dropping the response future or the body settles the call. Before the head, the verdict is a failure if the call's
//! deadline has passed and says nothing otherwise. After the head, the verdict the head gave stands; if it gave none,
//! the drop says nothing. A body that fails is a failure.
//!
//! # Cost
//!
//! No lock, no allocation, no boxed future; the clock is read at most once an event, and only if the gate asks
//! ([`CoarseClock`] is for gates that ask for each call). A refusal allocates once as a [`BoxError`], never with [`Typed`].
//! `benches/instructions.toml` in the repository keeps the instructions that a guard takes.
//!
//! Two `unsafe` blocks, in [`Permit`], explored by loom; no other in the workspace.
//!
//! # Features
//!
//! None by default. `http`: body tracking, HTTP verdicts, context in the request's extensions. `grpc`: status in
//! headers and trailers. `serde`: units in settings.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
pub mod cause;
mod classify;
mod coarse;
mod endpoint;
mod gate;
#[cfg(feature = "grpc")]
#[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
pub mod grpc;
mod guard;
mod handle;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod http;
mod now;
mod permit;
mod reject;
mod rejected;
mod settings;
mod striped;
mod track;
mod unwinding;
mod verdict;

#[cfg(feature = "serde")]
pub use self::settings::{duration, duration_option};
#[cfg(feature = "http")]
pub use self::track::OnBodyEnd;
pub use self::{
    call::{Attempt, AttemptId, CallContext, Lens, LensMut, NoContext, Picks, Priority},
    classify::{
        AnyError, AtEnd, BodyEnd, ByResult, Classify, Head, Outcome, by_result, local_verdict,
    },
    coarse::{CoarseClock, Ticker},
    endpoint::{Addr, Builder as EndpointBuilder, Endpoint, EndpointId, Health, Update},
    gate::{Again, End, Gate, Note, Settle},
    guard::{Flight, Guard, GuardLayer, ResponseFuture},
    handle::Handle,
    now::Now,
    permit::Permit,
    reject::{AsError, OnReject, Refused, Typed},
    rejected::{Acted, Kind, NotSent, Rejected},
    settings::{InvalidRatio, Ratio},
    striped::{STRIPES, Striped, stripe},
    track::{OnHead, Track},
    verdict::{Class, Origin, Sent, Verdict},
};

/// The error of services that have no type of their own for it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
