//! Circuit breakers as tower middleware: a caller stops calling what fails, and finds out with few probes when it works
//! again.
//!
//! # What happens to a call
//!
//! ```text
//!            trip             open time over              successes
//!  closed ----------> open ------------------> half-open ------------> closed
//!     |                 | ^--- a probe failed ------' |
//!     | admitted,       | refused with                | so many at once admitted as probes,
//!     | counted         | the time left               | the rest refused
//!
//!  forced open: refused.  forced closed: admitted, not counted.  Both by hand, until released or reset.
//! ```
//!
//! *Closed*: calls pass and are counted. *Trip*: a rule of the settings says that it is enough. *Open*: calls are refused
//! at once, with [`Kind::Circuit`](orlop_core::Kind::Circuit) and the time until a next try. *Half-open*: the first
//! call after the open time, and a few beside it, pass as *probes*. Enough successes close the circuit; one failure opens
//! it again. There is no timer and no task: an open circuit whose time is over waits for a call.
//!
//! What a call counts as, its classifier's [`Verdict`](orlop_core::Verdict) says:
//!
//! | verdict | in a run | in a rate | of a probe |
//! |---|---|---|---|
//! | success | ends it | a call | success |
//! | failure, also: deadline passed, body broke off, service not ready, panic | adds to it | a failure | opens |
//! | throttled | nothing | a failure | opens |
//! | neutral: refused by this process, caller left | nothing | nothing | returns the slot |
//!
//! A circuit decides at the head of a response where the head has a verdict, so a streaming probe does not hold it
//! half-open; the end then adds nothing, unless the body breaks off after a good head: that is one failure more. Where
//! the head has no verdict, as in gRPC, the end decides. Every stay in a state has a generation, and a result counts in
//! the generation in which its call began, or nowhere.
//!
//! # Example
//!
//! ```
//! use orlop_breaker::{BreakerLayer, Circuit, Settings, State, core::AnyError};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let circuit = Circuit::new(Settings::default()).named("playback");
//! let service = ServiceBuilder::new()
//!     .layer(BreakerLayer::new(circuit.clone(), AnyError)) // or ::http(circuit), ::grpc(circuit)
//!     .service(service_fn(async |_: &str| Err::<(), _>(std::io::Error::other("down"))));
//!
//! for _ in 0..5 {
//!     assert!(service.clone().oneshot("title").await.is_err());
//! }
//! assert_eq!(circuit.state(), State::Open);
//! let refused = service.oneshot("title").await.unwrap_err();
//! assert!(refused.to_string().starts_with("playback: circuit open, retry after "));
//! # }
//! ```
//!
//! Without tower:
//!
//! ```
//! use orlop_breaker::{Circuit, Settings, core::{Now, Verdict}};
//!
//! let circuit = Circuit::new(Settings::default());
//! let permit = circuit.try_enter()?;
//! permit.settle(Verdict::SUCCESS);
//! # Ok::<(), orlop_breaker::core::Rejected>(())
//! ```
//!
//! # How to choose settings
//!
//! The defaults open after 5 failures in a row, or when half of at least 20 calls in 10 s failed; stay open for 1 s,
//! then longer each time, up to 30 s; and close after 2 successful probes.
//!
//! * Consecutive failures catch what is down, at any rate of calls, within so many calls. A peer that fails one call in
//!   three never trips them.
//! * A failure rate catches what is half down. Choose the minimum of calls so that chance does not trip it: a peer that
//!   fails one call in ten fails half of 20 calls 7 times in a million, and half of 5 calls 9 times in a thousand.
//! * A window of time suits steady traffic, a window of calls suits traffic that comes and goes.
//! * The open time is how long a recovered peer waits for you. Many clients should not probe at one instant: prefer the
//!   exponential one, which is jittered.
//! * The time of a probe should exceed what a slow good call takes. An attempt deadline further in makes a hung probe a
//!   failure before its slot expires.
//!
//! [`Settings`] has the ranges and the form in files.
//!
//! # What is shared
//!
//! The circuit: clones of a [`Circuit`] are one circuit, and so are all services that layers with it make.
//! [`Circuit::fresh`] makes another with the same settings. [`Circuits`] hold one for each key.
//!
//! # Cancellation
//!
//! A call dropped before it has a verdict counts nowhere, and a dropped probe returns its slot; at or after the call's
//! deadline the drop is a failure. A probe that hangs keeps its slot for the probe's time; then another call may take it,
//! and what the first still finds out decides nothing. So no sequence of events leaves a circuit that cannot probe.
//!
//! # What it costs
//!
//! A closed circuit admits with one atomic load. To record a success costs one or two loads with consecutive failures
//! only; with a failure rate also one read of an `arc-swap` pointer, and for each window
//!
//! * of calls: two loads while the window is full of successes; else three atomic read-modify-writes on shared lines,
//! * of time: one clock read and one read-modify-write (two for a failure) on a line shared by all threads.
//!
//! A failure also sums each window of time: 10 buckets. No lock is taken, nothing is allocated. A mutex guards
//! transitions and everything half-open, and `snapshot`. A refusal while open is two loads, a clock read, one counter,
//! and a reference count if the circuit has a name. A circuit takes less than 1 KiB with the default settings; a
//! window of N calls takes N bytes, of N buckets 16 N. [`Circuits`] say what a key costs.
//!
//! # Listeners
//!
//! [`Circuit::transitions`] is a watch channel. An [`Observe`] is called on the task whose call caused the transition,
//! after it, with no lock held; panics are caught.
//!
//! # Features
//!
//! None by default. `http` and `grpc`: `BreakerLayer::http` and `::grpc`. `serde`: [`Settings`] from files. `tracing`:
//! transitions at info. `metrics`, for named circuits, registered when the name is given, with the recorder current then:
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `orlop_breaker_transitions_total` | counter | `circuit`; `to`: `closed`, `open`, `half_open`, `forced_open`, `forced_closed` |
//! | `orlop_breaker_refused_total` | counter | `circuit` |
//! | `orlop_breaker_state` | gauge, 1 for the current state and 0 for the others; not for keyed circuits | `circuit`; `state`: as `to` |
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod circuit;
mod control;
#[cfg(feature = "serde")]
mod file;
mod gate;
mod hear;
mod keyed;
mod layer;
mod machine;
#[cfg(feature = "metrics")]
mod metrics;
mod observe;
mod open_time;
mod recovery;
mod refusals;
mod run;
mod settings;
mod snapshot;
mod sync;
mod tally;
mod throttle;
mod ticket;
#[cfg(feature = "tracing")]
mod tracing;
mod trip;
mod window;
mod word;

pub use orlop_core as core;

pub use self::{
    circuit::Circuit,
    keyed::{Circuits, Keyed, KeyedSnapshot, KeyedTicket},
    layer::{Breaker, BreakerLayer},
    observe::Observe,
    open_time::{OpenTime, Opening},
    recovery::{Dropped, Initial, Ramp, Recovery},
    settings::{InvalidSetting, Settings},
    snapshot::{Cause, Snapshot, Transition},
    throttle::{
        Accepts, Throttle, ThrottleLayer, ThrottleSettings, ThrottleSnapshot, ThrottleTicket,
    },
    ticket::Ticket,
    trip::{Ewma, Trip, Trips, Window},
    window::Counts,
    word::State,
};
