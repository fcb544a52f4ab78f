use std::{num::NonZeroUsize, time::Duration};

use crate::protocol::Limits;

/// How a connection behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Commands asked and not yet answered; more are refused. Default 1024.
    pub max_in_flight: NonZeroUsize,
    /// Time to connect and to have `mn` answered. Default 500 ms.
    pub connect_timeout: Duration,
    /// How long nothing may come back while something is in flight, before the connection is closed. Default 500 ms.
    pub reply_timeout: Duration,
    /// The longest wait before the first dial after a failure; it doubles with each further one. Default 50 ms.
    pub backoff_base: Duration,
    /// The longest wait before any dial. Default 2 s.
    pub backoff_max: Duration,
    /// What it accepts from its node.
    pub limits: Limits,
}

impl Settings {
    /// Sets how many commands may be asked and not yet answered.
    #[must_use]
    pub const fn max_in_flight(mut self, commands: NonZeroUsize) -> Self {
        self.max_in_flight = commands;
        self
    }

    /// Sets the time to connect.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long nothing may come back while something is in flight.
    #[must_use]
    pub const fn reply_timeout(mut self, timeout: Duration) -> Self {
        self.reply_timeout = timeout;
        self
    }

    /// Sets the longest wait before the first dial after a failure, and before any.
    #[must_use]
    pub const fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.backoff_base = base;
        self.backoff_max = max;
        self
    }

    /// Sets what it accepts from its node.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_in_flight: NonZeroUsize::new(1024).unwrap_or(NonZeroUsize::MIN),
            connect_timeout: Duration::from_millis(500),
            reply_timeout: Duration::from_millis(500),
            backoff_base: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            limits: Limits::default(),
        }
    }
}
