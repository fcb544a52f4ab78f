//! For services of `http` requests and responses.

mod body;
mod context;
mod respond;
mod status;

#[cfg(feature = "grpc")]
pub(crate) use self::status::mark_of;
pub use self::{
    body::TrackedBody,
    context::{Deadline, FromExtensions, InvalidDeadline},
    respond::{Respond, RespondBoxed, unavailable},
    status::{HttpCall, HttpStatus},
};
