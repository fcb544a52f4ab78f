//! What a throttle allows.

use super::ledger::Sums;
use crate::InvalidSetting;
use orlop_core::Ratio;
use std::time::Duration;

/// What a [`Throttle`](crate::Throttle) does. Valid once made: setters take ranged types, or check and say what is allowed.
///
/// | setting | in files | default | range |
/// |---|---|---|---|
/// | [`k`](ThrottleSettings::k) | `k = 2.0` | that | 1..=100 |
/// | [`within`](ThrottleSettings::within) | `within = "2m"` | that | 1s..=1h |
/// | [`max_rejection`](ThrottleSettings::max_rejection) | `max_rejection = 0.9` | that | 0..=1 |
/// | [`minimum_calls`](ThrottleSettings::minimum_calls) | `minimum_calls = 10` | that | 0..=4294967295 |
/// | [`grace`](ThrottleSettings::grace) | `grace = "5s"` | that | 0s..=1h |
/// | [`accepts`](ThrottleSettings::accepts) | `accepts = "success"` or `accepts = "answered"` | the former | |
///
/// # Examples
///
/// ```
/// use orlop_breaker::{Accepts, ThrottleSettings};
/// use std::time::Duration;
///
/// let settings =
///     ThrottleSettings::default().k(1.5)?.within(Duration::from_secs(30))?.accepts(Accepts::Answered);
/// assert_eq!(
///     settings.k(0.5).unwrap_err().to_string(),
///     "k must be within 1..=100, got 0.5",
/// );
/// # Ok::<(), orlop_breaker::InvalidSetting>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "super::file::File", into = "super::file::File"))]
pub struct ThrottleSettings {
    pub(super) k: f64,
    pub(super) within: Duration,
    pub(super) max_rejection: Ratio,
    pub(super) minimum_calls: u32,
    pub(super) grace: Duration,
    pub(super) accepts: Accepts,
}

/// Which calls the other side is said to have accepted. A success always; one that it
/// [throttled](orlop_core::Class::Throttled), never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepts {
    /// Only a success. Servers in trouble seldom turn calls away in good form: they fail, or do not answer. A server that fails
    /// for other reasons is then throttled, too, as soon as more than the share that `k` forgives fails: with 2, one half.
    #[default]
    Success,
    /// Any answer that does not ask for less, a failure, too; a call that broke off or timed out is none. This is the book's
    /// meaning, for servers that say so when they turn a call away (429 or 503 with `Retry-After`, `RESOURCE_EXHAUSTED`), and
    /// whose failures have other causes.
    Answered,
}

impl ThrottleSettings {
    /// How many calls to send for each that is accepted. Default: 2, the book's: the other side sees as many calls in vain as
    /// it accepts, and so does recovery come to light. Nearer to 1 spares it more, and refuses calls that it would have
    /// accepted; 1.1 begins to refuse when a tenth fails.
    ///
    /// # Errors
    ///
    /// If it is not within 1 to 100.
    pub fn k(mut self, multiplier: f64) -> Result<Self, InvalidSetting> {
        if !(1.0..=100.0).contains(&multiplier) {
            return Err(InvalidSetting::new("k", multiplier.to_string(), "within 1..=100"));
        }
        self.k = multiplier;
        Ok(self)
    }

    /// How far back it looks, in 20 steps. Default: 2 minutes, the book's.
    ///
    /// # Errors
    ///
    /// If it is not within 1 s to 1 h.
    pub fn within(mut self, length: Duration) -> Result<Self, InvalidSetting> {
        if length < Duration::from_secs(1) || length > HOUR {
            return Err(InvalidSetting::new("within", format!("{length:?}"), "within 1s..=1h"));
        }
        self.within = length;
        Ok(self)
    }

    /// The largest share of calls to refuse. Default: 0.9. The formula alone goes to nearly 1 where nothing is accepted, and
    /// then next to no call finds out when something is; at 1 that is what it does.
    #[must_use]
    pub fn max_rejection(mut self, share: Ratio) -> Self {
        self.max_rejection = share;
        self
    }

    /// Below so many calls within the window, none is refused. Default: 10. Without a minimum, as in the book, a single call
    /// that fails has every second of the next refused; and so few calls overload nobody.
    #[must_use]
    pub fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = calls;
        self
    }

    /// How long a call may be under way before it counts as not accepted; until then it counts as accepted. Default: 5 s. At
    /// least so long, and up to a tenth of the window longer. Zero, as in the book: a call under way counts as not
    /// accepted at once, which refuses calls to a healthy server when a client starts with many at a time.
    ///
    /// A caller who leaves after that leaves a call that was not accepted; one who leaves before, or with a grace of zero,
    /// leaves no trace.
    ///
    /// # Errors
    ///
    /// If it is above 1 h.
    pub fn grace(mut self, grace: Duration) -> Result<Self, InvalidSetting> {
        if grace > HOUR {
            return Err(InvalidSetting::new("grace", format!("{grace:?}"), "within 0s..=1h"));
        }
        self.grace = grace;
        Ok(self)
    }

    /// Which calls count as accepted. Default: successes.
    #[must_use]
    pub fn accepts(mut self, accepts: Accepts) -> Self {
        self.accepts = accepts;
        self
    }

    /// The probability with which to refuse.
    pub(super) fn rejection(&self, sums: &Sums) -> f64 {
        let &Sums { requests, accepts, under_way } = sums;
        if requests < u64::from(self.minimum_calls) {
            return 0.0;
        }
        rejection(self.k, requests, accepts + under_way).min(self.max_rejection.get())
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The book's formula.
fn rejection(k: f64, requests: u64, accepts: u64) -> f64 {
    let (requests, accepts) = (requests as f64, accepts as f64);
    ((requests - k * accepts) / (requests + 1.0)).max(0.0)
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            k: 2.0,
            within: Duration::from_secs(120),
            max_rejection: Ratio::percent(90),
            minimum_calls: 10,
            grace: Duration::from_secs(5),
            accepts: Accepts::Success,
        }
    }
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_that_of_the_book() {
        for (requests, accepts, expected) in [
            (100, 50, 0.0),
            (100, 40, 0.198_020),
            (100, 10, 0.792_079),
            (100, 0, 0.990_099),
            (1, 0, 0.5),
            (0, 0, 0.0),
        ] {
            let p = rejection(2.0, requests, accepts);
            assert!((p - expected).abs() < 5e-7, "{accepts} of {requests}: {p}, not {expected}");
        }
    }
}
