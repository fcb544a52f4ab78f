//! The course of one call: which attempt it is, and whether there is another. Knows nothing of services.

use crate::{
    AttemptError, Keep, Policy, Settings,
    decide::{Next, decide},
    policy::Count,
};
use orlop_core::{
    Attempt, AttemptId, BoxError, CallContext, Endpoint, Kind, NotSent, Rejected, Verdict, cause,
};
use std::time::Duration;
use tokio::time::Instant;

/// One call, from its first attempt to its last.
pub(crate) struct Course<K> {
    policy: Policy,
    settings: Settings,
    /// What the call came with, and by when it must be over.
    context: CallContext,
    idempotent: bool,
    /// `None` where there is no second attempt.
    kept: Option<K>,
    attempt: Attempt,
    /// When the attempt began, and when it is given up.
    since: Instant,
    until: Option<Instant>,
    /// Endpoints picked before the attempt.
    picked: usize,
    /// Whether no attempt so far was sent.
    all_unsent: bool,
    /// Whether the budget did not pay for another attempt.
    withheld: bool,
    /// Where the attempt was when it was given up.
    left: Option<Endpoint>,
    rng: Option<fastrand::Rng>,
}

/// How an attempt ended.
pub(crate) struct Ended {
    pub(crate) verdict: Verdict,
    /// Proven not to have been sent.
    pub(crate) unsent: bool,
    /// When to come back, as far as somebody said so.
    pub(crate) advice: Option<Duration>,
}

impl<Kept> Course<Kept> {
    /// Begins a call.
    ///
    /// # Errors
    ///
    /// If its deadline has passed.
    pub(crate) fn begin(
        policy: Policy,
        settings: Settings,
        context: CallContext,
        idempotent: Option<bool>,
    ) -> Result<Self, Rejected> {
        let now = Instant::now();
        policy.count(Count::Call);
        policy.budget().deposit_at(now);
        let outer = context.attempt_id();
        let context = match settings.timeout.and_then(|timeout| now.checked_add(timeout)) {
            Some(deadline) => context.deadline_at(deadline),
            None => context,
        };
        if context.deadline().is_some_and(|deadline| deadline <= now) {
            return Err(Rejected::new(Kind::Deadline).stamped(outer));
        }
        let idempotent = context.is_idempotent().or(settings.idempotent).or(idempotent);
        let repeats = settings.max_attempts.get() > 1 && context.may_retry();
        Ok(Self {
            policy,
            settings,
            context,
            idempotent: idempotent.unwrap_or(false),
            kept: None,
            attempt: if repeats { Attempt::recorded() } else { Attempt::single() },
            since: now,
            until: None,
            picked: 0,
            all_unsent: true,
            withheld: false,
            left: None,
            rng: None,
        })
    }

    /// The request as the first attempt sends it.
    pub(crate) fn first<Req, K: Keep<Req, Kept = Kept>>(&mut self, req: Req, keep: &K) -> K::Sent {
        if self.attempt.picks().is_none() {
            return keep.only(req);
        }
        let (sent, kept) = keep.keep(req);
        self.kept = Some(kept);
        sent
    }

    /// The context of the attempt that starts now.
    pub(crate) fn start(&mut self) -> CallContext {
        if self.attempt.number() > 1 {
            self.since = Instant::now();
        }
        let own = self.settings.attempt_timeout.and_then(|timeout| self.since.checked_add(timeout));
        let context = match own {
            Some(own) => self.context.clone().deadline_at(own),
            None => self.context.clone(),
        };
        // What gates below see as the deadline is when we drop the attempt, so that they see it as timed out.
        self.until = context.deadline();
        context.with_attempt(self.attempt.clone())
    }

    pub(crate) fn attempt_id(&self) -> AttemptId {
        self.attempt.id()
    }

