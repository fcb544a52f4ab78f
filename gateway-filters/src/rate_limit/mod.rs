//! A rate limit for each key.

mod buckets;
mod gcra;

use std::{borrow::Cow, fmt, num::NonZeroUsize, sync::Arc};

use http::{HeaderName, Request, StatusCode, header};
use tokio::time::Instant;

use self::buckets::Buckets;
pub use self::gcra::Rate;
use crate::{
    Body, Category, Filter, FilterMeta, Phases, RequestCx, Step,
    answer::{plain, retry_after},
    order,
};

/// 65,536 keys: about 5 MiB when all are in use.
const DEFAULT_KEYS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// A filter that answers 429 with `Retry-After` to a key that asks too often. Clones share the buckets.
///
/// Exact for each key (a token bucket, computed as GCRA without rounding), also under many threads. Memory is bounded: a key
/// whose bucket is full again is forgotten when room is needed, and keys that find no room share one bucket.
#[derive(Clone)]
pub struct RateLimit {
    name: Cow<'static, str>,
    key: Key,
    rate: Rate,
    buckets: Arc<Buckets>,
}

type ByFn = Arc<dyn Fn(&RequestCx, &Request<Body>) -> Option<String> + Send + Sync>;

#[derive(Clone)]
enum Key {
    All,
    Subject,
    Route,
    Header(HeaderName),
    By(ByFn),
}

// ===== impl RateLimit =====

impl RateLimit {
    /// One bucket for all requests.
    pub fn all(rate: Rate) -> Self {
        Self::keyed(rate, Key::All)
    }

    /// A bucket for each verified subject. All requests without one share a bucket.
    pub fn by_subject(rate: Rate) -> Self {
        Self::keyed(rate, Key::Subject)
    }

    /// A bucket for each route. Needs a place in the order after the route is chosen.
    pub fn by_route(rate: Rate) -> Self {
        let mut limit = Self::keyed(rate, Key::Route);
        limit.name = "rate_limit_route".into();
        limit
    }

    /// A bucket for each value of a header. All requests without it share a bucket.
    ///
    /// A caller can write any header, so this is for headers that were verified or set by something trusted.
    pub fn by_header(rate: Rate, header: HeaderName) -> Self {
        Self::keyed(rate, Key::Header(header))
    }

    /// A bucket for each key that this function finds. All requests without one share a bucket.
    pub fn by(
        rate: Rate,
        key: impl Fn(&RequestCx, &Request<Body>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::keyed(rate, Key::By(Arc::new(key)))
    }

    fn keyed(rate: Rate, key: Key) -> Self {
        let buckets = Arc::new(Buckets::new(rate, DEFAULT_KEYS, Instant::now()));
        Self { name: "rate_limit".into(), key, rate, buckets }
    }

    /// Sets how many keys have a bucket of their own, and starts anew. Defaults to 65,536.
    #[must_use]
    pub fn keys(mut self, keys: NonZeroUsize) -> Self {
        self.buckets = Arc::new(Buckets::new(self.rate, keys, Instant::now()));
        self
    }

    /// Sets the filter's name, for a chain with more than one. Defaults to `rate_limit`, by route to `rate_limit_route`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Keys that have a bucket now.
    pub fn key_count(&self) -> usize {
        self.buckets.len()
    }

    /// Calls so far whose key found no room and that used the shared bucket.
    pub fn overflowed(&self) -> u64 {
        self.buckets.overflowed()
    }
}

impl Filter for RateLimit {
    fn meta(&self) -> FilterMeta {
        let after_routing = matches!(self.key, Key::Route);
        FilterMeta::new(self.name.clone(), Category::Abuse)
            .order(if after_routing { order::ROUTE + 1 } else { order::RATE_LIMIT })
            .phases(Phases::Inbound)
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let found;
        let key: &[u8] = match &self.key {
            Key::All => b"",
            Key::Subject => cx.subject().map_or(b"", |subject| subject.id().as_bytes()),
            Key::Route => cx.route().map_or(b"", str::as_bytes),
            Key::Header(name) => req.headers().get(name).map_or(b"", |value| value.as_bytes()),
            Key::By(by) => {
                found = by(cx, req);
                found.as_deref().map_or(b"", str::as_bytes)
            }
        };
        let Err(wait) = self.buckets.take(key, Instant::now()) else {
            return Step::CONTINUE;
        };
        let mut res = plain(StatusCode::TOO_MANY_REQUESTS, "too many requests");
        res.headers_mut().insert(header::RETRY_AFTER, retry_after(wait));
        Step::respond(res)
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("name", &self.name)
            .field("rate", &self.rate)
            .field("keys", &self.key_count())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
mod settings {
    use std::{num::NonZeroU32, time::Duration};

    use serde::{Deserialize, de::Error};

    use super::{gcra::LONGEST, *};
    use crate::BadSetting;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RawRate {
        count: u32,
        #[serde(with = "orlop_core::duration")]
        per: Duration,
        burst: Option<u32>,
    }

    impl TryFrom<RawRate> for Rate {
        type Error = BadSetting;

        fn try_from(raw: RawRate) -> Result<Self, BadSetting> {
            let positive = |path: &str, value: u32| {
                let allowed = format!("within 1..={}", u32::MAX);
                NonZeroU32::new(value).ok_or_else(|| BadSetting::new(path, value, allowed))
            };
            let per = BadSetting::span("per", raw.per, Duration::from_nanos(1)..=LONGEST)?;
            let rate = Self::new(positive("count", raw.count)?, per);
            Ok(match raw.burst {
                Some(burst) => rate.burst(positive("burst", burst)?),
                None => rate,
            })
        }
    }

    /// `{ count = 100, per = "1s", burst = 20 }`; `burst` defaults to `count`.
    impl<'de> Deserialize<'de> for Rate {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::try_from(RawRate::deserialize(from)?).map_err(D::Error::custom)
        }
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum RawKey {
        All,
        Subject,
        Route,
        Header(String),
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        rate: Rate,
        key: RawKey,
        keys: Option<usize>,
        name: Option<String>,
    }

    impl TryFrom<Raw> for RateLimit {
        type Error = BadSetting;

        fn try_from(raw: Raw) -> Result<Self, BadSetting> {
            let mut limit = match raw.key {
                RawKey::All => Self::all(raw.rate),
                RawKey::Subject => Self::by_subject(raw.rate),
                RawKey::Route => Self::by_route(raw.rate),
                RawKey::Header(name) => {
                    let parsed = HeaderName::from_bytes(name.as_bytes())
                        .map_err(|_| BadSetting::new("key.header", name, "a header name"))?;
                    Self::by_header(raw.rate, parsed)
                }
            };
            if let Some(keys) = raw.keys {
                let keys = NonZeroUsize::new(keys)
                    .ok_or_else(|| BadSetting::new("keys", keys, "at least 1"))?;
                limit = limit.keys(keys);
            }
            Ok(match raw.name {
                Some(name) => limit.named(name),
                None => limit,
            })
        }
    }

    /// `{ rate = { count = 100, per = "1s" }, key = "subject" }`; `key` is `all`, `subject`, `route` or
    /// `{ header = "name" }`, and `keys` and `name` are optional.
    impl<'de> Deserialize<'de> for RateLimit {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::try_from(Raw::deserialize(from)?).map_err(D::Error::custom)
        }
    }
}
