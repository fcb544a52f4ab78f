//! One endpoint's gate, calls in flight and estimate: what settles the calls that go there.

use crate::{Estimate, Load, Reading, Scale, Settings};
use orlop_core::{
    Again, CallContext, Class, End, Endpoint, Gate, Note, Now, Rejected, Settle, Verdict, cause,
};
use std::{
    fmt,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    task::Waker,
    time::Duration,
};
use tokio::time::Instant;

/// An endpoint as the calls that go there know it: its gate, how many they are, and how long they take.
///
/// It outlives its removal from the set for as long as calls are in flight there.
pub struct Node<G> {
    endpoint: Endpoint,
    gate: G,
    /// Permits handed out and not yet settled. Relaxed throughout: it is a number to compare, and orders nothing.
    in_flight: AtomicU64,
    /// Calls that the gate refused while picking.
    refused: AtomicU64,
    estimate: Estimate,
    meter: Meter,
}

/// What a balancer remembers about one admitted call.
#[derive(Debug)]
pub struct Ticket<T> {
    gate: T,
    /// When it was admitted, where times matter.
    started: Option<Instant>,
    /// Whether the time until the head has been taken in.
    timed: bool,
    /// Whether a failure has been taken in.
    penalised: bool,
}

/// How a node measures. The same for all nodes of a balancer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    scale: Scale,
    measures: bool,
    default_rtt: Duration,
    penalty: Duration,
    max_retry_after: Duration,
}

// ===== impl Meter =====

impl Meter {
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            scale: Scale::new(now, settings.decay),
            measures: settings.policy.measures(),
            default_rtt: settings.default_rtt,
            penalty: settings.penalty,
            max_retry_after: settings.max_retry_after,
        }
    }
}

// ===== impl Node =====

impl<G> Node<G> {
    pub(crate) fn new(endpoint: Endpoint, gate: G, meter: Meter) -> Self {
        Self {
            endpoint,
            gate,
            in_flight: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            estimate: Estimate::new(),
            meter,
        }
    }

    /// Where its connection goes. Weight, health and metadata are those it had when it was first seen.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The endpoint's own gate.
    pub fn gate(&self) -> &G {
        &self.gate
    }

    /// Calls admitted and not yet over.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The estimate and its age.
    pub(crate) fn estimate(&self, now: Instant) -> Option<(Duration, Duration)> {
        self.estimate.last(&self.meter.scale, now)
    }

    pub(crate) fn load(&self, weight: NonZeroU32, now: &Now) -> Load {
        // Before anything was measured no clock is needed.
        let known = self.estimate.is_measured();
        let reading = known.then(|| self.estimate.read(&self.meter.scale, now.get())).flatten();
        Load {
            in_flight: self.in_flight(),
            weight,
            reading: reading.unwrap_or(Reading::assumed(self.meter.default_rtt)),
        }
    }

    /// Takes in what the head, or the end, of a call says. `None`: the head came and the end will decide.
    fn learn<T>(&self, ticket: &mut Ticket<T>, verdict: Option<&Verdict>, now: &Now) {
        let took = |now: &Now| match ticket.started {
            Some(started) => now.get().saturating_duration_since(started),
            None => Duration::ZERO,
        };
        let (first, scale) = (!ticket.timed, &self.meter.scale);
        match verdict.map(Verdict::class) {
            Some(Class::Failure | Class::Throttled) => {
                if !ticket.penalised {
                    ticket.penalised = true;
                    let advice = verdict.and_then(Verdict::retry_after).unwrap_or_default();
                    let advice = advice.min(self.meter.max_retry_after);
                    let costs = took(now).max(self.meter.penalty).max(advice);
                    self.estimate.fail(scale, costs, now.get());
                }
            }
            Some(Class::Success) | None => {
                if first && self.meter.measures {
                    self.estimate.observe(scale, took(now), now.get());
                } else if first && ticket.started.is_some() {
                    self.estimate.recover(scale, took(now), self.meter.default_rtt, now.get());
                }
            }
            // A caller who left before the head: it would have taken at least so long.
            Some(_) if first && self.meter.measures && verdict.is_some_and(Verdict::is_dropped) => {
                self.estimate.at_least(scale, took(now), now.get());
            }
            Some(_) => {}
        }
        ticket.timed = true;
    }
}

impl<G: Settle> Settle for Node<G> {
    type Ticket = Ticket<G::Ticket>;

    fn note(&self, ticket: Option<&mut Self::Ticket>, note: Note<'_>, now: &Now) {
        match ticket {
            Some(ticket) => {
                if let Note::Head(verdict) = note {
                    self.learn(ticket, verdict, now);
                }
                self.gate.note(Some(&mut ticket.gate), note, now);
            }
            None => self.gate.note(None, note, now),
        }
    }

    fn end(&self, mut ticket: Self::Ticket, end: End<'_>, now: &Now) {
        // First, so that a gate that panics leaves no call in flight behind.
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let End::Verdict(verdict) = end {
            if verdict.is_dropped() {
                cause::was_at(&self.endpoint);
            }
            self.learn(&mut ticket, Some(verdict), now);
        }
        self.gate.end(ticket.gate, end, now);
    }
}

impl<Req: ?Sized, G: Gate<Req>> Gate<Req> for Node<G> {
    fn enter(
        &self,
        req: &Req,
        call: Option<&CallContext>,
        now: &Now,
    ) -> Result<Self::Ticket, Rejected> {
        let gate = self.gate.enter(req, call, now)?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        // Where only failures matter, what begins after one may end it.
        let timed = self.meter.measures || self.estimate.is_measured();
        let started = timed.then(|| now.get());
        Ok(Ticket { gate, started, timed: false, penalised: false })
    }

    fn refusing(&self, now: &Now) -> Option<Rejected> {
        self.gate.refusing(now)
    }

    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        self.gate.wake(waker, now)
    }
}

impl<G> fmt::Debug for Node<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("endpoint", &self.endpoint)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
