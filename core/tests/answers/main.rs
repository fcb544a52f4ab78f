//! What answers are worth, and how long they may take: statuses, advice, bodies.
#![cfg(feature = "grpc")]

mod body_time;
mod fuzz;
mod grpc_status;
mod http_status;
mod retry_after;
#[path = "../support/mod.rs"]
mod support;

use orlop_core::{BodyEnd, Classify, Head, Outcome, Verdict};

/// What a classifier says of a head alone.
fn at_head<C, B>(classify: &C, res: &http::Response<B>) -> Option<Verdict>
where
    C: Classify<(), Call: Outcome<http::Response<B>>>,
{
    classify.begin(&()).head(res).known().copied()
}

/// What a classifier says of an answer that ends so.
fn at_end<C, B>(classify: &C, res: &http::Response<B>, end: BodyEnd<'_>) -> Verdict
where
    C: Classify<(), Call: Outcome<http::Response<B>>>,
{
    let head: Head<_> = classify.begin(&()).head(res);
    head.at(end)
}
