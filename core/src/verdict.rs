//! How a call went, in the few words that every policy needs.

use std::{fmt, time::Duration};

/// What a call's end says about the other side.
///
/// One classifier makes it; circuits, limits, balancers and retries read it. It is `Copy` and holds no reference.
///
/// # Examples
///
/// ```
/// use orlop_core::{Class, Sent, Verdict};
/// use std::{fmt, time::Duration};
///
/// let verdict = Verdict::THROTTLED.with_retry_after(Duration::from_secs(2));
/// assert_eq!(verdict.class(), Class::Throttled);
/// assert_eq!(verdict.sent(), Sent::Yes);
/// assert_eq!(verdict.retry_after(), Some(Duration::from_secs(2)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    class: Class,
    origin: Origin,
    sent: Sent,
    dropped: bool,
    final_word: bool,
    gateway: bool,
    /// In nanoseconds: [`NEVER`] if none was asked for. Half the size of an optional `Duration`: a verdict stays with a call until its
    /// body ends.
    retry_after: u64,
}

const NEVER: u64 = u64::MAX;

/// What the outcome counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The other side did its work.
    Success,
    /// The other side, or the way to it, failed.
    Failure,
    /// The other side asked for less. Counts in ratios, not in consecutive runs.
    Throttled,
    /// Says nothing about the other side: a local refusal, a caller who left.
    Neutral,
}

/// Who decided the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// This process, before or instead of the other side.
    Local,
    /// The other side, or the connection to it.
    Remote,
}

/// Whether the other side may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sent {
    /// Provably not: safe to send again, whatever it is.
    No,
    /// Perhaps, in part.
    Maybe,
    /// An answer came back.
    Yes,
}

impl Verdict {
    /// An answer that counts as success.
    pub const SUCCESS: Self = Self::new(Class::Success, Origin::Remote, Sent::Yes);
    /// An answer that counts as failure.
    pub const FAILURE: Self = Self::new(Class::Failure, Origin::Remote, Sent::Yes);
    /// The call broke off, and the request may have been seen.
    pub const BROKEN: Self = Self::new(Class::Failure, Origin::Remote, Sent::Maybe);
    /// No connection could be had: a failure, and nothing was sent.
    pub const UNCONNECTED: Self = Self::new(Class::Failure, Origin::Remote, Sent::No);
    /// An answer that asks for less.
    pub const THROTTLED: Self = Self::new(Class::Throttled, Origin::Remote, Sent::Yes);
    /// Refused by this process. It says nothing about the other side.
    pub const REFUSED: Self = Self::new(Class::Neutral, Origin::Local, Sent::No);
    /// Says nothing about the other side.
    pub const NEUTRAL: Self = Self::new(Class::Neutral, Origin::Local, Sent::Maybe);
    /// The caller left before there was a verdict.
    pub const DROPPED: Self = Self { dropped: true, ..Self::NEUTRAL };
    /// The caller left at or after the call's deadline: the other side was too slow.
    pub const TIMED_OUT: Self = Self { dropped: true, ..Self::BROKEN };

    /// A verdict with no advice on when to come back.
    pub const fn new(class: Class, origin: Origin, sent: Sent) -> Self {
        Self {
            class,
            origin,
            sent,
            dropped: false,
            final_word: false,
            gateway: false,
            retry_after: NEVER,
        }
    }

    /// Adds the other side's advice on when to come back. Readers clamp it: it comes from a peer.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        // 500 years, for those who were told more.
        let nanos = wait.as_nanos();
        self.retry_after = if nanos < NEVER as u128 { nanos as u64 } else { NEVER - 1 };
        self
    }

    /// Adds that the other side forbids another try, as a negative gRPC pushback does.
    #[must_use]
    pub const fn without_retry(mut self) -> Self {
        self.final_word = true;
        self
    }

    /// Adds that a gateway on the way answered, not the service: it was not to be reached, or too slow for the gateway.
    #[must_use]
    pub const fn with_gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// The same verdict with another answer to "was it sent".
    #[must_use]
    pub const fn with_sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    /// What it counts as.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Who decided it.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether the other side may have seen the request.
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether the caller left before the call was over.
    pub const fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// When the other side asked to come back.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.retry_after {
            NEVER => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Whether the other side leaves it to the caller to try again.
    pub const fn may_retry(&self) -> bool {
        !self.final_word
    }

    /// Whether a gateway on the way answered in place of the service. Of the service itself it says that it could not be
    /// had; whether it saw the request, nobody knows.
    pub const fn is_gateway(&self) -> bool {
        self.gateway
    }

    /// Whether it counts as success.
    pub const fn is_success(&self) -> bool {
        matches!(self.class, Class::Success)
    }

    /// Whether it counts as failure.
    pub const fn is_failure(&self) -> bool {
        matches!(self.class, Class::Failure)
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verdict")
            .field("class", &self.class)
            .field("origin", &self.origin)
            .field("sent", &self.sent)
            .field("dropped", &self.dropped)
            .field("may_retry", &self.may_retry())
            .field("gateway", &self.gateway)
            .field("retry_after", &self.retry_after())
            .finish()
    }
}
