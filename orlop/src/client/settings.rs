use orlop_breaker as breaker;
use orlop_core::http::BodyTime;
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
/// limit = 128                       # calls in flight at each endpoint, or "none"
/// body = { idle = "30s", total = "10m" } # of an answer: between frames, from head to end; none: no limit
/// [clients.playback.retry]
/// timeout = "600ms"                 # for the whole call; none: no limit
/// attempt_timeout = "200ms"         # for each attempt, connecting included; none: no limit
/// max_attempts = 3
/// idempotent = true                 # of every call; left out: by HTTP method
/// budget = { share = 0.2, min_per_second = 10 }
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
    /// Calls in flight at each endpoint, until their bodies have ended. Default: 256; `None` is no limit, `"none"` in a
    /// file.
    #[serde(with = "limit")]
    pub limit: Option<NonZeroU32>,
    /// Attempts, time-outs and budget. Default: three attempts and no time-out; set one, since no answer is no failure
    /// until there is.
    pub retry: retry::Settings,
    /// How long the body of an answer may take, which no time-out of a call or attempt covers: they end with its head. One
    /// that takes longer fails with [`BodyTimedOut`](orlop_core::http::BodyTimedOut), which counts against the endpoint.
    /// Default: no limit.
    pub body: BodyTime,
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
            body: BodyTime::new(),
            circuit: breaker::Settings::default(),
            balance: lb::Settings::default(),
            replay_bytes: 64 * 1024,
        }
    }
}

/// A limit in a file: a number, or the word for none. What is left out is the default, so none needs a word.
mod limit {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::num::NonZeroU32;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "a limit must be within 1..=4294967295, or \"none\"")]
    enum Text {
        Number(i64),
        Word(String),
    }

    pub(super) fn serialize<S: Serializer>(
        limit: &Option<NonZeroU32>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let text = match limit {
            Some(limit) => Text::Number(limit.get().into()),
            None => Text::Word("none".to_owned()),
        };
        text.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<NonZeroU32>, D::Error> {
        let bad = |given: &dyn std::fmt::Display| {
            D::Error::custom(format_args!(
                "a limit must be within 1..=4294967295, or \"none\", got {given}"
            ))
        };
        match Text::deserialize(from)? {
            Text::Word(word) if word == "none" => Ok(None),
            Text::Word(word) => Err(bad(&format_args!("{word:?}"))),
            Text::Number(number) => match u32::try_from(number).ok().and_then(NonZeroU32::new) {
                Some(limit) => Ok(Some(limit)),
                None => Err(bad(&number)),
            },
        }
    }
}
