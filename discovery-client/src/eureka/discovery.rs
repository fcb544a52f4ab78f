//! One fetcher for all watches of a process.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use orlop_core::Endpoint;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    client::Client, endpoint::endpoint, error::Error, fetch::Fetcher, hold::Hold, pace::Pace,
    watch::Watch,
};
use crate::diff::Set;

/// Knows the applications of a registry cluster and hands out [watches](Watch). Cheap to clone.
///
/// One task fetches for all watches: a full fetch first, then deltas. It ends when the last clone and the last watch
/// are dropped.
#[derive(Clone, Debug)]
pub struct Discovery {
    known: watch::Receiver<Known>,
}

/// How often to look, and how long to doubt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    interval: Duration,
    lease: Duration,
    seed: Option<u64>,
}

/// What discovery knows at some moment, for reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// How old what is known is; `None` before the first answer.
    pub age: Option<Duration>,
    /// Why the last fetch failed; `None` if it did not.
    pub failure: Option<Arc<Error>>,
    /// The applications by name, in capitals.
    pub apps: BTreeMap<String, AppSnapshot>,
}

/// One application in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AppSnapshot {
    /// The endpoints that watches have been told of, by name.
    pub endpoints: Vec<Endpoint>,
    /// How many of them the registry no longer lists, and are held for one lease.
    pub held: usize,
}

/// What the task has found out; watches read it when they are polled, so a slow one misses only what is outdated.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) apps: Arc<BTreeMap<String, App>>,
    /// When a registry last answered.
    pub(super) fresh_at: Option<Instant>,
    pub(super) failure: Option<Arc<Error>>,
}

#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) endpoints: Arc<Set>,
    held: usize,
}

// ===== impl Settings =====

impl Settings {
    /// A fetch every 30 s, doubt for 90 s.
    pub const fn new() -> Self {
        Self { interval: Duration::from_secs(30), lease: Duration::from_secs(90), seed: None }
    }

    /// Sets how often to fetch. Default 30 s, less a jitter of up to a tenth. At least 10 ms.
    ///
    /// Until the first answer it fetches sooner: after 250 ms, then doubling up to this.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(10));
        self
    }

    /// Sets how long endpoints are kept when more than half of an application's vanish in one fetch. Default 90 s.
    ///
    /// The lease of the instances is right: whoever is alive has sent a heartbeat by then. Zero believes everything at
    /// once.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets where jitter is drawn from, for runs that can be repeated. Drawn at random by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

// ===== impl Discovery =====

impl Discovery {
    /// Starts to fetch, on a task of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime; use [`pair`](Self::pair) there.
    pub fn new(client: Client, settings: Settings) -> Self {
        let (discovery, task) = Self::pair(client, settings);
        tokio::spawn(task);
        discovery
    }

    /// A discovery, and the task that it needs to learn anything.
    pub fn pair(
        client: Client,
        settings: Settings,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (publish, known) = watch::channel(Known::default());
        (Self { known }, run(client, settings, publish))
    }

    /// The endpoints of one application, by its name in any case.
    ///
    /// See [`Watch`] for what it yields.
    pub fn watch(&self, app: &str) -> Watch {
        Watch::new(app.to_uppercase(), self.known.clone())
    }

    /// Waits until a registry has answered once. False if the task has ended first.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn resolved(&self) -> bool {
        self.known.clone().wait_for(|known| known.fresh_at.is_some()).await.is_ok()
    }

    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        let known = self.known.borrow();
        let app = |app: &App| AppSnapshot {
            endpoints: app.endpoints.values().cloned().collect(),
            held: app.held,
        };
        Snapshot {
            age: known.fresh_at.map(|at| at.elapsed()),
            failure: known.failure.clone(),
            apps: known.apps.iter().map(|(name, a)| (name.clone(), app(a))).collect(),
        }
    }
}

// ===== the task =====

async fn run(client: Client, settings: Settings, publish: watch::Sender<Known>) {
    let mut pace = Pace::new(settings.seed);
    let mut fetcher = Fetcher::default();
    let mut holds = Holds::default();
    loop {
        let round = tokio::select! {
            round = fetcher.round(&client) => round,
            () = publish.closed() => return,
        };
        let now = Instant::now();
        let wait = match round {
            Ok(()) => {
                let apps = holds.apply(&fetcher, settings.lease, now);
                publish.send_modify(|known| {
                    if let Some(apps) = apps {
                        known.apps = Arc::new(apps);
                    }
                    known.fresh_at = Some(now);
                    known.failure = None;
                });
                pace.after_success(settings.interval)
            }
            Err(error) => {
                let resolved = publish.borrow().fresh_at.is_some();
                publish.send_modify(|known| known.failure = Some(Arc::new(error)));
                if resolved {
                    pace.after_success(settings.interval)
                } else {
                    pace.after_failure(settings.interval)
                }
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = publish.closed() => return,
        }
    }
}

/// The [`Hold`]s of all applications.
#[derive(Debug, Default)]
struct Holds {
    apps: BTreeMap<String, Hold>,
}

impl Holds {
    /// Takes what the fetcher sees; what watches are to know if that changed.
    fn apply(
        &mut self,
        fetcher: &Fetcher,
        lease: Duration,
        now: Instant,
    ) -> Option<BTreeMap<String, App>> {
        let view = fetcher.view();
        for name in view.names() {
            if !self.apps.contains_key(name) {
                self.apps.insert(name.clone(), Hold::default());
            }
        }
        let mut changed = false;
        for (name, hold) in &mut self.apps {
            let fresh: Set = view
                .instances(name)
                .filter_map(endpoint)
                .map(|endpoint| (endpoint.id().clone(), endpoint))
                .collect();
            let held = hold.held();
            changed |= hold.apply(fresh, lease, now) | (held != hold.held());
        }
        self.apps.retain(|_, hold| !hold.is_empty());
        changed.then(|| {
            let app =
                |hold: &Hold| App { endpoints: Arc::new(hold.listed().clone()), held: hold.held() };
            self.apps.iter().map(|(name, hold)| (name.clone(), app(hold))).collect()
        })
    }
}
