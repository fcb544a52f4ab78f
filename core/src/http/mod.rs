//! For services of `http` requests and responses.

mod body;
mod body_time;
mod context;
mod respond;
mod retry_after;
mod status;
mod timed_body;
mod timed_service;

#[cfg(feature = "grpc")]
pub(crate) use self::status::mark_of;
pub use self::{
    body::TrackedBody,
    body_time::{BodyTime, InvalidBodyTime},
    context::{Deadline, FromExtensions, InvalidDeadline},
    respond::{Respond, RespondBoxed, unavailable},
    retry_after::retry_after,
    status::{HttpCall, HttpStatus, Overrule, Table},
    timed_body::{BodyTimedOut, TimedBody},
    timed_service::{BodyTimeLayer, TimedBodies, TimedResponse},
};
