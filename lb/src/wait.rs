//! A call that waits: for discovery's first answer, or for a gate that admits.

use crate::{
    error::Refusal,
    published::Published,
    shared::{Bound, Shared},
};
use fastrand::Rng;
use orlop_core::{Again, CallContext, Classify, Gate, Lens, Now};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::futures::OwnedNotified,
    time::{Instant, Sleep},
};

pin_project! {
    /// Boxed by its owner: the path of a call that need not wait stays small.
    pub(crate) struct Wait {
        since: Instant,
        // Made at the first poll: a call may be made where no runtime is, as long as it is not polled there.
        #[pin]
        timer: Option<Sleep>,
        #[pin]
        changed: OwnedNotified,
    }
}

/// Gates may wake somebody else, or nobody (a throttle cannot foresee when it admits), so a waiting call also asks of
/// its own accord this often.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// A gate that has room wakes nobody, and may have none again when it is asked: who takes its slot in between leaves us
/// with neither slot nor waker. So both are tried so often; a caller who loses each time is left to `ASK_EVERY`.
const ROUNDS: usize = 3;
/// The timer's own resolution: a gate that names a time in the past must not make us spin.
const AT_LEAST: Duration = Duration::from_millis(1);

impl Wait {
    pub(crate) fn new<S, G>(published: &Published<S, G>) -> Self {
        Self { since: Instant::now(), timer: None, changed: published.changed() }
    }

    pub(crate) fn poll<S, G, C, L, Req>(
        mut self: Pin<&mut Self>,
        shared: &Shared<S, G, C, L>,
        req: &Req,
        rng: &mut Rng,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bound<S, G, C::Call>, Refusal>>
    where
        S: Clone,
        G: Gate<Req>,
        C: Classify<Req>,
        L: Lens<Req>,
    {
        let deadline = shared.lens.get(req).and_then(CallContext::deadline);
        loop {
            let mut this = self.as_mut().project();
            // Before the look, so that a change between look and sleep is not missed.
            this.changed.set(shared.published.changed());
            let refusal = match shared.bind(req, &[], rng) {
                Ok(bound) => return Poll::Ready(Ok(bound)),
                Err(refusal) => refusal,
            };
            let now = Instant::now();
            let until = this
                .since
                .checked_add(shared.patience(&refusal))
                .map_or(deadline, |end| Some(deadline.map_or(end, |deadline| deadline.min(end))));
            if until.is_some_and(|until| now >= until) {
                return Poll::Ready(Err(refusal));
            }
            let mut next = until.unwrap_or(now + Duration::from_secs(3600));
            if let Refusal::Refused(_) = refusal {
                next = next.min(now + ASK_EVERY);
                for _ in 0..ROUNDS {
                    let woken = shared.wake::<Req>(cx.waker(), &Now::at(now));
                    if let Again::At(at) = woken.next {
                        next = next.min(at.max(now + AT_LEAST));
                    }
                    // What was freed between the refusal and the registration woke nobody.
                    if let Ok(bound) = shared.bind(req, &[], rng) {
                        return Poll::Ready(Ok(bound));
                    }
                    if woken.by_all {
                        break;
                    }
                }
            }
            if let Some(timer) = this.timer.as_mut().as_pin_mut() {
                timer.reset(next);
            } else {
                this.timer.set(Some(tokio::time::sleep_until(next)));
            }
            let timer = this.timer.as_pin_mut().map(|timer| timer.poll(cx));
            if timer.is_none_or(|timer| timer.is_pending()) && this.changed.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
