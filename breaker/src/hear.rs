//! What calls tell the machine: at their head, at their end, or by leaving.

use crate::{
    Cause,
    machine::{Machine, Owed},
    recovery::CountAs,
    tally::{Runs, Tally},
    ticket::{Heard, Outcome, Pass, Ticket},
    word::Phase,
};
use orlop_core::{Now, Verdict};

impl Machine {
    /// A success that changes nothing: the whole work of a healthy call at its end, where only runs are counted. `false`: hear
    /// it out.
    #[inline(always)]
    pub(crate) fn is_old_news(&self, ticket: &Ticket) -> bool {
        ticket.is_plain(self.word()) && self.failures.is_empty() && self.drops.is_empty()
    }

    /// A success of a call in good times, recorded in the windows; or the end of one that was told at its head. `false`: hear it
    /// out.
    #[inline(always)]
    pub(crate) fn hear_success(&self, ticket: &mut Ticket, now: &Now) -> bool {
        if ticket.has_told_success() {
            return true;
        }
        let word = self.word();
        let good_times = self.failures.is_empty() && self.drops.is_empty();
        if !good_times || !ticket.is_counted(word) || word.has_other_rules() {
            return false;
        }
        let tally = self.first_tally();
        let at = if word.is_timed() || tally.has_clock() { self.nanos(now) } else { 0 };
        let slow =
            word.is_timed() && ticket.took(|| at).is_some_and(|took| took > tally.slower_than());
        if slow || !tally.ignores_success() {
            return false;
        }
        tally.record_success(word.generation(), at);
        ticket.hear(Heard::Success);
        true
    }

    /// A call has ended well, so its body did not break off.
    #[inline]
    pub(crate) fn body_ended(&self, ticket: &Ticket) {
        if !self.broken.is_empty() && ticket.pass() == Pass::Counted {
            self.broken.end(ticket.generation());
        }
    }

    /// The head of an admitted call has come, and its end will tell.
    pub(crate) fn hear_head(&self, ticket: &mut Ticket, now: &Now) {
        ticket.head_at(|| self.nanos(now));
        if ticket.pass() != Pass::Uncounted {
            self.drops.end(ticket.generation());
        }
    }

    /// A verdict on an admitted call, at its head or its end.
    pub(crate) fn hear(&self, ticket: &mut Ticket, verdict: &Verdict, now: &Now) -> Option<Owed> {
        let dropped = verdict.is_dropped() && !ticket.has_head();
        let outcome = match Outcome::of(verdict) {
            // The head came, so the other side was there: nobody wanted the rest.
            Outcome::Dropped if !dropped => Outcome::Neutral,
            outcome => outcome,
        };
        let first = ticket.heard() == Heard::Nothing;
        // A call that was a success at its head and then fails is one failure more.
        if !first && (ticket.heard() == Heard::Enough || outcome != Outcome::Failure) {
            return None;
        }
        ticket.hear(if outcome == Outcome::Success { Heard::Success } else { Heard::Enough });
        let took = if first { ticket.took(|| self.nanos(now)) } else { None };
        match ticket.pass() {
            Pass::Uncounted => None,
            Pass::Counted => {
                let broke = !first;
                self.count(ticket.generation(), (outcome, dropped, broke, took), verdict, now)
            }
            Pass::Probe(slot) => {
                self.hear_probe(ticket, slot, (first, outcome, took), verdict, now)
            }
        }
    }

    fn hear_probe(
        &self,
        ticket: &mut Ticket,
        slot: u32,
        (first, outcome, took): (bool, Outcome, Option<u64>),
        verdict: &Verdict,
        now: &Now,
    ) -> Option<Owed> {
        let at = self.nanos(now);
        let generation = ticket.generation();
        self.locked(at, |control| {
            if control.generation != generation {
                return;
            }
            // The slot of a success at the head is back already.
            if first && !control.return_slot(slot) {
                // Too late: what it found out is older than what the probe in its place will.
                ticket.hear(Heard::Enough);
                return;
            }
            let slow = Tally::is_slow(&control.settings, took);
            let slow_matters = control.settings.slower_than().is_some();
            match outcome {
                Outcome::Success => {
                    self.drops.end(generation);
                    if slow {
                        // It is a failure already: a body that breaks off adds nothing.
                        ticket.hear(Heard::Enough);
                    }
                    control.probe_ended(!slow, slow, verdict, at);
                }
                Outcome::Failure if !first => control.probe_broke(verdict, at),
                Outcome::Failure | Outcome::Throttled => {
                    self.drops.end(generation);
                    control.probe_ended(false, slow, verdict, at);
                }
                Outcome::Neutral => {}
                Outcome::Dropped => {
                    // Of the settings in force: the tally is of those that the circuit was last closed with.
                    let (counts, slow) = match control.settings.drop_counts_as(took) {
                        CountAs::Neutral => (false, slow),
                        CountAs::Slow => (slow_matters, slow_matters),
                        CountAs::Failure => (true, slow),
                    };
                    let drops = self.drops.add(generation).unwrap_or_default();
                    if counts {
                        control.probe_ended(false, slow, verdict, at);
                    } else if drops >= Tally::drops(&control.settings) {
                        // HalfOpen => Open: as closed ones do, where nobody ever gets an answer.
                        control.open(Cause::OnlyDrops(drops), None, at);
                    }
                }
            }
        })
        .1
    }

