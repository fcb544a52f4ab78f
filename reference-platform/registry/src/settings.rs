//! What can be set.

use std::time::Duration;

/// How a registry keeps, replicates and answers. The defaults suit heartbeats every 30 s.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    pub(crate) tick: Duration,
    pub(crate) empty_wait: Duration,
    pub(crate) self_preservation: Duration,
    pub(crate) batch_delay: Duration,
    pub(crate) max_queue: usize,
    pub(crate) max_instances: usize,
    pub(crate) max_body: usize,
    pub(crate) body_timeout: Duration,
}

/// No setting of a time is below this, so that no loop of ours spins.
const SHORTEST: Duration = Duration::from_millis(10);

impl Settings {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            tick: Duration::from_secs(1),
            empty_wait: Duration::from_secs(300),
            self_preservation: Duration::ZERO,
            batch_delay: Duration::from_millis(500),
            max_queue: 10_000,
            max_instances: 100_000,
            max_body: 8 << 20,
            body_timeout: Duration::from_secs(10),
        }
    }

    /// Sets how often leases that are over are looked for. Default 1 s, at least 10 ms.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick.max(SHORTEST);
        self
    }

    /// Sets how long a registry that could copy from no peer answers reads with 403. Default 5 min; zero for not at all.
    ///
    /// In that time the instances register, so that its first list is not taken for the truth. Two heartbeats are right.
    #[must_use]
    pub fn empty_wait(mut self, wait: Duration) -> Self {
        self.empty_wait = wait;
        self
    }

    /// Sets for how long nothing is evicted while more than 15 % of the leases are over. Default zero: evict.
    ///
    /// So many at once are rather a broken network than dead instances. Eureka's own has no end, and then lists the dead
    /// until somebody turns it off.
    #[must_use]
    pub fn self_preservation(mut self, limit: Duration) -> Self {
        self.self_preservation = limit;
        self
    }

    /// Sets how long a change waits for others to be replicated with it. Default 500 ms, at least 10 ms.
    #[must_use]
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.batch_delay = delay.max(SHORTEST);
        self
    }

    /// Sets how many changes may wait for one peer. Default 10,000; the oldest is dropped. At least 1.
    #[must_use]
    pub fn max_queue(mut self, changes: usize) -> Self {
        self.max_queue = changes.max(1);
        self
    }

    /// Sets how many instances are held. Default 100,000; a new one is refused with 503.
    #[must_use]
    pub fn max_instances(mut self, instances: usize) -> Self {
        self.max_instances = instances;
        self
    }

    /// Sets how many bytes a request may have. Default 8 MiB, which is more than a full batch has.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how long a request's body may take to arrive. Default 10 s, at least 10 ms.
    #[must_use]
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout.max(SHORTEST);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
