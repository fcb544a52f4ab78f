//! What all instances of one platform have in common.

use std::fmt;
use std::time::Duration;

/// The platform's own settings; equal in all its processes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlatformSettings {
    /// Where all randomness comes from. Default 1.
    pub seed: u64,
    /// Whether our layers protect the calls; off means plain round robin, one attempt, no time-outs, gates or fallbacks.
    /// Default on.
    pub resilience: bool,
    /// How often an instance renews its lease. Default 1 s.
    pub heartbeat: Duration,
    /// How often a client fetches what changed. Default 1 s.
    pub fetch: Duration,
    /// How long a lease lives without renewal. Default 10 s.
    pub lease: Duration,
    /// How many titles the generated catalogue has. Default 2,400.
    pub titles: u32,
    /// How long an instance that is told to end may finish what it has. Default 2 s.
    pub drain: Duration,
    /// What members' tokens and URLs are signed with.
    pub secret: Secret,
}

/// 32 bytes shared by all processes of one platform. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

// ===== impl PlatformSettings =====

impl PlatformSettings {
    /// The defaults with a seed and a secret.
    pub const fn new(seed: u64, secret: Secret) -> Self {
        Self {
            seed,
            resilience: true,
            heartbeat: Duration::from_secs(1),
            fetch: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            titles: 2_400,
            drain: Duration::from_secs(2),
            secret,
        }
    }

    /// For simulations and tests: everything follows from the seed, the secret too.
    pub fn seeded(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self::new(seed, Secret(std::array::from_fn(|_| random.u8(..))))
    }

    /// The same with our layers on or off.
    #[must_use]
    pub const fn with_resilience(mut self, on: bool) -> Self {
        self.resilience = on;
        self
    }
}

// ===== impl Secret =====

impl Secret {
    /// These bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to sign with.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
