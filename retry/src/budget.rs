//! How many retries the calls of late have paid for.

use crate::bucket::Bucket;
use std::{error::Error, fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// What all retries of a client are paid from, so that they cannot multiply an outage.
///
/// It is a handle; clones share the budget. Each call puts a little in, each retry takes out `1 / share` of what a call
/// puts in, and what is [`BudgetSettings::min_per_second`] is there in any case. Retries of what was provably not sent cost
/// nothing.
///
/// Source: Finagle's `RetryBudget`, with the same constants. Under a total failure a client sends `1 + share` times its
/// calls, plus the minimum.
///
/// # Examples
///
/// ```
/// use orlop_retry::{Budget, BudgetSettings, Share};
///
/// let budget = Budget::new(BudgetSettings::default().with_min_per_second(0).with_share(Share::percent(20)));
/// for _ in 0..4 {
///     budget.deposit();
/// }
/// assert!(!budget.withdraw(), "four calls do not pay for a retry");
/// budget.deposit();
/// assert!(budget.withdraw(), "five do");
/// ```
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

/// How much a [`Budget`] allows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct BudgetSettings {
    /// Retries a call pays for. Default: 0.2, five calls a retry.
    pub share: Share,
    /// Retries a second that nobody need pay for, for clients with few calls or just started. Default: 10.
    pub min_per_second: u32,
    /// How long what a call put in stays. Default: 10 s.
    pub ttl: Ttl,
}

/// Retries per call, 0 to 1000: `0.2` lets every fifth call be tried once more.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Share(f64);

/// How long deposits last, 1 s to 60 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Text", into = "Text"))]
pub struct Ttl(Duration);

/// A budget setting out of its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidBudget(Invalid);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Invalid {
    Share(f64),
    Ttl(Duration),
}

struct Shared {
    bucket: Bucket,
    deposit: i64,
    withdrawal: i64,
    /// One slot of the bucket.
    tick: Duration,
    start: Instant,
}

/// What one call puts in. Large, so that a retry's price is exact to a millionth.
const DEPOSIT: i64 = 1_000_000;

impl Budget {
    /// A budget of its own.
    pub fn new(settings: BudgetSettings) -> Self {
        let share = settings.share.get();
        // Without a share, deposits buy nothing and a retry has any price.
        let (deposit, withdrawal) = if share > 0.0 {
            // Rounded up, so that retries are never ahead of their share; at most 10^6 times what `f64` can say.
            (DEPOSIT, (DEPOSIT as f64 / share).ceil() as i64)
        } else {
            (0, 1)
        };
        let ttl = settings.ttl.get();
        let retries = i64::from(settings.min_per_second).saturating_mul(ttl.as_secs() as i64);
        Self {
            shared: Arc::new(Shared {
                bucket: Bucket::new(retries.saturating_mul(withdrawal)),
                deposit,
                withdrawal,
                tick: ttl / Bucket::SLOTS as u32,
                start: Instant::now(),
            }),
        }
    }

    /// A budget that pays for nothing: only what was provably not sent is retried.
    pub fn empty() -> Self {
        Self::new(BudgetSettings::default().with_share(Share::ZERO).with_min_per_second(0))
    }

    /// A call has begun.
    pub fn deposit(&self) {
        self.deposit_at(Instant::now());
    }

    /// Pays for a retry, if there is enough.
    #[must_use = "a retry that the budget does not pay for must not be sent"]
    pub fn withdraw(&self) -> bool {
        self.withdraw_at(Instant::now())
    }

    /// The retries that could be paid for now.
    pub fn balance(&self) -> u64 {
        let level = self.shared.bucket.level(self.tick(Instant::now()));
        (level / self.shared.withdrawal).try_into().unwrap_or(0)
    }

    pub(crate) fn deposit_at(&self, now: Instant) {
        self.shared.bucket.put(self.shared.deposit, self.tick(now));
    }

    pub(crate) fn withdraw_at(&self, now: Instant) -> bool {
        self.shared.bucket.take(self.shared.withdrawal, self.tick(now))
    }

    /// A retry that was paid for could not be sent.
    pub(crate) fn put_back_at(&self, now: Instant) {
        self.shared.bucket.put(self.shared.withdrawal, self.tick(now));
    }

    fn tick(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.shared.start).as_nanos();
        (passed / self.shared.tick.as_nanos()) as u64
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(BudgetSettings::default())
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("balance", &self.balance()).finish_non_exhaustive()
    }
}

// ===== impl BudgetSettings =====

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { share: Share::percent(20), min_per_second: 10, ttl: Ttl::DEFAULT }
    }
}

impl BudgetSettings {
    /// Sets how many retries a call pays for.
    #[must_use]
    pub fn with_share(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// Sets how many retries a second nobody need pay for.
    #[must_use]
    pub fn with_min_per_second(mut self, min: u32) -> Self {
        self.min_per_second = min;
        self
    }

    /// Sets how long deposits last.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }
}

// ===== impl Share =====

impl Share {
    /// Calls pay for no retry.
    pub const ZERO: Self = Self(0.0);

    /// Checks the range.
    ///
    /// # Errors
    ///
    /// If the value is below 0, above 1000, or no number.
    pub const fn new(share: f64) -> Result<Self, InvalidBudget> {
        if share >= 0.0 && share <= 1000.0 {
            Ok(Self(share))
        } else {
            Err(InvalidBudget(Invalid::Share(share)))
        }
    }

    /// So many hundredths.
    pub const fn percent(percent: u8) -> Self {
        Self(percent as f64 / 100.0)
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = InvalidBudget;

    fn try_from(share: f64) -> Result<Self, InvalidBudget> {
        Self::new(share)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

// ===== impl Ttl =====

impl Ttl {
    /// 10 s.
    pub const DEFAULT: Self = Self(Duration::from_secs(10));

    /// Checks the range.
    ///
    /// # Errors
    ///
    /// If it is shorter than 1 s or longer than 60 s.
    pub const fn new(ttl: Duration) -> Result<Self, InvalidBudget> {
        if ttl.as_millis() >= 1000 && ttl.as_nanos() <= 60_000_000_000 {
            Ok(Self(ttl))
        } else {
            Err(InvalidBudget(Invalid::Ttl(ttl)))
        }
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Text(#[serde(with = "orlop_core::duration")] Duration);

#[cfg(feature = "serde")]
impl TryFrom<Text> for Ttl {
    type Error = InvalidBudget;

    fn try_from(Text(ttl): Text) -> Result<Self, InvalidBudget> {
        Self::new(ttl)
    }
}

#[cfg(feature = "serde")]
impl From<Ttl> for Text {
    fn from(ttl: Ttl) -> Self {
        Self(ttl.0)
    }
}

// ===== impl InvalidBudget =====

impl fmt::Display for InvalidBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Invalid::Share(share) => {
                write!(f, "a budget's share must be within 0..=1000, got {share}")
            }
            Invalid::Ttl(ttl) => write!(f, "a budget's ttl must be within 1s..=60s, got {ttl:?}"),
        }
    }
}

impl Error for InvalidBudget {}
