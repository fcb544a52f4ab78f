//! For gRPC services, as headers and trailers. No gRPC library is needed.

mod code;
mod respond;
mod status;

pub use self::{
    respond::unavailable,
    status::{GrpcCall, GrpcStatus, OverruleCode},
};
