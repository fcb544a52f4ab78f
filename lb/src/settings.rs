//! How a balancer picks, what it does where it cannot, and how it connects.

use crate::Policy;
use std::time::Duration;

/// How a balancer picks. Valid once made.
///
/// With the feature `serde` it is read from a file; durations carry a unit, unknown fields are refused.
///
/// # Examples
///
/// ```
/// use orlop_lb::{Policy, Settings, Tried};
/// use std::time::Duration;
///
/// let settings = Settings::new()
///     .policy(Policy::LeastInFlight)
///     .local_zone("a")
///     .wait_when_refused(Duration::from_millis(50));
/// assert_eq!(settings, settings.clone().tried(Tried::Last));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct Settings {
    pub(crate) policy: Policy,
    #[cfg_attr(feature = "serde", serde(with = "decay"))]
    pub(crate) decay: Duration,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) default_rtt: Duration,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) penalty: Duration,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) max_retry_after: Duration,
    pub(crate) local_zone: Option<String>,
    pub(crate) tried: Tried,
    pub(crate) avoid_tried_zones: bool,
    pub(crate) rebinds: u32,
    pub(crate) pass_over_pending: bool,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) wait_for_endpoints: Duration,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) wait_when_refused: Duration,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) reconnect_after: Duration,
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub(crate) reconnect_at_most: Duration,
}

/// What becomes of endpoints that an earlier attempt of the same call has gone to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Tried {
    /// They are asked where nothing untried admits: with a single endpoint, a retry goes there again. The default.
    #[default]
    Last,
    /// They are not asked again: the attempt is refused instead.
    Never,
}

const MIN_DECAY: Duration = Duration::from_millis(1);
const MAX_DECAY: Duration = Duration::from_secs(3600);

impl Settings {
    /// Peak-EWMA over 10 s, a penalty of 5 s, no zone, one rebind, 1 s of waiting for the first endpoints.
    pub fn new() -> Self {
        Self {
            policy: Policy::PeakEwma,
            decay: Duration::from_secs(10),
            default_rtt: Duration::from_millis(30),
            penalty: Duration::from_secs(5),
            max_retry_after: Duration::from_secs(300),
            local_zone: None,
            tried: Tried::Last,
            avoid_tried_zones: true,
            rebinds: 1,
            pass_over_pending: false,
            wait_for_endpoints: Duration::from_secs(1),
            wait_when_refused: Duration::ZERO,
            reconnect_after: Duration::from_secs(1),
            reconnect_at_most: Duration::from_secs(30),
        }
    }

    /// What makes one endpoint better than another. Default: [`Policy::PeakEwma`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How fast an estimate forgets: after this time a sample has 37 % of its weight. Clamped to 1 ms to 1 h. Default:
    /// 10 s.
    pub fn decay(mut self, decay: Duration) -> Self {
        self.decay = decay.clamp(MIN_DECAY, MAX_DECAY);
        self
    }

    /// What to assume of an endpoint that has not answered yet, unless its rival is faster: then as fast as that.
    /// Default: 30 ms.
    pub fn default_rtt(mut self, rtt: Duration) -> Self {
        self.default_rtt = rtt;
        self
    }

    /// What a failure or "too many requests" counts as, however fast it came, and how long the endpoint is then left alone
    /// while others are better: after that it gets one call as a trial, and if that goes well it is back. 0 counts the
    /// time the failure took, and then a fast failing endpoint draws traffic. Default: 5 s.
    pub fn penalty(mut self, penalty: Duration) -> Self {
        self.penalty = penalty;
        self
    }

    /// How much of a peer's "come back after" is believed; it counts instead of a lower penalty. Default: 5 min.
    pub fn max_retry_after(mut self, at_most: Duration) -> Self {
        self.max_retry_after = at_most;
        self
    }

    /// The zone this process is in: its endpoints come first, others only where none of them admits. Default: none, all
    /// zones are alike.
    ///
    /// A zone with few endpoints gets as many calls as their gates admit, so give them limits.
    pub fn local_zone(mut self, zone: impl Into<String>) -> Self {
        self.local_zone = Some(zone.into());
        self
    }

    /// What becomes of endpoints that an earlier attempt has gone to. Default: [`Tried::Last`].
    pub fn tried(mut self, tried: Tried) -> Self {
        self.tried = tried;
        self
    }

    /// Whether a later attempt goes to another zone where it can: zones fail as a whole. Default: yes.
    pub fn avoid_tried_zones(mut self, avoid: bool) -> Self {
        self.avoid_tried_zones = avoid;
        self
    }

    /// How often a call moves on from an endpoint whose service failed to become ready. Nothing was sent then, so it
    /// needs no permission and no budget. Default: 1.
    ///
    /// With 0, and without waiting, a call does not touch the reference count that all calls of a balancer share.
    pub fn rebinds(mut self, rebinds: u32) -> Self {
        self.rebinds = rebinds;
        self
    }

    /// Whether a call also moves on, within [`rebinds`](Self::rebinds), from an endpoint that is not ready when first
    /// polled. Default: no, it waits there.
    ///
    /// Not for services that connect in `poll_ready` and give the attempt up when dropped: 100 calls may then begin 300
    /// connections.
    pub fn pass_over_pending(mut self, pass_over: bool) -> Self {
        self.pass_over_pending = pass_over;
        self
    }

    /// How long a call waits for discovery's first answer. "Not resolved yet" is not "empty": an empty set refuses at
    /// once. Default: 1 s.
    pub fn wait_for_endpoints(mut self, at_most: Duration) -> Self {
        self.wait_for_endpoints = at_most;
        self
    }

    /// How long a call waits where every gate refuses. Default: 0, it is refused at once.
    pub fn wait_when_refused(mut self, at_most: Duration) -> Self {
        self.wait_when_refused = at_most;
        self
    }

    /// When an endpoint whose `connect` failed is tried again; doubled for each further failure up to `at_most`, and
    /// shortened by up to a half at random. `Duration::MAX` is as good as never. Default: 1 s, at most 30 s.
    pub fn reconnect(mut self, after: Duration, at_most: Duration) -> Self {
        (self.reconnect_after, self.reconnect_at_most) = (after, at_most);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "serde")]
mod decay {
    use super::{MAX_DECAY, MIN_DECAY};
    use serde::{Deserializer, Serializer, de::Error};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(decay: &Duration, to: S) -> Result<S::Ok, S::Error> {
        orlop_core::duration::serialize(decay, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let decay = orlop_core::duration::deserialize(from)?;
        if (MIN_DECAY..=MAX_DECAY).contains(&decay) {
            Ok(decay)
        } else {
            Err(D::Error::custom(format_args!("decay must be within 1ms..=1h, got {decay:?}")))
        }
    }
}
