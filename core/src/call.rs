//! What a call carries along: deadline, priority, whether it may be repeated, which attempt it is.

use crate::{Endpoint, EndpointId};
use std::{
    cell::Cell,
    fmt,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What one call carries from layer to layer, and from an inbound call to the outbound calls it causes.
///
/// # Examples
///
/// ```
/// use orlop_core::CallContext;
/// use std::time::Duration;
///
/// let inbound = CallContext::new().timeout(Duration::from_millis(300)).idempotent(true);
/// let outbound = inbound.child();
/// assert_eq!(outbound.deadline(), inbound.deadline());
/// assert_eq!(outbound.is_idempotent(), None, "whether *this* call may be repeated is its own matter");
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    deadline: Option<Instant>,
    priority: Priority,
    idempotent: Option<bool>,
    no_retry: bool,
    attempt: Option<Attempt>,
}

/// How much a call matters when not all can be served. Higher goes first. The default is 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

/// One try at a call.
#[derive(Clone, Debug)]
pub struct Attempt {
    id: AttemptId,
    number: u32,
    picks: Option<Picks>,
}

/// The identity of one attempt, unique in this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId(NonZeroU64);

/// Where the attempts of one call have gone so far. Shared by all attempts of the call.
#[derive(Clone, Default)]
pub struct Picks {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    endpoints: Vec<Endpoint>,
    others: bool,
}

/// How a middleware finds the [`CallContext`] in a request, so that nothing bounds the request's type.
///
/// [`NoContext`] finds none; [`FromExtensions`](crate::http::FromExtensions) looks into an `http::Request`; a
/// closure `Fn(&Req) -> Option<&CallContext>` does for the rest.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find the `CallContext` of requests of type `{Req}`",
    label = "looks into other requests than this service's",
    note = "`FromExtensions` looks into an `http::Request`; for other requests, give `.context_by(|req: &{Req}| ..)` a closure, or have no context: `.context(NoContext)`"
)]
pub trait Lens<Req: ?Sized> {
    /// The request's context, if it has one.
    fn get<'a>(&self, req: &'a Req) -> Option<&'a CallContext>;
}

/// A [`Lens`] that can also put a context into a request.
///
/// A pair of closures, `(get, set)`, is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not put a `CallContext` into requests of type `{Req}`",
    note = "`FromExtensions` puts it into an `http::Request`; for other requests, a pair of closures `(get, set)` does"
)]
pub trait LensMut<Req: ?Sized>: Lens<Req> {
    /// Replaces the request's context.
    fn set(&self, req: &mut Req, context: CallContext);
}

/// Requests carry no context: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContext;

// ===== impl CallContext =====

impl CallContext {
    /// No deadline, middle priority, nothing known about repeating it.
    pub const fn new() -> Self {
        Self {
            deadline: None,
            priority: Priority::DEFAULT,
            idempotent: None,
            no_retry: false,
            attempt: None,
        }
    }

    /// Sets the time by which the call must be over. The earlier of this and one set before counts.
    #[must_use]
    pub fn deadline_at(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        self
    }

    /// Sets the deadline from now on. A time-out too long to represent means none.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.deadline_at(deadline),
            None => self,
        }
    }

    /// Sets how much the call matters.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// States whether repeating the call does no harm, against what its method or settings say.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    /// Forbids retries of this call.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.no_retry = true;
        self
    }

    /// Makes it the context of one attempt.
    #[must_use]
    pub fn with_attempt(mut self, attempt: Attempt) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// The context of an outbound call caused by this one: it inherits deadline and priority, nothing else.
    ///
    /// Give that to calls made while serving this one, never this context itself: with the attempt's id in it, a refusal of
    /// the outbound call would prove to whoever retries this one that nothing was done.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { deadline: self.deadline, priority: self.priority, ..Self::new() }
    }

    /// When the call must be over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How much it matters.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Whether repeating it does no harm; `None` leaves it to the method or the settings.
    pub fn is_idempotent(&self) -> Option<bool> {
        self.idempotent
    }

    /// Whether retries are allowed at all.
    pub fn may_retry(&self) -> bool {
        !self.no_retry
    }

    /// Which attempt it is, where attempts are numbered.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// The id of the attempt, where attempts are numbered.
    pub fn attempt_id(&self) -> Option<AttemptId> {
        self.attempt.as_ref().map(Attempt::id)
    }
}

// ===== impl Priority =====

