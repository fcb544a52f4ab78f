use std::time::Duration;

use crate::client;

/// How a cache reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Time for a read in the local zone. Default 20 ms.
    pub local_timeout: Duration,
    /// Time for a read in another zone. Default 40 ms.
    pub remote_timeout: Duration,
    /// Time for a read in all. Default 100 ms.
    pub read_deadline: Duration,
    /// Time for a write of one copy. Default 250 ms.
    pub write_timeout: Duration,
    /// When another zone is read. Default: on errors only.
    pub fallback: Fallback,
    /// How many other zones a read may go to. What a gate or a missing connection refuses does not count. Default 1.
    pub fallback_zones: usize,
    /// How nodes are named in the ring. Default: by address, as EVCache does.
    pub naming: Naming,
    /// How the connection to each node behaves.
    pub connection: client::Settings,
}

/// When a read goes on to another zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fallback {
    /// When the local copy gave no answer.
    #[default]
    OnError,
    /// Also when it does not have the key. This doubles the reads of keys that are cached nowhere.
    OnErrorOrMiss,
}

/// How nodes are named in the ring. All clients of a cache must use the same.
///
/// In both cases the metadata entry `evcache.name` of an endpoint goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Naming {
    /// `address/address:11211`, whatever the port: EVCache's own, so its clients find the same nodes. A further node
    /// of one zone at the same address is named by its id.
    #[default]
    Address,
    /// By the endpoint's id: keys stay where they are when a node's address changes.
    Id,
}

impl Settings {
    /// Sets the time for a read in the local zone.
    #[must_use]
    pub const fn local_timeout(mut self, timeout: Duration) -> Self {
        self.local_timeout = timeout;
        self
    }

    /// Sets the time for a read in another zone.
    #[must_use]
    pub const fn remote_timeout(mut self, timeout: Duration) -> Self {
        self.remote_timeout = timeout;
        self
    }

    /// Sets the time for a read in all.
    #[must_use]
    pub const fn read_deadline(mut self, timeout: Duration) -> Self {
        self.read_deadline = timeout;
        self
    }

    /// Sets the time for a write of one copy.
    #[must_use]
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets when another zone is read.
    #[must_use]
    pub const fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// Sets how many other zones a read may go to.
    #[must_use]
    pub const fn fallback_zones(mut self, zones: usize) -> Self {
        self.fallback_zones = zones;
        self
    }

    /// Sets how nodes are named in the ring.
    #[must_use]
    pub const fn naming(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// Sets how the connection to each node behaves.
    #[must_use]
    pub const fn connection(mut self, connection: client::Settings) -> Self {
        self.connection = connection;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            local_timeout: Duration::from_millis(20),
            remote_timeout: Duration::from_millis(40),
            read_deadline: Duration::from_millis(100),
            write_timeout: Duration::from_millis(250),
            fallback: Fallback::default(),
            fallback_zones: 1,
            naming: Naming::default(),
            connection: client::Settings::default(),
        }
    }
}
