//! The registry as an HTTP service.

mod batch;
mod body;
mod change;
mod query;
mod read;
mod respond;
mod route;
mod service;
