//! The breakers, each behind the same trait.

mod failsafe;
mod ours;
mod recloser;
mod tower_resilience;

pub(crate) use self::{
    failsafe::Failsafe,
    ours::{Ours, last, n, plain, within},
    recloser::Recloser,
    tower_resilience::TowerResilience,
};

use crate::call::Answer;
use std::time::Duration;
use tower::util::{ServiceFn, service_fn};

/// How long a peer stays open: it cannot be told another time than the system's, so this is waited for in truth.
pub(crate) const PEER_OPEN: Duration = Duration::from_millis(1);

/// Answers as the request says.
pub(crate) type Backend = ServiceFn<fn(Answer) -> Answer>;

pub(crate) fn backend() -> Backend {
    service_fn(|answer| answer)
}
