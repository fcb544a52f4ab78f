//! Why a call did not go well: which attempt, which endpoint, which layer.

use http::Response;
use orlop_core::{Acted, Endpoint, Kind, NotSent, Rejected, http::BodyTimedOut};
use orlop_lb::{AllRefused, EndpointError};
use orlop_retry::{AttemptError, TimedOut};
use std::{error::Error, fmt, iter::successors};

/// Why a call did not go well. Read from the final error by [`Cause::of`], from a failing answer by
/// [`Cause::in_response`].
///
/// A call that goes well carries none and pays for none.
///
/// # Examples
///
/// ```
/// use orlop::{Body, Cause, cause::Layer, discovery};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), orlop::BoxError> {
/// // No endpoints: nobody to call.
/// let client = orlop::client("playback")
///     .discover(discovery::fixed(vec![]))
///     .connect(|_: &orlop::Endpoint| -> Result<orlop::Client, orlop::BoxError> { Err("no network".into()) })
///     .build()?;
/// let error = client.send(http::Request::get("/plays/7").body(Body::empty())?).await.unwrap_err();
/// let cause = Cause::of(&*error).ok_or("an error of ours")?;
/// assert_eq!(cause.layer(), Layer::Balance);
/// assert_eq!((cause.attempt(), cause.max_attempts()), (Some(3), Some(3)));
/// assert_eq!(cause.to_string(), "attempt 3 of 3: playback: no endpoints");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    layer: Layer,
    attempt: Option<u32>,
    max_attempts: Option<u32>,
    withheld: bool,
    endpoint: Option<Endpoint>,
    rejected: Option<Rejected>,
}

/// The layer that refused or failed a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// An open circuit refused.
    Circuit,
    /// A limit of calls in flight refused.
    Limit,
    /// The queue was full, or the wait in it too long.
    Queue,
    /// A client-side throttle refused.
    Throttle,
    /// A limit of calls per time refused.
    RateLimit,
    /// The time was over: that of the attempt, of the call, before it was sent or while it ran, or of the answer's body.
    Deadline,
    /// There was no endpoint to pick.
    Balance,
    /// No connection to the endpoint came about.
    Connect,
    /// The endpoint was reached, and failed.
    Service,
    /// Another gate refused.
    Gate,
}

// ===== impl Cause =====

impl Cause {
    /// Reads an error's chain of sources. `None` if nothing in it is of orlop's making.
    ///
    /// Of an error of an answer's body only the layer is known.
    ///
    /// An error that came from a call made *by* the endpoint's service in this process is the service's: its own cause is
    /// to be read from that error.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Self::unknown(Layer::Service);
        let mut known = false;
        for level in successors(Some(error), |&error| error.source()) {
            if level.is::<Acted>() {
                break;
            } else if let Some(attempt) = level.downcast_ref::<AttemptError>() {
                // Another call's, made by the endpoint's service: whether that one was sent says nothing of ours.
                if cause.attempt.is_some() || cause.endpoint.is_some() {
                    cause.layer = Layer::Service;
                    break;
                }
                // "Not sent" in front of it is said to a retry further out, about the whole call.
                cause = Self::unknown(Layer::Service);
                cause.attempt = Some(attempt.attempt());
                cause.max_attempts = Some(attempt.max_attempts());
                cause.withheld = attempt.is_withheld();
                cause.endpoint = attempt.endpoint().cloned();
            } else if let Some(error) = level.downcast_ref::<EndpointError>() {
                cause.endpoint.get_or_insert_with(|| error.endpoint().clone());
            } else if let Some(refused) = level.downcast_ref::<AllRefused>() {
                // Where the attempt went says the record of earlier ones; this one went nowhere.
                cause.endpoint = Some(refused.endpoint().clone());
                return Some(cause.refused(refused.by()));
            } else if let Some(rejected) = level.downcast_ref::<Rejected>() {
                return Some(cause.refused(rejected));
            } else if level.is::<TimedOut>() || level.is::<BodyTimedOut>() {
                cause.layer = Layer::Deadline;
                return Some(cause);
            } else if level.is::<NotSent>() {
                // A refusal behind it says more.
                cause.layer = Layer::Connect;
            } else {
                continue;
            }
            known = true;
        }
        known.then_some(cause)
    }

    /// The cause that a client has put with an answer that is a failure, as a 503 is, or that stands for a refusal.
    ///
    /// Where only the end of the answer decides, as with the status in a gRPC answer's trailers, there is none.
    pub fn in_response<B>(res: &Response<B>) -> Option<&Self> {
        res.extensions().get()
    }

    /// The layer that refused or failed.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// The last attempt, 1 for the first; `None` if none was begun.
    pub fn attempt(&self) -> Option<u32> {
        self.attempt
    }

    /// How many attempts the call might have had: 1 where it was not to be tried again.
    pub fn max_attempts(&self) -> Option<u32> {
        self.max_attempts
    }

    /// Whether there was no further attempt because the budget did not pay for it. Known of errors only.
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// The endpoint that failed the last attempt, or whose gate refused it; of several that refused, the one that may admit
    /// a call soonest.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// The refusal, if this process refused; of an endpoint's gate, what that gate said.
    pub fn rejected(&self) -> Option<&Rejected> {
        self.rejected.as_ref()
    }

    /// What an answer that is a failure, or a refusal, is marked with.
    pub(crate) fn answered(
        attempt: Option<(u32, u32)>,
        endpoint: Endpoint,
        rejected: Option<&Rejected>,
    ) -> Self {
        let (attempt, max_attempts) = attempt.unzip();
        let mut cause = Self::unknown(Layer::Service);
        cause.attempt = attempt;
        cause.max_attempts = max_attempts;
        cause.endpoint = Some(endpoint);
        match rejected {
            Some(rejected) => cause.refused(rejected),
            None => cause,
        }
    }

    const fn unknown(layer: Layer) -> Self {
        Self {
            layer,
            attempt: None,
            max_attempts: None,
            withheld: false,
            endpoint: None,
            rejected: None,
        }
    }

    fn refused(mut self, rejected: &Rejected) -> Self {
        self.layer = match rejected.kind() {
            Kind::Circuit => Layer::Circuit,
            Kind::Limit => Layer::Limit,
            Kind::Queue => Layer::Queue,
            Kind::Throttle => Layer::Throttle,
            Kind::RateLimit => Layer::RateLimit,
            Kind::NoEndpoints | Kind::AllRefused => Layer::Balance,
            Kind::Deadline => Layer::Deadline,
            _ => Layer::Gate,
        };
        self.rejected = Some(rejected.clone());
        self
    }
}

/// One line: attempt, endpoint, and the refusal or the layer.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.attempt, self.max_attempts) {
            (Some(attempt), Some(of)) => write!(f, "attempt {attempt} of {of}")?,
            _ => f.write_str("no attempt")?,
        }
        if let Some(endpoint) = &self.endpoint {
            write!(f, " at {}", endpoint.id())?;
        }
        match &self.rejected {
            Some(rejected) => write!(f, ": {rejected}"),
            None => write!(f, ": {}", self.layer),
        }
    }
}

// ===== impl Layer =====

impl Layer {
    /// Its name, as the field of a span has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Circuit => "circuit",
            Self::Limit => "limit",
            Self::Queue => "queue",
            Self::Throttle => "throttle",
            Self::RateLimit => "rate_limit",
            Self::Deadline => "deadline",
            Self::Balance => "balance",
            Self::Connect => "connect",
            Self::Service => "service",
            Self::Gate => "gate",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
