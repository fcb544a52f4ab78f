//! What the chain and the shipped filters promise.

mod axum_router;
mod chain;
mod complete;
mod edge;
mod endpoints;
#[cfg(feature = "gzip")]
mod gzip;
mod headers;
#[cfg(feature = "jwt")]
mod jwt;
mod normalize;
mod rate_limit;
mod readme;
#[cfg(feature = "route")]
mod route;
#[cfg(all(feature = "serde", feature = "gzip", feature = "jwt", feature = "route"))]
mod settings;
mod sockets;
mod support;
