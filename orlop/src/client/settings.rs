use orlop_breaker as breaker;
use orlop_lb as lb;
use orlop_retry as retry;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// How a client treats its calls. Valid once made.
///
/// In a file, durations carry their unit and unknown fields are refused:
///
/// ```toml
/// [clients.playback]
/// limit = 128                       # calls in flight at each endpoint; none: no limit
/// [clients.playback.retry]
/// timeout = "600ms"                 # for the whole call; none: no limit
/// attempt_timeout = "200ms"         # for each attempt, connecting included; none: no limit
/// max_attempts = 3
/// idempotent = true                 # of every call; left out: by HTTP method
/// budget = { percent = 20, per_second = 10 }
/// [clients.playback.circuit]        # of each endpoint; see breaker::Settings
/// trip = [{ consecutive_failures = 5 }]
/// open = { first = "1s", max = "30s" }
/// [clients.playback.balance]        # see lb::Settings
/// policy = "peak-ewma"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// Calls in flight at each endpoint, until their bodies have ended. Default: 256; `None` is no limit.
    pub limit: Option<NonZeroU32>,
    /// Attempts, time-outs and budget. Default: three attempts and no time-out; set one, since no answer is no failure
    /// until there is.
    pub retry: retry::Settings,
    /// The circuit of each endpoint. Default: see [`breaker::Settings`].
    pub circuit: breaker::Settings,
    /// How an endpoint is picked. Default: see [`lb::Settings`].
    pub balance: lb::Settings,
    /// Bytes of a request's body that are kept for another attempt. Default: 64 KiB. A longer body is sent all the same,
    /// and only its retry is lost.
    pub replay_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limit: NonZeroU32::new(256),
            retry: retry::Settings::default(),
            circuit: breaker::Settings::default(),
            balance: lb::Settings::default(),
            replay_bytes: 64 * 1024,
        }
    }
}
