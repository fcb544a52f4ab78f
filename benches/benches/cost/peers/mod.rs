//! What others offer for the same, as near as it comes, with the features that they have by default.

mod closures;
mod resilience;
mod towers;

pub use self::{
    closures::rows as functions,
    towers::{balance, retry},
};

use orlop_benches::Row;
use std::time::Duration;

/// Longer than a measurement takes.
const LONG: Duration = Duration::from_secs(3000);

/// Middleware that lets calls through.
pub fn services() -> Vec<Row> {
    let mut rows = resilience::closed();
    rows.push(towers::limit());
    rows
}

/// What refuses.
pub fn refusals() -> Vec<Row> {
    let mut rows = vec![resilience::open(), towers::full_limit()];
    rows.extend(closures::refusals());
    rows
}
