//! The standard client, over mock endpoints in paused time and over real loopback sockets.

mod attempts;
mod bodies;
mod body_time;
mod catalogue;
mod cause;
mod deadlines;
mod endpoints;
mod grpc;
mod readme;
mod runtime;
mod settings;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod wire;
