//! The one error for everything this process refuses by itself.

use crate::AttemptId;
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// A call that this process refused, and why. It is itself the error: cloning and passing it on allocates nothing.
///
/// # Examples
///
/// ```
/// use orlop_core::{BoxError, Kind, Rejected};
/// use std::time::Duration;
///
/// let rejected = Rejected::new(Kind::Circuit).named("playback").with_retry_after(Duration::from_millis(250));
/// assert_eq!(rejected.to_string(), "playback: circuit open, retry after 250ms");
///
/// let error: BoxError = rejected.into();
/// assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Circuit));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Rejected {
    kind: Kind,
    name: Option<Arc<str>>,
    /// In nanoseconds: [`NEVER`] if not known. Half the size of an optional `Duration`, and refusals are moved often.
    retry_after: u64,
    attempt: Option<AttemptId>,
}

const NEVER: u64 = u64::MAX;

/// What refused the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An open circuit.
    Circuit,
    /// As many calls as allowed are in flight.
    Limit,
    /// The queue is full, or the wait in it took too long.
    Queue,
    /// The client holds back for a struggling server.
    Throttle,
    /// More calls per time than allowed.
    RateLimit,
    /// Discovery knows no endpoint.
    NoEndpoints,
    /// Every endpoint's gate refused.
    AllRefused,
    /// No time was left to try.
    Deadline,
}

/// Marks an error as "nothing of the request was sent", as a failed connect is.
///
/// It is bound to the attempt that failed, for the same reason as a [`Rejected`] is: inside a service that has
/// already acted, the failed connect of a *second* call must not look as if nothing had happened.
#[derive(Debug)]
pub struct NotSent {
    attempt: Option<AttemptId>,
    source: Box<dyn Error + Send + Sync>,
}

/// Stands in a chain of sources for "something was done since": what lies behind it says nothing of whether the attempt
/// was sent.
///
/// For middleware that acts on a failure and then fails itself, as a fallback whose backup fails does. Without it the
/// first refusal, still in the chain, would prove the whole call unsent, and a retry further out would have the backup act
/// again.
#[derive(Debug)]
pub struct Acted {
    source: Arc<dyn Error + Send + Sync>,
}

// ===== impl Rejected =====

impl Rejected {
    /// A refusal without name or advice.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, name: None, retry_after: NEVER, attempt: None }
    }

    /// Says which circuit, limit or client refused.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says when a next try may be admitted.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        // 500 years, for those who were told more.
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(NEVER - 1);
        self.with_retry_after_nanos(nanos)
    }

    /// As [`with_retry_after`](Self::with_retry_after), for gates that count in nanoseconds.
    #[must_use]
    #[inline]
    pub fn with_retry_after_nanos(mut self, wait: u64) -> Self {
        self.retry_after = if wait == NEVER { NEVER - 1 } else { wait };
        self
    }

    /// Binds the refusal to the attempt it refused. The first stamp stays: it is the innermost call's.
    #[must_use]
    pub fn stamped(mut self, attempt: Option<AttemptId>) -> Self {
        self.attempt = self.attempt.or(attempt);
        self
    }

    /// What refused.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Which circuit, limit or client refused, if it has a name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// When a next try may be admitted, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        (self.retry_after != NEVER).then(|| Duration::from_nanos(self.retry_after))
    }

    /// The attempt that was refused, if the caller numbers its attempts.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.attempt
    }

    /// The first refusal in an error's chain of sources.
    ///
    /// For reports and status codes only. Whether the call may be sent again, [`unsent`](Self::unsent) says.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }

    /// Whether `error` proves that attempt `id` was never sent: a refusal or a failed connect of that very attempt.
    ///
    /// A refusal of another call, made while the attempt was under way, proves nothing and gives `false`; and nothing
    /// behind an [`Acted`] counts.
    ///
    /// ```
    /// use orlop_core::{AttemptId, BoxError, Kind, Rejected};
    ///
    /// let (mine, other) = (AttemptId::next(), AttemptId::next());
    /// let error: BoxError = Rejected::new(Kind::Limit).stamped(Some(mine)).into();
    /// assert!(Rejected::unsent(&*error, mine));
    /// assert!(!Rejected::unsent(&*error, other));
    /// ```
    pub fn unsent(error: &(dyn Error + 'static), id: AttemptId) -> bool {
        chain(error).take_while(|error| !error.is::<Acted>()).any(|error| {
            let stamp = match error.downcast_ref::<Self>() {
                Some(rejected) => rejected.attempt,
                None => error.downcast_ref::<NotSent>().and_then(|unsent| unsent.attempt),
            };
            stamp == Some(id)
        })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        self.kind.fmt(f)?;
        if let Some(wait) = self.retry_after() {
            write!(f, ", retry after {wait:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("retry_after", &self.retry_after())
            .field("attempt", &self.attempt)
            .finish()
    }
}

impl Error for Rejected {}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Circuit => "circuit open",
            Self::Limit => "limit of calls in flight reached",
            Self::Queue => "queue full or wait in it too long",
            Self::Throttle => "throttled by the client",
            Self::RateLimit => "rate limit reached",
            Self::NoEndpoints => "no endpoints",
            Self::AllRefused => "all endpoints refused",
            Self::Deadline => "deadline exceeded",
        })
    }
}

// ===== impl NotSent =====

impl NotSent {
    /// States that `source` ended attempt `attempt` before anything was sent.
    pub fn new(
        attempt: Option<AttemptId>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { attempt, source: source.into() }
    }

    /// Whether an error's chain of sources holds such a mark, for whichever attempt.
    pub fn is_in(error: &(dyn Error + 'static)) -> bool {
        chain(error).any(|error| error.is::<Self>())
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("request not sent")
    }
}

impl Error for NotSent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

// ===== impl Acted =====

impl Acted {
    /// Puts the mark in front of what was met first.
    pub fn new(source: Arc<dyn Error + Send + Sync>) -> Self {
        Self { source }
    }
}

impl fmt::Display for Acted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something else was tried instead")
    }
}

impl Error for Acted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        // Its `source` is the source of what it wraps: that itself would be passed over.
        Some(io) if io.get_ref().is_some() => io.get_ref().map(|inner| inner as _),
        _ => error.source(),
    })
}
