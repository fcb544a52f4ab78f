//! The registry as an HTTP service.

mod batch;
mod body;
mod query;
mod respond;
mod route;
mod service;
