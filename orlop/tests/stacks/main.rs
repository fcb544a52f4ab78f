//! Guards, limits, circuits and retries in the stacks people use: axum, hyper, reqwest, tonic, boxed services.

mod axum_server;
mod clients;
mod reqwest_middleware;
mod second_call;
#[path = "../support/mod.rs"]
mod support;
mod tonic_grpc;