    pub(crate) fn number(&self) -> u32 {
        self.attempt.number()
    }

    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// The request for another attempt and the wait before it, if there is to be one.
    pub(crate) fn next<Req, K: Keep<Req, Kept = Kept>>(
        &mut self,
        keep: &K,
        ended: &Ended,
    ) -> Option<(K::Sent, Duration)> {
        self.all_unsent &= ended.unsent;
        let number = self.attempt.number();
        if self.kept.is_none() || number >= self.settings.max_attempts.get() {
            return None;
        }
        let next = decide(&ended.verdict, ended.unsent, self.idempotent);
        if next == Next::Return {
            return None;
        }
        let now = Instant::now();
        let wait = self.wait(ended)?;
        if let Some(deadline) = self.context.deadline()
            && now.checked_add(wait).is_none_or(|again| again >= deadline)
        {
            return None;
        }
        if next == Next::Paid && !self.policy.budget().withdraw_at(now) {
            self.policy.count(Count::Withheld);
            self.withheld = true;
            return None;
        }
        let sent = if number + 1 == self.settings.max_attempts.get() {
            self.kept.take().and_then(|kept| keep.last(kept))
        } else {
            self.kept.as_mut().and_then(|kept| keep.again(kept))
        };
        let Some(sent) = sent else {
            self.kept = None;
            if next == Next::Paid {
                self.policy.budget().put_back_at(now);
            }
            return None;
        };
        self.policy.count(if next == Next::Paid { Count::Paid } else { Count::Unsent });
        self.picked = self.picks();
        self.left = None;
        self.attempt = self.attempt.following();
        Some((sent, wait))
    }

    /// How long to wait before the next attempt; `None` if it is too long.
    fn wait(&mut self, ended: &Ended) -> Option<Duration> {
        // If an endpoint refused and the next attempt goes to another one, there is nothing to wait for; else the same gate
        // would answer again. If it failed, its advice speaks of itself, not of that other one. "Too many requests" speaks
        // of the service.
        let elsewhere = self.goes_elsewhere();
        if ended.unsent && elsewhere {
            return Some(Duration::ZERO);
        }
        let advice = ended.advice.filter(|_| !(elsewhere && ended.verdict.is_failure()));
        let advice = advice.unwrap_or(Duration::ZERO);
        if advice > self.settings.max_retry_after {
            return None;
        }
        let rng = self.rng.get_or_insert_with(|| self.policy.rng());
        // On top of the advice: whoever heard the same must not come back at the same instant.
        Some(self.settings.backoff.wait(self.attempt.number() - 1, rng).saturating_add(advice))
    }

    /// Whether the next attempt can go to an endpoint that none has gone to, as far as a balancer below says.
    fn goes_elsewhere(&self) -> bool {
        let Some(picks) = self.attempt.picks().filter(|picks| picks.has_others()) else {
            return false;
        };
        // Where this attempt met nobody new, the others did not admit it, and may not admit the next.
        let endpoints = picks.endpoints();
        let (before, own) = endpoints.split_at(self.picked.min(endpoints.len()));
        own.iter().any(|new| before.iter().all(|seen| seen.id() != new.id()))
    }

    fn picks(&self) -> usize {
        self.attempt.picks().map_or(0, |picks| picks.endpoints().len())
    }

    /// Gives the attempt up: `give_up` drops it.
    pub(crate) fn leave(&mut self, give_up: impl FnOnce()) {
        self.left = cause::given_up(give_up);
    }

    /// The error of the call, after its last attempt.
    pub(crate) fn error(&self, error: BoxError) -> BoxError {
        let repeats = self.attempt.picks().is_some();
        let max_attempts = if repeats { self.settings.max_attempts.get() } else { 1 };
        let error = AttemptError::new(self.attempt.number(), max_attempts, error)
            .at(self.endpoint().or_else(|| self.left.clone()))
            .withheld(self.withheld);
        let error: BoxError = error.into();
        match self.context.attempt_id() {
            // Our attempts' ids mean nothing to a retry further out; that none was sent, does.
            Some(outer) if self.all_unsent => NotSent::new(Some(outer), error).into(),
            _ => error,
        }
    }

    /// Where the attempt went.
    fn endpoint(&self) -> Option<Endpoint> {
        let mut endpoints = self.attempt.picks()?.endpoints();
        endpoints.pop().filter(|_| endpoints.len() >= self.picked)
    }
}