impl Priority {
    /// What calls have that say nothing.
    pub const DEFAULT: Self = Self(128);
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

// ===== impl Attempt =====

impl Attempt {
    /// The first attempt of a call that is not re-picked: no record of where it goes.
    pub fn single() -> Self {
        Self { id: AttemptId::next(), number: 1, picks: None }
    }

    /// The first attempt of a call whose later attempts should go elsewhere.
    pub fn recorded() -> Self {
        Self { id: AttemptId::next(), number: 1, picks: Some(Picks::default()) }
    }

    /// The attempt after this one: a new id, the next number, the same record.
    #[must_use]
    pub fn following(&self) -> Self {
        Self {
            id: AttemptId::next(),
            number: self.number.saturating_add(1),
            picks: self.picks.clone(),
        }
    }

    /// Its identity.
    pub fn id(&self) -> AttemptId {
        self.id
    }

    /// 1 for the first try.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Where the call has gone so far; `None` where nothing re-picks.
    pub fn picks(&self) -> Option<&Picks> {
        self.picks.as_ref()
    }
}

// ===== impl AttemptId =====

impl AttemptId {
    /// An id that no other call of this function in this process has returned.
    pub fn next() -> Self {
        // Threads take ids in blocks, so that they do not fight over one counter.
        const BLOCK: u64 = 1024;
        static BLOCKS: AtomicU64 = AtomicU64::new(0);
        thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });
        NEXT.with(|next| {
            let id = match next.get() {
                // Relaxed: only uniqueness counts, and a read-modify-write alone gives it.
                id if id % BLOCK == 0 => BLOCKS.fetch_add(1, Ordering::Relaxed) * BLOCK + 1,
                id => id,
            };
            next.set(id + 1);
            // Never 0: a block begins with 1, and its end takes a new one.
            Self(NonZeroU64::new(id).unwrap_or(NonZeroU64::MIN))
        })
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptId({})", self.0)
    }
}

// ===== impl Picks =====

impl Picks {
    /// Notes that an attempt goes to this endpoint. A balancer does so before the attempt is first polled.
    pub fn record(&self, endpoint: &Endpoint) {
        self.lock().endpoints.push(endpoint.clone());
    }

    /// Notes whether there is an endpoint that no attempt has gone to. A balancer says so when it records its pick.
    pub fn set_others(&self, others: bool) {
        self.lock().others = others;
    }

    /// Whether a further attempt can go to an endpoint that none has gone to, as far as a balancer has said.
    pub fn has_others(&self) -> bool {
        self.lock().others
    }

    /// Whether an attempt has gone to this endpoint.
    pub fn tried(&self, id: &EndpointId) -> bool {
        self.lock().endpoints.iter().any(|seen| seen.id() == id)
    }

    /// Whether an attempt has gone to this zone.
    pub fn tried_zone(&self, zone: &str) -> bool {
        self.lock().endpoints.iter().any(|seen| seen.zone() == Some(zone))
    }

    /// Where attempts have gone, in order.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.lock().endpoints.clone()
    }

    // Guards `seen`, for a few instructions. A panic while held cannot leave it half-changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Picks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().endpoints.iter()).finish()
    }
}

// ===== lenses =====

impl<Req: ?Sized> Lens<Req> for NoContext {
    fn get<'a>(&self, _: &'a Req) -> Option<&'a CallContext> {
        None
    }
}

impl<Req: ?Sized> LensMut<Req> for NoContext {
    fn set(&self, _: &mut Req, _: CallContext) {}
}

#[diagnostic::do_not_recommend]
impl<Req: ?Sized, F> Lens<Req> for F
where
    F: for<'a> Fn(&'a Req) -> Option<&'a CallContext>,
{
    fn get<'a>(&self, req: &'a Req) -> Option<&'a CallContext> {
        self(req)
    }
}

impl<Req: ?Sized, F, S> Lens<Req> for (F, S)
where
    F: for<'a> Fn(&'a Req) -> Option<&'a CallContext>,
{
    fn get<'a>(&self, req: &'a Req) -> Option<&'a CallContext> {
        self.0(req)
    }
}

impl<Req: ?Sized, F, S> LensMut<Req> for (F, S)
where
    F: for<'a> Fn(&'a Req) -> Option<&'a CallContext>,
    S: Fn(&mut Req, CallContext),
{
    fn set(&self, req: &mut Req, context: CallContext) {
        self.1(req, context);
    }
}
