//! The circuit and the model, side by side.

use crate::{
    events::Event,
    machine::{Call, Model, Phase, Told},
    rules::Rules,
};
use orlop_breaker::{
    Cause, Circuit, State, Ticket, Transition,
    core::{End, Gate, Note, Now, Settle},
};
use proptest::prelude::*;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

pub(crate) struct Pair {
    rules: Vec<Rules>,
    circuit: Circuit,
    model: Model,
    calls: Vec<(Ticket, Call)>,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Pair {
    /// Starts with the first of these settings.
    pub(crate) fn new(rules: Vec<Rules>) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let observe = move |transition: &Transition| {
            hears.lock().expect("no panic").push(Told {
                in_shadow: transition.is_in_shadow(),
                from: transition.from(),
                to: transition.to(),
                stay: transition.generation(),
                until: transition.until(),
            });
        };
        let circuit = Circuit::new(rules[0].settings()).observed(observe);
        let model = Model::new(rules[0].clone(), Instant::now());
        Self { rules, circuit, model, calls: Vec::new(), told }
    }

    pub(crate) fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// A call in flight; a place beyond them all means the newest.
    fn place(&self, place: usize) -> Option<usize> {
        let newest = self.calls.len().checked_sub(1)?;
        Some(if place == usize::MAX { newest } else { place % self.calls.len() })
    }

    pub(crate) async fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        let at = Instant::now();
        let now = &Now::at(at);
        let (circuit, model) = (&self.circuit, &mut self.model);
        match event {
            Event::Enter => match (circuit.enter(&(), None, now), model.enter(at)) {
                (Ok(ticket), Ok(call)) => self.calls.push((ticket, call)),
                (Err(rejected), Err(wait)) => prop_assert_eq!(rejected.retry_after(), wait),
                (circuit, model) => prop_assert!(false, "circuit: {circuit:?}, model: {model:?}"),
            },
            Event::Ask => {
                let refusing = Gate::<()>::refusing(circuit, now);
                let wait: Option<Option<Duration>> = refusing.map(|it| it.retry_after());
                prop_assert_eq!(wait, model.refusing(at));
            }
            Event::Head(..) | Event::End(..) | Event::Refund(_) => self.of_a_call(event, at),
            Event::Unready(verdict) => {
                circuit.note(None, Note::Unready(&verdict), now);
                model.unready(&verdict, at);
            }
            Event::Pass(ms) => tokio::time::advance(Duration::from_millis(ms)).await,
            Event::ForceOpen => {
                circuit.force_open();
                model.put(Phase::ForcedOpen, false, at);
            }
            Event::ForceClose => {
                circuit.force_close();
                model.put(Phase::Closed, false, at);
            }
            Event::Disable => {
                circuit.disable();
                model.put(Phase::Disabled, false, at);
            }
            Event::Shadow => {
                circuit.shadow();
                model.put(Phase::Closed, true, at);
            }
            Event::Release => {
                circuit.release();
                model.release(at);
            }
            Event::Reset => {
                circuit.reset();
                model.reset(at);
            }
            Event::Update(which) => {
                let rules = &self.rules[which % self.rules.len()];
                circuit.update(rules.settings());
                model.update(rules.clone(), at);
            }
        }
        self.agree()
    }

    fn of_a_call(&mut self, event: Event, at: Instant) {
        let now = &Now::at(at);
        let (Event::Head(place, _) | Event::End(place, _) | Event::Refund(place)) = event else {
            return;
        };
        let Some(place) = self.place(place) else { return };
        let (circuit, model) = (&self.circuit, &mut self.model);
        match event {
            Event::Head(_, None) => {
                let (ticket, call) = &mut self.calls[place];
                circuit.note(Some(ticket), Note::Head(None), now);
                model.head(call, at);
            }
            Event::Head(_, Some(verdict)) => {
                let (ticket, call) = &mut self.calls[place];
                circuit.note(Some(ticket), Note::Head(Some(&verdict)), now);
                model.head_says(call, &verdict, at);
            }
            Event::End(_, verdict) => {
                let (ticket, mut call) = self.calls.remove(place);
                circuit.end(ticket, End::Verdict(&verdict), now);
                model.end_says(&mut call, &verdict, at);
            }
            Event::Refund(_) => {
                let (ticket, mut call) = self.calls.remove(place);
                circuit.end(ticket, End::Refund, now);
                model.end_says(&mut call, &orlop_breaker::core::Verdict::NEUTRAL, at);
            }
            _ => {}
        }
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let (seen, model, now) = (self.circuit.snapshot(), &self.model, Instant::now());
        prop_assert_eq!(self.circuit.state(), model.state());
        prop_assert_eq!((seen.state(), seen.in_shadow()), (model.state(), model.in_shadow()));
        match (seen.cause(), model.cause) {
            (Some(Cause::SuccessRate(seen)), Some(Cause::SuccessRate(mean))) => {
                prop_assert!((seen - mean).abs() < 1e-6, "{} instead of {}", seen, mean);
            }
            (seen, cause) => prop_assert_eq!(seen, cause),
        }
        prop_assert_eq!((seen.generation(), seen.since()), (model.stay, model.since));
        let timed = matches!(model.phase, Phase::Open | Phase::Ramping);
        prop_assert_eq!(seen.until(), timed.then_some(model.until));
        let share = (model.phase == Phase::Ramping).then(|| 1.0 / model.one_of(now) as f64);
        prop_assert_eq!(seen.share(), share);
        if model.is_counting() {
            let stay = model.stay();
            prop_assert_eq!(
                seen.consecutive_failures(),
                stay.failures_in_a_row().max(stay.broken_in_a_row())
            );
            prop_assert_eq!(seen.drops_in_a_row(), stay.drops_in_a_row());
            prop_assert_eq!(seen.windows(), stay.windows(now));
            let means = stay.success_rates(now);
            prop_assert_eq!(seen.success_rates().len(), means.len());
            for (seen, mean) in seen.success_rates().iter().zip(means) {
                prop_assert!((seen - mean).abs() < 1e-6, "{} instead of {}", seen, mean);
            }
        }
        prop_assert_eq!(seen.probes_in_flight() as usize, model.probes_in_flight(now));
        prop_assert_eq!(seen.probe_results(), model.results());
        let refused = (seen.refused(), seen.would_have_refused());
        prop_assert_eq!(refused, (model.refused, model.would_have_refused));
        prop_assert_eq!(&*self.told.lock().expect("no panic"), &model.told);
        let calm = !matches!(seen.state(), State::HalfOpen | State::Shadow);
        prop_assert!(!calm || seen.probes_in_flight() == 0);
        Ok(())
    }
}
