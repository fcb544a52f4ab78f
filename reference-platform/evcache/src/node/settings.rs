use crate::protocol::Limits;

/// How much a node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Memory for items in bytes, an estimate of their overhead included. Default 64 MiB.
    pub max_bytes: usize,
    /// Independent parts, each with its own lock and its own share of the memory. Default 8; fewer where a share
    /// would not hold four of the largest values. At least 1.
    pub shards: usize,
    /// What it accepts from its peers.
    pub limits: Limits,
}

impl Settings {
    /// Sets the memory for items in bytes.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the number of shards.
    #[must_use]
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// Sets what it accepts from its peers.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, shards: 8, limits: Limits::default() }
    }
}
