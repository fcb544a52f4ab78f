//! The one middleware: a gate in front of a service.

mod flight;
mod future;
mod layer;
mod service;

pub use self::{flight::Flight, future::ResponseFuture, layer::GuardLayer, service::Guard};
