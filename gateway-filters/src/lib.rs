//! The filter chain of an edge gateway: ordered, named filters around an endpoint, as one tower service.
//!
//! The words: a *filter* is one step with an *inbound* side (sees the request), an *outbound* side (sees the response) and
//! an *end* (learns how it went). The *endpoint* answers. A *chain* is filters around an endpoint; a [`Gateway`] is a chain
//! that chooses among endpoints by name; [`FilterLayer`] is a chain of one filter around any http service.
//!
//! # What happens to a request
//!
//! ```text
//!            inbound, ascending                     outbound, ascending
//!  request --> normalize --> jwt --> route --> endpoint --> headers --> gzip --> response head --> body --> end
//!                 |           |        |          ^             ^
//!                 |           |        '- answer -'-------------'     an answer skips the rest of inbound,
//!                 '- 400 -----'- 401 ---------------------------'     and no outbound side
//!
//!  on_complete: once, at the end of the body, or where the caller left
//! ```
//!
//! * Filters run by order, then by name; [`order`] lists where the shipped ones stand. Outbound runs ascending too, as in
//!   Zuul, and a filter may have [another place](FilterMeta::outbound_order) there.
//! * A filter that [responds](Flow::Respond) inbound ends the inbound pass. The outbound sides of *all* filters run on its
//!   response, also of those that the request has not met: headers are set and bodies are compressed for refusals, too.
//! * A filter that fails, by an error or by a panic, [closes or opens](OnError): access, abuse and routing close with 500,
//!   the rest is passed over. Both are counted in [`Filters::status`] and told in [`RequestCx::failures`].
//! * An endpoint's error becomes a response. A refusal of this process ([`Rejected`](core::Rejected), anywhere in the
//!   error's sources) is 503 with `Retry-After`, or 429 or 504 where its kind says so; a timeout is 504; the rest is 502.
//!   A panic is 500. The service itself never fails: its error is [`Infallible`](std::convert::Infallible).
//! * Bodies stream through, trailers included. Nothing is collected.
//!
//! # The smallest example
//!
//! One filter on an axum router:
//!
//! ```
//! use axum::{Router, routing::get};
//! use orlop_gateway_filters::{FilterLayer, Normalize, Rate, RateLimit};
//! use std::{num::NonZeroU32, time::Duration};
//!
//! let hundred_a_second = Rate::new(NonZeroU32::new(100).unwrap(), Duration::from_secs(1));
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(FilterLayer::new(RateLimit::all(hundred_a_second)))
//!     .layer(FilterLayer::new(Normalize::new()));
//! ```
//!
//! # A gateway
//!
//! Its endpoints are any services over http; here one is a function. A filter of one's own stands among the shipped ones.
//!
#![cfg_attr(all(feature = "jwt", feature = "route", feature = "gzip"), doc = "```")]
#![cfg_attr(not(all(feature = "jwt", feature = "route", feature = "gzip")), doc = "```ignore")]
//! use http::{HeaderValue, Request, Response, StatusCode};
//! use orlop_gateway_filters::{
//!     Body, Category, Completion, Edge, Endpoints, Filter, FilterMeta, Filters, Gateway, Gzip, Jwt, JwtKey, JwtSettings,
//!     Normalize, Phases, Route, Routes, StaticAnswer,
//! };
//! use std::{convert::Infallible, sync::Arc, time::SystemTime};
//! use tower::{ServiceExt, service_fn};
//!
//! struct AccessLog;
//!
//! impl Filter for AccessLog {
//!     fn meta(&self) -> FilterMeta {
//!         // First, so that it meets every request.
//!         FilterMeta::new("access_log", Category::Observability).order(-2000).phases(Phases::Neither)
//!     }
//!
//!     fn on_complete(&self, done: &Completion<'_>) {
//!         let (cx, end) = (done.cx(), done.end());
//!         println!("{} {} {:?} {end:?} {:?}", cx.method(), cx.uri(), done.status(), done.elapsed());
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = JwtSettings::new().issuer("https://id.example").audience("gateway");
//! let keys = [JwtKey::hs256(*b"thirty-two bytes that nobody has")?];
//! let routes = Routes::new([
//!     Route::new("/plays/{id}", "playback").methods([http::Method::PUT]),
//!     Route::new("/health", "health"),
//! ])?;
//! let filters = Filters::builder()
//!     .filter(AccessLog)
//!     .filter(Normalize::new())
//!     .filter(Edge::new())
//!     .filter(Jwt::new(keys, settings, Arc::new(SystemTime::now)))
//!     .filter(routes)
//!     .filter(Gzip::new())
//!     .build()?;
//! let playback = service_fn(|req: Request<Body>| async move {
//!     let who = req.headers()["x-orlop-subject"].clone();
//!     Ok::<_, Infallible>(Response::new(Body::from(who.as_bytes().to_vec())))
//! });
//! let fine = StaticAnswer::new(StatusCode::OK).body(HeaderValue::from_static("text/plain"), "fine");
//! let gateway = Gateway::new(filters, Endpoints::new().service("playback", playback).answer("health", fine))?;
//!
//! let request = Request::put("/plays/7").header("host", "api.example").body(Body::Empty)?;
//! let Ok(response) = gateway.clone().oneshot(request).await;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//!
//! gateway.filters().set_enabled("jwt", false)?; // for requests that enter from now on
//! # Ok(())
//! # }
//! ```
//!
//! # The end of a request
//!
//! [`Filter::on_complete`] runs exactly once for each request and each filter *whose inbound turn came*: it ran, or it has no
//! inbound side and was passed. That holds when the body ends or fails, when the caller drops the response future or the body
//! midway ([`End`] says which), when a filter or the endpoint fails or panics, and when a filter answered. A filter behind
//! one that answered has not met the request and hears nothing, although its outbound side may have run; so what
//! `on_request` takes, `on_complete` can give back. A filter that is switched off hears nothing of requests that enter
//! after that.
//!
//! A body that is at its end when its head leaves (empty, `HEAD`, 204, 304) is complete with the head, and one whose last frame
//! or trailers were taken is complete then: servers do not poll those again.
//!
//! # How to choose settings
//!
//! * [`Normalize`] and [`Edge`] first, as they are: nothing behind them has to think of two hosts or of forged headers.
//!   [`Edge::trust`] only who is authenticated otherwise (a peer's certificate), never by a header.
//! * [`RateLimit`]: the rate is what one caller may do for long, the burst what a page that loads does at once. Key by
//!   subject behind a `Jwt`; before one, by the peer's address with [`RateLimit::by`].
//! * `JwtSettings`: issuer and audience always, where the issuer sets them. Leeway is for clocks, not for late tokens.
//! * `Gzip`: level 5 and 860 bytes suit JSON; not for what holds a secret beside what a caller wrote (BREACH).
//! * With the `serde` feature each is read from a settings file, durations as `"250ms"`; a bad value names its path, itself
//!   and what is allowed, and so does an unknown name.
//!
//! # What is shared
//!
//! Clones of [`Filters`], [`Gateway`] and [`FilterLayer`] share filters, buckets and switches; axum clones a layer for each
//! route, and all routes then count together. A request pins the set of switches it began with.
//!
//! # Cancellation
//!
//! Dropping the response future drops the filter or endpoint it waits for. Dropping the response body drops the
//! endpoint's. Both tell the end at once, in the drop. A filter's async step is dropped where it stands.
//!
//! # Cost
//!
//! A request costs a box for its response future, one for the endpoint's (not behind [`FilterLayer`]), one for each body
//! that streams and one to follow the response's body; two reference counts that all threads share (the snapshot and the
//! endpoints); no lock, except that of one bucket shard in a rate limit. A filter costs one virtual call a side, and
//! allocates only if it waits.
//!
//! # Features
//!
//! None by default. `jwt`: bearer tokens, HS256 and EdDSA, in Rust alone. `route`: path routing. `gzip`: compression, in Rust
//! alone. `serde`: settings. `Normalize`, `Edge`, `HeaderRewrite`, `RateLimit` and `StaticAnswer` need none.
//!
//! # Limits
//!
//! Upgrades (WebSocket) and `CONNECT` are not passed through: [`Edge`] strips `Upgrade`. Ambiguous framing that a server
//! library has already resolved cannot be seen by a filter; see [`Normalize`]. A chain has at most 64 filters.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod body;
mod complete;
mod cx;
mod edge;
mod endpoint;
mod error;
mod filter;
mod filters;
mod gateway;
#[cfg(feature = "gzip")]
mod gzip;
mod headers;
#[cfg(feature = "jwt")]
mod jwt;
mod layer;
mod normalize;
pub mod order;
mod rate_limit;
mod rescue;
#[cfg(feature = "route")]
mod route;
mod run;

pub use orlop_core as core;

#[cfg(feature = "gzip")]
#[cfg_attr(docsrs, doc(cfg(feature = "gzip")))]
pub use self::gzip::Gzip;
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use self::jwt::{Jwt, JwtKey, JwtSettings, WallClock};
#[cfg(feature = "route")]
#[cfg_attr(docsrs, doc(cfg(feature = "route")))]
pub use self::route::{Route, Routes};
pub use self::{
    answer::StaticAnswer,
    body::{Body, Streaming},
    complete::{Completion, End},
    cx::{AnsweredBy, FilterFailure, RequestCx, Subject},
    edge::Edge,
    endpoint::Endpoints,
    error::{BadSetting, UnknownFilter},
    filter::{Category, Filter, FilterMeta, Flow, OnError, Phases, Step},
    filters::{FilterStatus, Filters, FiltersBuilder},
    gateway::{Gateway, ResponseFuture},
    headers::{HeaderOps, HeaderRewrite},
    layer::{FilterLayer, Filtered},
    normalize::Normalize,
    rate_limit::{Rate, RateLimit},
};
