//! Keeping one instance registered.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::watch, time::sleep};

use super::{
    client::{Beat, Client},
    error::Error,
    pace::Pace,
    wire::InstanceInfo,
};

/// Keeps one instance registered with heartbeats, until it is dropped.
///
/// ```text
///   registering --204--> beating --200--.
///     ^   ^  '-- error: back off --'  ^------'
///     |   '------------ 404 ---------'
/// ```
///
/// Dropping it stops the heartbeats and nothing else: the registry lists the instance until its lease is over. Call
/// [`deregister`](Self::deregister) to be gone at once.
pub struct Registration {
    client: Client,
    app: String,
    id: String,
    /// Its drop tells the task to stop.
    stop: watch::Sender<()>,
    state: watch::Receiver<RegistrationState>,
}

/// How often to send heartbeats, and how long a lease is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegistrationSettings {
    heartbeat: Duration,
    lease: Duration,
    retry_cap: Duration,
    seed: Option<u64>,
}

/// How a registration stands.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RegistrationState {
    /// Whether a registry has taken the instance, and none has said since that it does not know it.
    pub registered: bool,
    /// Why the last request failed; `None` if it did not.
    pub failure: Option<Arc<Error>>,
}

/// Ends the task's part: what it does next, and after how long.
enum Next {
    Register,
    Beat,
}

// ===== impl RegistrationSettings =====

impl RegistrationSettings {
    /// A heartbeat every 30 s, a lease of 90 s.
    pub const fn new() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            lease: Duration::from_secs(90),
            retry_cap: Duration::from_secs(30),
            seed: None,
        }
    }

    /// Sets the time between heartbeats. Default 30 s, less a jitter of up to a tenth. At least 10 ms.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = heartbeat.max(Duration::from_millis(10));
        self
    }

    /// Sets how long the instance stays listed without heartbeats. Default 90 s; whole seconds, rounded up.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the longest wait after a failure. Default 30 s, and never more than the time between heartbeats.
    #[must_use]
    pub fn retry_cap(mut self, cap: Duration) -> Self {
        self.retry_cap = cap;
        self
    }

    /// Sets where jitter is drawn from, for runs that can be repeated. Drawn at random by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn retry_cap_within_heartbeat(&self) -> Duration {
        self.retry_cap.min(self.heartbeat).max(Duration::from_millis(10))
    }
}

impl Default for RegistrationSettings {
    fn default() -> Self {
        Self::new()
    }
}

// ===== impl Registration =====

impl Registration {
    /// Starts to register `instance`, on a task of the current runtime.
    ///
    /// `clock` gives the wall-clock time: registries compare an instance's states by the time at which they were made.
    /// The lease in the settings is written into the instance.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime; use [`pair`](Self::pair) there.
    pub fn new(
        client: Client,
        instance: InstanceInfo,
        settings: RegistrationSettings,
        clock: impl Fn() -> SystemTime + Send + 'static,
    ) -> Self {
        let (registration, task) = Self::pair(client, instance, settings, clock);
        tokio::spawn(task);
        registration
    }

    /// A registration, and the task that does its work.
    pub fn pair(
        client: Client,
        mut instance: InstanceInfo,
        settings: RegistrationSettings,
        clock: impl Fn() -> SystemTime + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        instance.lease_info.renewal_interval_in_secs = whole_seconds(settings.heartbeat);
        instance.lease_info.duration_in_secs = whole_seconds(settings.lease);
        let (stop, stopped) = watch::channel(());
        let (publish, state) = watch::channel(RegistrationState::default());
        let registration = Self {
            client: client.clone(),
            app: instance.app.clone(),
            id: instance.instance_id.clone(),
            stop,
            state,
        };
        let task = Task { client, instance, settings, publish };
        (registration, task.run(clock, stopped))
    }

    /// Waits until a registry has taken the instance. False if the task has ended first.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn registered(&self) -> bool {
        self.state.clone().wait_for(|state| state.registered).await.is_ok()
    }

    /// How it stands now.
    pub fn state(&self) -> RegistrationState {
        self.state.borrow().clone()
    }

    /// Stops the heartbeats, then tells a registry that the instance is gone.
    ///
    /// A request that is under way is waited for, because a heartbeat or registration that arrives after the
    /// deregistration would bring the instance back. So it takes at most twice the client's time-out for each registry.
    ///
    /// # Errors
    ///
    /// When no registry answered: the instance stays listed until its lease is over.
    ///
    /// # Cancel safety
    ///
    /// The heartbeats have stopped; whether the instance is deregistered is not known.
    pub async fn deregister(self) -> Result<(), Error> {
        let Self { client, app, id, stop, mut state } = self;
        drop(stop);
        // Until the sender is dropped, which is when the task is.
        while state.changed().await.is_ok() {}
        client.deregister(&app, &id).await
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("app", &self.app)
            .field("id", &self.id)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

fn whole_seconds(time: Duration) -> u32 {
    let up = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(up).unwrap_or(u32::MAX).max(1)
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

// ===== the task =====

struct Task {
    client: Client,
    instance: InstanceInfo,
    settings: RegistrationSettings,
    publish: watch::Sender<RegistrationState>,
}

impl Task {
    async fn run(mut self, clock: impl Fn() -> SystemTime, mut stopped: watch::Receiver<()>) {
        let mut pace = Pace::new(self.settings.seed);
        let mut next = Next::Register;
        loop {
            let result = match next {
                Next::Register => self.register(millis(clock())).await,
                Next::Beat => self.beat().await,
            };
            let wait = match result {
                Ok(Beat::Renewed) => {
                    next = Next::Beat;
                    self.tell(true, None);
                    pace.after_success(self.settings.heartbeat)
                }
                Ok(_) => {
                    next = Next::Register;
                    self.tell(false, None);
                    // Soon, but not at once: a registry that forgets whatever it is told must not be asked in a loop.
                    pace.after_failure(self.settings.retry_cap_within_heartbeat())
                }
                // What was to be done stays to be done.
                Err(error) => {
                    let registered = self.publish.borrow().registered;
                    self.tell(registered, Some(Arc::new(error)));
                    pace.after_failure(self.settings.retry_cap_within_heartbeat())
                }
            };
            tokio::select! {
                biased;
                // Nothing is ever sent: this is the drop of the handle.
                _ = stopped.changed() => return,
                () = sleep(wait) => {}
            }
        }
    }

    async fn register(&mut self, now: u64) -> Result<Beat, Error> {
        // Each registration is newer than the one before, also on a clock that stands still or goes back.
        self.instance.last_dirty_timestamp =
            now.max(self.instance.last_dirty_timestamp.saturating_add(1));
        self.instance.last_updated_timestamp = self.instance.last_dirty_timestamp;
        self.client.register(&self.instance).await.map(|()| Beat::Renewed)
    }

    async fn beat(&self) -> Result<Beat, Error> {
        let InstanceInfo { app, instance_id, status, last_dirty_timestamp, .. } = &self.instance;
        self.client.heartbeat(app, instance_id, *status, *last_dirty_timestamp).await
    }

    fn tell(&self, registered: bool, failure: Option<Arc<Error>>) {
        self.publish.send_replace(RegistrationState { registered, failure });
    }
}
