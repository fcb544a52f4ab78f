//! How long an instance stays listed.

use std::time::Duration;

use orlop_discovery_client::eureka::wire::InstanceInfo;
use tokio::time::Instant;

use super::Now;

/// An instance, and when it was last heard of.
///
/// It is over one duration after the last renewal. Netflix's server adds the duration twice once there was a heartbeat,
/// so that a crashed instance lives for two.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) info: InstanceInfo,
    pub(crate) renewed: Instant,
    duration: Duration,
}

/// A lease that an instance asks for is at most a day, so that a mistake does not list it for ever.
const LONGEST_SECS: u32 = 24 * 3600;

impl Lease {
    pub(crate) fn new(info: InstanceInfo, now: &Now) -> Self {
        let asked = match info.lease_info.duration_in_secs {
            0 => 90,
            secs => secs.min(LONGEST_SECS),
        };
        let mut lease =
            Self { info, renewed: now.instant, duration: Duration::from_secs(asked.into()) };
        lease.info.lease_info.registration_timestamp = now.millis;
        lease.info.lease_info.eviction_timestamp = 0;
        lease.renew(now);
        lease
    }

    pub(crate) fn renew(&mut self, now: &Now) {
        // Clocks that are read by different threads may arrive in another order.
        self.renewed = self.renewed.max(now.instant);
        self.info.lease_info.last_renewal_timestamp = now.millis;
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.renewed) > self.duration
    }

    /// Gives back time in which nobody could have renewed it.
    pub(crate) fn extend(&mut self, lost: Duration) {
        self.renewed += lost;
    }
}
