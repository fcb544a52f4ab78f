//! Where the random numbers come from.

use crate::sync::{Mutex, lock};
use fastrand::Rng;

pub(super) enum Chance {
    /// The calling thread's own generator, so that threads share nothing.
    Thread,
    /// One sequence for all threads. Guards the generator.
    Seeded(Box<Mutex<Rng>>),
}

impl Chance {
    pub(super) fn new(seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => Self::Seeded(Box::new(Mutex::new(Rng::with_seed(seed)))),
            None => Self::Thread,
        }
    }

    /// Within 0 to 1, without 1.
    pub(super) fn draw(&self) -> f64 {
        match self {
            Self::Thread => fastrand::f64(),
            Self::Seeded(rng) => lock(rng).f64(),
        }
    }
}