    /// An admitted call never ran.
    pub(crate) fn refund(&self, ticket: &Ticket, now: &Now) -> Option<Owed> {
        let (Pass::Probe(slot), Heard::Nothing) = (ticket.pass(), ticket.heard()) else {
            return None;
        };
        self.locked(self.nanos(now), |control| {
            if control.generation == ticket.generation() {
                control.return_slot(slot);
            }
        })
        .1
    }

    /// The service failed to become ready, so there is no call.
    pub(crate) fn unready(&self, verdict: &Verdict, now: &Now) -> Option<Owed> {
        let outcome = Outcome::of(verdict);
        let word = self.word();
        if !outcome.is_bad() {
            return None;
        }
        match word.phase() {
            Phase::Closed | Phase::Ramping => {
                self.count(word.generation(), (outcome, false, false, None), verdict, now)
            }
            Phase::Open | Phase::HalfOpen => {
                let at = self.nanos(now);
                self.locked(at, |control| {
                    if control.generation != word.generation() {
                        return;
                    }
                    // Readiness was asked for because the open time is over: that was a probe, too.
                    if control.phase == Phase::Open && at >= control.until {
                        control.half_open(at);
                    }
                    if control.phase == Phase::HalfOpen {
                        control.open(Cause::Unready, verdict.retry_after(), at);
                    }
                })
                .1
            }
            Phase::ForcedOpen | Phase::Disabled => None,
        }
    }

    /// An outcome while calls pass.
    fn count(
        &self,
        generation: u32,
        (outcome, dropped, broke, took): (Outcome, bool, bool, Option<u64>),
        verdict: &Verdict,
        now: &Now,
    ) -> Option<Owed> {
        let word = self.word();
        if word.generation() != generation || outcome == Outcome::Neutral {
            return None;
        }
        if outcome == Outcome::Success {
            self.failures.end(generation);
            self.drops.end(generation);
            if !word.has_windows() {
                return None;
            }
        }
        let at = || self.nanos(now);
        let cause = self.with_tally(word, |tally| {
            if outcome == Outcome::Success {
                let slow = tally.record(generation, outcome, took, at);
                if !slow && tally.ignores_success() {
                    return None;
                }
                return tally.verdict(generation, outcome, slow, Runs::default(), at);
            }
            let age = tally.age(took);
            let outcome = match (outcome, age) {
                (Outcome::Dropped, CountAs::Failure) => Outcome::Failure,
                (outcome, _) => outcome,
            };
            let runs = self.run_on(generation, outcome, dropped, broke)?;
            let slow = match (outcome, age) {
                // A young drop, or one that is to say nothing.
                (Outcome::Dropped, CountAs::Neutral) => false,
                _ => tally.record(generation, outcome, took, at),
            };
            tally.verdict(generation, outcome, slow, runs, at)
        })?;
        self.trip(generation, cause, verdict.retry_after(), now)
    }

    /// The runs with this outcome in them; `None` if the generation is over.
    ///
    /// Bodies that break off have a run of their own: the good head of each has ended that of failures before.
    fn run_on(
        &self,
        generation: u32,
        outcome: Outcome,
        dropped: bool,
        broke: bool,
    ) -> Option<Runs> {
        let mut runs = self.runs(generation);
        if outcome == Outcome::Failure {
            let run = if broke { &self.broken } else { &self.failures };
            runs.failures = run.add(generation)?;
        }
        if dropped {
            runs.drops = self.drops.add(generation)?;
        } else {
            self.drops.end(generation);
            runs.drops = 0;
        }
        Some(runs)
    }
}
