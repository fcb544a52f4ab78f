use std::{num::NonZeroU32, time::Duration};

/// How many calls may be in flight, how many may wait, and how long.
///
/// # Examples
///
/// ```
/// use orlop_bulkhead::Settings;
/// use std::time::Duration;
///
/// let settings = Settings::default().with_max_waiting(200).with_max_wait(Duration::from_millis(50));
/// assert_eq!(settings.limit.get(), 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Settings {
    /// Calls in flight at most, 1 to 2^31 - 1 (more counts as that). Default: 64.
    ///
    /// Calls a second times their usual duration, and as much again for bursts.
    pub limit: NonZeroU32,
    /// Calls that wait for a slot at most; 0 refuses what finds none free. Default: 64.
    ///
    /// What the other side gets done within [`max_wait`](Settings::max_wait) is enough: more would only time out.
    pub max_waiting: u32,
    /// The longest wait for a slot and for the inner service to be ready. Default: 100 ms.
    #[cfg_attr(feature = "serde", serde(with = "orlop_core::duration"))]
    pub max_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limit: const { NonZeroU32::new(64).unwrap() },
            max_waiting: 64,
            max_wait: Duration::from_millis(100),
        }
    }
}

impl Settings {
    /// Sets how many calls may be in flight.
    #[must_use]
    pub fn with_limit(mut self, limit: NonZeroU32) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how many calls may wait for a slot.
    #[must_use]
    pub fn with_max_waiting(mut self, max_waiting: u32) -> Self {
        self.max_waiting = max_waiting;
        self
    }

    /// Sets how long a call may wait.
    #[must_use]
    pub fn with_max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }
}
