use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};
use tokio::sync::Notify;
use tower_service::Service;

/// A service that answers with its request, and panics if it is used against tower's contract: called without having
/// been ready since the last call, or ready in one clone and called in another.
///
/// # Examples
///
/// ```
/// use orlop_testkit::Probe;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (probe, handle) = Probe::new();
/// assert_eq!(probe.oneshot("ping").await.unwrap(), "ping");
/// assert_eq!(handle.calls(), 1);
/// assert_eq!(handle.in_flight(), 0);
/// # }
/// ```
pub struct Probe {
    shared: Arc<Shared>,
    ready: bool,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

/// Steers a [`Probe`] and tells what happened to it. Clones are the same handle.
#[derive(Clone)]
pub struct ProbeHandle {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    blocked: AtomicBool,
    held: AtomicBool,
    panics: AtomicBool,
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    dropped: AtomicUsize,
    changed: Notify,
}

/// The answer of a [`Probe`].
pub struct ProbeFuture<Req> {
    shared: Arc<Shared>,
    req: Option<Req>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Probe {
    /// A probe that is ready and answers at once.
    pub fn new() -> (Self, ProbeHandle) {
        let shared = Arc::<Shared>::default();
        (Self { shared: shared.clone(), ready: false, waiting: None }, ProbeHandle { shared })
    }
}

impl ProbeHandle {
    /// From now on it is not ready.
    pub fn block(&self) {
        self.shared.blocked.store(true, SeqCst);
    }

    /// From now on it is ready.
    pub fn unblock(&self) {
        self.shared.blocked.store(false, SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// From now on it does not answer.
    pub fn hold(&self) {
        self.shared.held.store(true, SeqCst);
    }

    /// From now on it answers, also the calls it held back.
    pub fn release(&self) {
        self.shared.held.store(false, SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// From now on its answers panic.
    pub fn panic(&self) {
        self.shared.panics.store(true, SeqCst);
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(SeqCst)
    }

    /// How many calls have neither been answered nor dropped.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(SeqCst)
    }

    /// How many calls were dropped before their answer.
    pub fn dropped(&self) -> usize {
        self.shared.dropped.load(SeqCst)
    }
}

/// Resolves once the flag is down. Registers before it looks, so no change is missed.
async fn until_down(shared: Arc<Shared>, flag: fn(&Shared) -> &AtomicBool) {
    loop {
        let mut changed = std::pin::pin!(shared.changed.notified());
        changed.as_mut().enable();
        if !flag(&shared).load(SeqCst) {
            return;
        }
        changed.await;
    }
}

impl<Req> Service<Req> for Probe {
    type Response = Req;
    type Error = Infallible;
    type Future = ProbeFuture<Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if !self.ready {
            let shared = &self.shared;
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(until_down(shared.clone(), |s| &s.blocked)));
            if waiting.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.waiting = None;
            self.ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> ProbeFuture<Req> {
        assert!(self.ready, "poll_ready must return Ready before call, on the same instance");
        self.ready = false;
        self.shared.calls.fetch_add(1, SeqCst);
        self.shared.in_flight.fetch_add(1, SeqCst);
        ProbeFuture { shared: self.shared.clone(), req: Some(req), waiting: None }
    }
}

impl<Req> Future for ProbeFuture<Req> {
    type Output = Result<Req, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.req.is_some(), "a future must not be polled after it completed");
        let shared = self.shared.clone();
        let waiting =
            self.waiting.get_or_insert_with(|| Box::pin(until_down(shared.clone(), |s| &s.held)));
        if waiting.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        assert!(!shared.panics.load(SeqCst), "as the test asked");
        shared.in_flight.fetch_sub(1, SeqCst);
        match self.req.take() {
            Some(req) => Poll::Ready(Ok(req)),
            None => Poll::Pending,
        }
    }
}

// The request is moved out whole, never pinned.
impl<Req> Unpin for ProbeFuture<Req> {}

impl<Req> Drop for ProbeFuture<Req> {
    fn drop(&mut self) {
        if self.req.is_some() {
            self.shared.in_flight.fetch_sub(1, SeqCst);
            self.shared.dropped.fetch_add(1, SeqCst);
        }
    }
}

// A clone starts unready.
impl Clone for Probe {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), ready: false, waiting: None }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("ready", &self.ready).finish_non_exhaustive()
    }
}

impl fmt::Debug for ProbeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeHandle")
            .field("calls", &self.calls())
            .field("in_flight", &self.in_flight())
            .field("dropped", &self.dropped())
            .finish()
    }
}

impl<Req> fmt::Debug for ProbeFuture<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeFuture").finish_non_exhaustive()
    }
}
