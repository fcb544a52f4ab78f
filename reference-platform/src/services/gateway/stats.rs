//! How requests ended, by route.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orlop_gateway_filters::{Category, Completion, End, Filter, FilterMeta, Phases, order};
use serde::{Deserialize, Serialize};

/// Counts since this instance started. Routes are configured names, so their number is bounded; what no route took is
/// `other`.
#[derive(Debug)]
pub struct Stats {
    routes: BTreeMap<&'static str, Counts>,
    other: Counts,
}

/// Counts of one route, as `/stats` shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStats {
    /// Requests that ended, however.
    pub requests: u64,
    /// Answered with 2xx or 3xx.
    pub ok: u64,
    /// Answered with 4xx.
    pub client_errors: u64,
    /// Answered with 5xx.
    pub server_errors: u64,
    /// Of all those: the caller went away before the end.
    pub left: u64,
    /// Of all those: the body broke.
    pub broken: u64,
    /// Bytes of bodies that were handed on.
    pub bytes: u64,
    /// Time from entering to the end, summed, in microseconds.
    pub micros: u64,
}

/// Relaxed throughout: each is a count that orders nothing else.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    ok: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    left: AtomicU64,
    broken: AtomicU64,
    bytes: AtomicU64,
    micros: AtomicU64,
}

/// The filter that counts.
#[derive(Debug)]
pub(super) struct Count {
    stats: Arc<Stats>,
}

// ===== impl Stats =====

impl Stats {
    pub(super) fn new<const N: usize>(routes: [&'static str; N]) -> Self {
        let routes = routes.map(|route| (route, Counts::default()));
        Self { routes: routes.into(), other: Counts::default() }
    }

    /// The counts now, by route.
    pub fn snapshot(&self) -> BTreeMap<String, RouteStats> {
        let routes = self.routes.iter().map(|(route, counts)| (*route, counts));
        let all = routes.chain([("other", &self.other)]);
        all.map(|(route, counts)| (route.to_owned(), counts.read())).collect()
    }
}

// ===== impl Counts =====

impl Counts {
    fn add(&self, done: &Completion<'_>) {
        let one = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        one(&self.requests);
        match done.status() {
            Some(status) if status.is_server_error() => one(&self.server_errors),
            Some(status) if status.is_client_error() => one(&self.client_errors),
            Some(_) => one(&self.ok),
            None => 0,
        };
        match done.end() {
            End::DroppedBeforeHead | End::DroppedInBody => one(&self.left),
            End::BodyFailed => one(&self.broken),
            _ => 0,
        };
        let micros = u64::try_from(done.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.bytes.fetch_add(done.body_bytes(), Ordering::Relaxed);
    }

    fn read(&self) -> RouteStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RouteStats {
            requests: read(&self.requests),
            ok: read(&self.ok),
            client_errors: read(&self.client_errors),
            server_errors: read(&self.server_errors),
            left: read(&self.left),
            broken: read(&self.broken),
            bytes: read(&self.bytes),
            micros: read(&self.micros),
        }
    }
}

// ===== impl Count =====

impl Count {
    pub(super) const fn new(stats: Arc<Stats>) -> Self {
        Self { stats }
    }
}

impl Filter for Count {
    fn meta(&self) -> FilterMeta {
        // First of all, so that what any filter answers is counted.
        FilterMeta::new("stats", Category::Observability)
            .order(order::NORMALIZE - 1)
            .phases(Phases::Neither)
    }

    fn on_complete(&self, done: &Completion<'_>) {
        let route = done.cx().route().and_then(|route| self.stats.routes.get(route));
        route.unwrap_or(&self.stats.other).add(done);
    }
}
