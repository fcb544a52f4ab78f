//! Circuit breakers as tower middleware: a caller stops calling what fails, and finds out with few probes when it works
//! again.
//!
//! # What happens to a call
//!
//! ```text
//!            a rule trips            open time over            recovery             ramp over
//!   closed ---------------> open --------------------> half-open ---------> ramp -------------> closed
//!   calls pass,             refused, with              k probes pass,       a growing share
//!   counted                 the time left              the rest refused     passes, counted
//!                            ^   ^                         |                   |
//!                            |   '----- probes failed -----'                   |
//!                            '------------------ a rule trips -----------------'
//!
//!   The ramp is there if you set one; without it, half-open goes straight to closed.
//!
//!   By hand, from any state, until released:
//!     forced open   every call is refused
//!     disabled      every call passes, and none counts
//!     shadow        all of the above is computed, and no call is refused
//! ```
//!
//! * *Closed*: calls pass and are counted. A *rule* of the [`Settings`] says when it is enough: the circuit *trips*.
//! * *Open*: calls are refused at once, with [`Kind::Circuit`](core::Kind::Circuit) and the time until the next try.
//! * *Half-open*: the first call after the open time passes as a *probe*, and a few beside it. What they find closes the
//!   circuit or opens it again.
//! * *Ramp*: a sixteenth of the calls passes, then an eighth, a quarter, a half. [`State`] calls this half-open, too.
//!
//! There is no timer and no task. An open circuit whose time is over waits for a call.
//!
//! A refused call is an error of its own type, [`Rejected`](core::Rejected): in a `BoxError` by default, without allocation
//! after [`typed`](core::GuardLayer::typed), as a response after `respond`. While it refuses every call, the service is ready
//! without asking the inner one, and refuses its next call.
//!
//! ## What a call counts as
//!
//! A classifier turns what came of a call into a [`Verdict`](core::Verdict). The circuit knows no more of it than that.
//!
//! | what came of the call | a run of failures | a rate, a number, a mean | as a probe |
//! |---|---|---|---|
//! | success | ends it | a call | a success |
//! | success, slower than a rule of slow calls allows | ends it | a call, a slow one | a failure |
//! | failure; also: a panic of the service | one more | a failure | a failure |
//! | throttled: 429, `RESOURCE_EXHAUSTED` | neither | a failure | a failure |
//! | the service failed to become ready | one more | a failure | opens at once |
//! | neutral: refused by this process, gRPC's `CANCELLED` | nothing | nothing | gives its slot back |
//! | dropped before the head, at or after the call's deadline | one more | a failure | a failure |
//! | dropped before the head, younger than [`after`](Dropped::after) (1 s) | nothing | nothing | gives its slot back |
//! | dropped before the head, older, by default | nothing | to rules of slow calls: a slow call | a failure if there is such a rule, else gives its slot back |
//! | dropped before the head, older, with [`Dropped::failure`] | one more | a failure | a failure |
//! | dropped after the head | as the head said | as the head said | as the head said |
//! | the body breaks off after a good head | one more, in a run of its own | a failure more | a failure in place of the success |
//!
//! * **Rows of drops.** A caller who gives up early, each time, would blind the circuit. So when calls are dropped before
//!   their heads with no head between them, as many in a row as the smallest window holds (see
//!   [`Settings::dropped`]; 20 with the default rules), the circuit opens with [`Cause::OnlyDrops`], whatever `dropped` says.
//! * **Heads and ends.** Where the head of a response has a verdict, it decides: a streaming probe does not hold the circuit
//!   half-open. Where it has none, as in gRPC, the end does; if nobody reads to the end, the call is neutral.
//! * **Slow** is strictly longer than the rule says, up to the head, without the wait in a queue further out. Only a rule
//!   of slow calls makes it matter.
//! * **Readiness** fails before there is a request, so [keyed](Circuits) circuits, which know no key yet, do not hear of it:
//!   give them a service that connects in its call.
//! * **Which call trips.** A failure, a slow call to rules of slow calls, a drop to the row of drops; a success only with
//!   [`trip_on_success`](Settings::trip_on_success).
//! * **Late results.** Each stay in a state has a *generation*. A result counts in the generation in which its call began, or
//!   nowhere: what was sent before the outage neither closes a circuit nor opens it again.
//! * **`Retry-After`** of the call that trips, or of a failed probe, lengthens the open time, up to
//!   [`max_retry_after`](Settings::max_retry_after).
//!
//! # Examples
//!
//! A circuit in a stack of tower's:
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
//! Without tower. A permit that is dropped, because its future was, settles by itself:
//!
//! ```
//! use orlop_breaker::{Circuit, Settings, core::{BoxError, Verdict}};
//!
//! # async fn look_up(_: &str) -> std::io::Result<u32> { Ok(7) }
//! async fn guarded(circuit: &Circuit, title: &str) -> Result<u32, BoxError> {
//!     let permit = circuit.try_enter()?;
//!     let found = look_up(title).await;
//!     permit.settle(if found.is_ok() { Verdict::SUCCESS } else { Verdict::FAILURE });
//!     Ok(found?)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let circuit = Circuit::new(Settings::default());
//! assert_eq!(guarded(&circuit, "storm").await?, 7);
//! # Ok(())
//! # }
//! ```
//!
//! A circuit for each host, in bounded memory:
//!
//! ```
//! use orlop_breaker::{BreakerLayer, Circuits, Settings, State, core::AnyError};
//! use std::io;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! struct Get {
//!     host: &'static str,
//!     path: &'static str,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), orlop_breaker::core::BoxError> {
//! let hosts: Circuits<&'static str> = Circuits::new(Settings::default());
//! let service = ServiceBuilder::new()
//!     .layer(BreakerLayer::new(hosts.keyed(|get: &Get| get.host), AnyError))
//!     .service(service_fn(async |get: Get| match get.host {
//!         "a.example" => Ok(get.path.len()),
//!         _ => Err(io::Error::other("down")),
//!     }));
//!
//! for _ in 0..5 {
//!     let get = Get { host: "b.example", path: "/" };
//!     assert!(service.clone().oneshot(get).await.is_err());
//! }
//! assert_eq!(hosts.get(&"b.example").state(), State::Open);
//! assert_eq!(service.oneshot(Get { host: "a.example", path: "/7" }).await?, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # How to choose settings
//!
//! The defaults open after 5 failures in a row, or when half of at least 20 calls in 10 s failed; stay open for 1 s, then
//! longer each time, up to 30 s; and close after 2 good probes. [`Settings`] has the ranges and the form in files.
//!
//! ## Which rule
//!
//! | trouble | rule | what it asks of the traffic |
//! |---|---|---|
//! | down: nothing answers | [`Trip::consecutive_failures`] | nothing; it trips within so many calls, and costs least |
//! | half down: one instance of several behind one address, one shard | [`Trip::failure_rate`] | `minimum_calls` within the window, in the quietest hour |
//! | slow: answers come, too late | [`Trip::slow_rate`] | the same |
//! | few calls, and each failure is dear | [`Trip::failures`] | nothing; at a high rate of calls it trips on the usual noise |
//! | calls that come in bursts, of which the newest matter most | [`Trip::success_rate`] | a few calls |
//! | full: it turns a part of the calls away | none: a [`Throttle`], alone or beside a circuit | |
//!
//! Rules combine, and any one is enough: `Trip::consecutive_failures(..).or(Trip::slow_rate(..)?)`.
//!
//! ```
//! use orlop_breaker::{Circuit, OpenTime, Ramp, Recovery, Settings, Trip, Window, core::Ratio};
//! use std::{num::NonZeroU32, time::Duration};
//!
//! const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
//! const FIFTY: NonZeroU32 = NonZeroU32::new(50).unwrap();
//! let last_10_s = Window::within(Duration::from_secs(10))?;
//! let settings = Settings::default()
//!     .trip(
//!         Trip::consecutive_failures(TEN)
//!             .or(Trip::failure_rate(Ratio::percent(30), FIFTY, last_10_s))
//!             .or(Trip::slow_rate(Ratio::percent(50), Duration::from_millis(800), FIFTY, last_10_s)?),
//!     )
//!     .open(OpenTime::exponential(Duration::from_secs(2), Duration::from_secs(60)))
//!     .recovery(Recovery::failure_rate(Ratio::percent(30), TEN))
//!     .ramp(Ramp::over(Duration::from_secs(20))?);
//! let circuit = Circuit::new(settings);
//! # drop(circuit);
//! # Ok::<(), orlop_breaker::InvalidSetting>(())
//! ```
//!
//! ## How many calls at least
//!
//! A healthy service fails now and then, and chance bunches failures. The chance that at least half of so many calls fail,
//! where each fails by itself with the probability on top:
//!
//! | `minimum_calls` | 1 % fail | 5 % | 10 % | 20 % |
//! |---|---|---|---|---|
//! | 5 | 1 in 100,000 | 1 in 860 | 1 in 120 | 1 in 17 |
//! | 10 | 1 in 41 million | 1 in 16,000 | 1 in 610 | 1 in 30 |
//! | 20 | less than 1 in a billion | 1 in 88 million | 1 in 140,000 | 1 in 390 |
//! | 50 | less | less | less than 1 in a billion | 1 in 480,000 |
//!
//! That is one look at so many calls, and a window is looked at with every failure: leave room. The same for a run of `n`
//! failures, as the mean number of calls until one comes by chance:
//!
//! | `n` | 1 % fail | 5 % | 10 % | 20 % |
//! |---|---|---|---|---|
//! | 3 | 1 million | 8,400 | 1,100 | 160 |
//! | 5 | 10 billion | 3.4 million | 110,000 | 3,900 |
//! | 10 | never | 11 trillion | 11 billion | 12 million |
//!
//! So at 1,000 calls a second, of which one in ten fails, 5 in a row trips every two minutes: take 10, and a rate beside it.
//!
//! ```
//! # fn close(a: f64, b: f64) -> bool { (a / b - 1.0).abs() < 0.06 }
//! /// The chance that at least half of `calls` fail.
//! fn half_fail(calls: u32, p: f64) -> f64 {
//!     let of_n = |k: u32| (0..k).fold(1.0, |c, i| c * f64::from(calls - i) / f64::from(i + 1));
//!     let exactly = |k: u32| of_n(k) * p.powi(k as i32) * (1.0 - p).powi((calls - k) as i32);
//!     (calls.div_ceil(2)..=calls).map(exactly).sum()
//! }
//! /// The mean number of calls until `n` fail in a row.
//! fn calls_until(n: i32, p: f64) -> f64 {
//!     (1.0 - p.powi(n)) / ((1.0 - p) * p.powi(n))
//! }
//! assert!((half_fail(20, 0.1) * 140e3 - 1.0).abs() < 0.01);
//! assert!((calls_until(5, 0.1) / 110e3 - 1.0).abs() < 0.02);
//! # for (calls, row) in [
//! #     (5, [1e5, 860., 120., 17.]), (10, [41e6, 16e3, 610., 30.]), (20, [f64::NAN, 88e6, 140e3, 390.]),
//! #     (50, [f64::NAN, f64::NAN, f64::NAN, 480e3]),
//! # ] {
//! #     for (p, one_in) in [0.01, 0.05, 0.1, 0.2].into_iter().zip(row) {
//! #         let chance = half_fail(calls, p);
//! #         assert!(if one_in.is_nan() { chance < 1e-9 } else { close(1.0 / chance, one_in) }, "{calls} {p} {chance}");
//! #     }
//! # }
//! # for (n, row) in [(3, [1e6, 8.4e3, 1.1e3, 160.]), (5, [1e10, 3.4e6, 110e3, 3.9e3]), (10, [f64::NAN, 11e12, 11e9, 12e6])] {
//! #     for (p, mean) in [0.01, 0.05, 0.1, 0.2].into_iter().zip(row) {
//! #         let calls = calls_until(n, p);
//! #         assert!(if mean.is_nan() { calls > 1e19 } else { close(calls, mean) }, "{n} {p} {calls}");
//! #     }
//! # }
//! ```
//!
//! ## The rest
//!
//! * **A window of time or of calls.** Of time, for steady traffic: it forgets an outage by itself, and says nothing while there
//!   are fewer than `minimum_calls` in it. Of calls, for traffic that comes and goes: it always has something to say, also
//!   of last night. It costs less while all is well.
//! * **A mean** ([`Ewma`]) has no edge at which calls leave. `last(100)` forgets with calls, `within(30 s)` with time.
//! * **Slow calls.** `slower_than` above what a slow good call takes, below the time at which callers give up: then what
//!   they drop counts as slow. A ratio of a half is a brown-out; of one, an outage.
//! * **Open time.** As long as callers can do without, not as long as a repair takes: a failed probe costs one call. Prefer
//!   [`OpenTime::exponential`] where there are many clients, for its jitter keeps them from probing at one instant;
//!   [`fixed`](OpenTime::fixed) where there is one, and in tests; [`advised`](OpenTime::advised) where the other side knows;
//!   [`by`](OpenTime::by) a function for the rest.
//! * **Probes.** One at a time spares a service that restarts; more decide sooner. There are never more than the decision
//!   still needs. [`probe_timeout`](Settings::probe_timeout) should exceed what a slow good call takes: after it, another
//!   call may have the slot.
//! * **Recovery.** [`successes`](Recovery::successes) for what is up or down. What fails one call in ten at its best needs
//!   [`successes_of`](Recovery::successes_of) or [`failure_rate`](Recovery::failure_rate), else it closes seldom.
//! * **Ramp.** Where the other side is cold after an outage (caches, pools, code not yet compiled), or its clients are so many
//!   that all of them at once are the next outage. Its rules trip in a ramp as they do when closed.
//! * **Dropped calls.** Best is a deadline in the call's context, as `orlop-retry` sets and `::http` finds: a drop at or after
//!   it is a failure. Where a `Timeout` stands outside of the breaker, set a rule of slow calls or
//!   [`Dropped::failure`]; or put it inside, where it is an error like others. [`Dropped::neutral`] where callers leave
//!   for reasons of their own: hedged calls, a search for every letter typed.
//! * **Shadow first.** New settings on live traffic: start with [`Initial::Shadow`], watch
//!   [`would_have_refused`](Snapshot::would_have_refused) and [`in_shadow`](Snapshot::in_shadow) for some days, then
//!   [`release`](Circuit::release).
//! * **Where to put it.** Inside of retries, so that each attempt asks; outside of what connects, so that failed connects
//!   count; one for each endpoint where there is a balancer, which then passes over the one that is down.
//!
//! # Where libraries disagree
//!
//! On whether a success may open, what a hung probe does, what dropped calls count as, and more. What others do, what this
//! crate does, and the setting for the other way: `docs/migrating-to-orlop-breaker.md` in the repository, which also has the
//! settings of Hystrix, resilience4j, failsafe, tower-resilience and others in those of this crate.
//!
//! # What is shared
//!
//! The value that you constructed. Clones of a [`Circuit`] are one circuit, and so are all services that layers with it
//! make, once for each route if you like. [`named`](Circuit::named), [`observed`](Circuit::observed),
//! [`seeded`](Circuit::seeded) and [`coarse`](Circuit::coarse) make *another* circuit with the same settings: call them before you share it.
//! [`fresh`](Circuit::fresh) makes another with the same name and observer, too. [`Circuits`] hold one for each key and are shared
//! the same way; keys that find no room share one overflow circuit.
//!
//! A handle is a reference count, and threads that count in one place wait for each other. So handles are striped by thread
//! (see [`core::Striped`]): a *clone* keeps the circuit and counts in a place that all clones share; a handle that is
//! [*lent*](core::Handle::lend) counts in the calling thread's. The middleware lends one for each call and for each clone
//! of a service, and [`try_enter`](Circuit::try_enter) lends one to its permit. By hand: keep one clone where it lives as
//! long as you need the circuit, and lend the rest, or use references.
//!
//! # Cancellation
//!
//! Every admitted call settles exactly once: by its result, by a panic, or by drop, at any await point. What a drop counts as,
//! the table above says. A dropped probe gives its slot back; one that hangs keeps it for the probe's time, and once another
//! call has taken it, what the first finds out decides nothing. So no sequence of events leaves a circuit that cannot probe.
//! A call that another gate of a pair refuses is refunded, and leaves no trace.
//!
//! # What it costs
//!
//! A closed circuit takes no lock, allocates nothing and boxes no future. To enter it is one atomic load. A success then
//!
//! * of rules for runs only: looks at the runs, which are empty while all is well, and writes nothing;
//! * in a window of calls that is full of healthy ones: writes nothing; else two or three read-modify-writes on shared
//!   lines;
//! * in a window of time: reads the clock, and writes one line of its thread's stripe;
//! * in a mean over calls: one exchange on a shared line;
//! * with a rule of slow calls, or with [`Dropped::failure`]: reads the clock once more, on entering.
//!
//! Where reading the clock is dear, [`coarse`](Circuit::coarse) reads one that a task advances: a load, and a millisecond late.
//!
//! A failure sums what its rules look at: for a window of time, all buckets of all 8 stripes. Transitions, half-open, ramps and
//! [`snapshot`](Circuit::snapshot) take a mutex. A refusal while open is two loads, a clock read, a counter on a line of the
//! thread's stripe, and a reference count if the circuit has a name; as a `BoxError` it allocates once.
//!
//! A window of N calls takes 4 bytes for each, one of N buckets 24 bytes for each, eight times over in a circuit that is
//! not keyed. A circuit of [`Circuits`] takes less than 1 KiB with the default settings.
//!
//! The instructions above a bare service, row by row, are kept in the repository's `benches/instructions.toml` and checked
//! by `cargo xtask test --only counts`. Times beside those of other breakers, in one run: `cargo bench -p orlop-breaker`.
//!
//! # Listeners
//!
//! * [`Circuit::transitions`]: a `watch` channel, for tasks. It shows the latest.
//! * [`Observe`]: called for each transition, in order, on the task whose call caused it, after it, with no lock held. It
//!   may call the circuit; while it runs, further transitions wait to be told, so it should not block. Panics are caught.
//! * [`Circuit::snapshot`]: where it stands and why, since when and until when, and all that is counted.
//! * [`Cause`] says why, in words: "11 of 20 calls failed".
//!
//! With the `tracing` feature each transition is an event at info, with the fields `circuit`, `shadow`, `from`, `to`, `cause`,
//! `open_time` and `generation`.
//!
//! With the `metrics` feature, for what has a name; registered when the name is given, with the recorder current then:
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `orlop_breaker_transitions_total` | counter | `circuit`; `to`: `closed`, `open`, `half_open`, `forced_open`, `disabled`, `shadow` |
//! | `orlop_breaker_shadow_transitions_total`: those that a circuit in shadow would make | counter | `circuit`; `to`: `closed`, `open`, `half_open` |
//! | `orlop_breaker_refused_total` | counter | `circuit` |
//! | `orlop_breaker_would_have_refused_total`: let through by a circuit in shadow | counter | `circuit` |
//! | `orlop_breaker_state`: 1 for the current state, 0 for the others; not where circuits share a name, as keyed ones do | gauge | `circuit`; `state`: as `to` of the first |
//! | `orlop_breaker_throttled_total`: refusals of a [`Throttle`] | counter | `throttle` |
//!
//! # Features
//!
//! None by default.
//!
//! | feature | adds |
//! |---|---|
//! | `http` | `BreakerLayer::http`: judged by status, with `Retry-After`; over at the end of the body |
//! | `grpc` | `BreakerLayer::grpc`: judged by the status in head or trailers, with pushback |
//! | `serde` | [`Settings`] and [`ThrottleSettings`] from files; a bad value is named with its path and what is allowed |
//! | `metrics` | the counters and gauges above, through the `metrics` facade |
//! | `tracing` | transitions as events |
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
