//! May this member play this title: gRPC, its status in trailers.
//!
//! Stateless: the answer follows from the member, the title and the time.

mod client;
mod server;

pub use self::client::{Asked, Entitlement, Unavailable};
pub use self::server::{router, serve};

/// What `proto/entitlement.proto` says.
#[allow(
    missing_docs,
    missing_debug_implementations,
    rust_2018_idioms,
    unreachable_pub,
    clippy::all
)]
pub mod proto {
    tonic::include_proto!("orlop.entitlement.v1");
}
