//! The machine against a slow, obvious model, over any sequence of events.

use crate::support::{last, ms, n, plain, secs, verdict};
use orlop_breaker::{
    Circuit, Counts, Settings, State, Ticket, Trip, Window,
    core::{End, Gate, Note, Now, Ratio, Rejected, Settle},
};
use proptest::prelude::*;
use std::{num::NonZeroU16, time::Duration};
use tokio::time::Instant;

const BUCKETS: u64 = 10;
const TIME_WINDOW: Duration = Duration::from_secs(10);
const OPEN_TIME: Duration = Duration::from_secs(5);
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
const LAST: usize = 6;

/// The numbers of one version of the settings.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rules {
    consecutive: u32,
    count: (u8, u32),
    time: (u8, u32),
    trip_on_success: bool,
    probes: u16,
    successes: u32,
}

const RULES: [Rules; 4] = [
    Rules {
        consecutive: 3,
        count: (50, 4),
        time: (40, 6),
        trip_on_success: false,
        probes: 2,
        successes: 3,
    },
    Rules {
        consecutive: 3,
        count: (50, 4),
        time: (40, 6),
        trip_on_success: false,
        probes: 1,
        successes: 1,
    },
    Rules {
        consecutive: 9,
        count: (100, 5),
        time: (30, 8),
        trip_on_success: true,
        probes: 3,
        successes: 2,
    },
    Rules {
        consecutive: 1,
        count: (50, 9),
        time: (50, 50),
        trip_on_success: false,
        probes: 2,
        successes: 2,
    },
];

#[derive(Clone, Copy, Debug)]
enum Event {
    Enter,
    /// Of a call in flight, by its place; the letter is the verdict.
    Head(usize, char),
    End(usize, char),
    Drop(usize),
    Refund(usize),
    Unready(char),
    Pass(u64),
    ForceOpen,
    ForceClose,
    Release,
    Reset,
    Update(usize),
}

/// What the model remembers of a call in flight.
#[derive(Clone, Copy, Debug)]
struct Call {
    stay: u32,
    pass: Option<usize>,
    counted: bool,
    success_at_head: bool,
    silent: bool,
}

struct Model {
    rules: Rules,
    state: State,
    stay: u32,
    entered: Instant,
    until: Instant,
    /// Calls counted in this stay: when, and whether they failed.
    calls: Vec<(Instant, bool)>,
    run: u32,
    successes: u32,
    /// Half-open: the number and end of each slot.
    slots: Vec<(usize, Instant)>,
    next_slot: usize,
}

impl Rules {
    fn settings(self) -> Settings {
        plain([
            Trip::consecutive_failures(n(self.consecutive)),
            Trip::failure_rate(Ratio::percent(self.count.0), n(self.count.1), last(LAST as u16)),
            Trip::failure_rate(
                Ratio::percent(self.time.0),
                n(self.time.1),
                Window::within(TIME_WINDOW).expect("in range"),
            ),
        ])
        .trip_on_success(self.trip_on_success)
        .probes(NonZeroU16::new(self.probes).expect("not 0"))
        .successes(n(self.successes))
    }

    fn same_trip(self, other: Self) -> bool {
        Self { probes: 0, successes: 0, ..self } == Self { probes: 0, successes: 0, ..other }
    }
}

impl Model {
    fn new(rules: Rules, now: Instant) -> Self {
        Self {
            rules,
            state: State::Closed,
            stay: 0,
            entered: now,
            until: now,
            calls: Vec::new(),
            run: 0,
            successes: 0,
            slots: Vec::new(),
            next_slot: 0,
        }
    }

    fn go(&mut self, state: State, now: Instant) {
        self.state = state;
        self.stay += 1;
        self.entered = now;
        self.calls.clear();
        self.run = 0;
        self.successes = 0;
        self.slots.clear();
        if state == State::Open {
            self.until = now + OPEN_TIME;
        }
    }

    /// The call, or how long until the next try.
    fn enter(&mut self, now: Instant) -> Result<Call, Option<Duration>> {
        if self.state == State::Open && now >= self.until {
            self.go(State::HalfOpen, now);
        }
        let pass = match self.state {
            State::ForcedOpen => return Err(None),
            State::Open => return Err(Some(self.until - now)),
            State::HalfOpen => {
                let unexpired = self.slots.iter().filter(|(_, end)| *end > now).count();
                if unexpired >= usize::from(self.rules.probes) {
                    return Err(None);
                }
                // Expired ones go, oldest first, as far as room is needed.
                while self.slots.len() >= usize::from(self.rules.probes) {
                    let at = self.slots.iter().position(|(_, end)| *end <= now).expect("counted");
                    self.slots.swap_remove(at);
                }
                self.next_slot += 1;
                self.slots.push((self.next_slot, now + PROBE_TIMEOUT));
                Some(self.next_slot)
            }
            _ => None,
        };
        let counted = self.state != State::Disabled;
        Ok(Call { stay: self.stay, pass, counted, success_at_head: false, silent: false })
    }

    fn hear(&mut self, call: &mut Call, letter: char, now: Instant) {
        let again = call.success_at_head;
        if call.silent || again && letter != 'F' {
            return;
        }
        call.success_at_head = letter == 'S';
        call.silent = letter != 'S';
        if call.stay != self.stay || !call.counted {
            return;
        }
        match call.pass {
            None => self.count(letter, now),
            Some(slot) => {
                if !again && !self.free(slot) {
                    call.silent = true;
                    return;
                }
                match letter {
                    'S' => {
                        self.successes += 1;
                        if self.successes >= self.rules.successes {
                            self.go(State::Closed, now);
                        }
                    }
                    'F' | 'T' => self.go(State::Open, now),
                    _ => {}
                }
            }
        }
    }

    fn free(&mut self, slot: usize) -> bool {
        let before = self.slots.len();
        self.slots.retain(|(number, _)| *number != slot);
        self.slots.len() < before
    }

    fn count(&mut self, letter: char, now: Instant) {
        match letter {
            'N' => return,
            'S' => self.run = 0,
            'F' => self.run += 1,
            _ => {}
        }
        self.calls.push((now, letter != 'S'));
        if letter == 'S' && !self.rules.trip_on_success {
            return;
        }
        let reached = |counts: Counts, (percent, minimum): (u8, u32)| {
            counts.calls >= u64::from(minimum)
                && counts.failures > 0
                && counts.failures * 100 >= u64::from(percent) * counts.calls
        };
        let [count, time] = self.windows(now);
        let (percent, minimum) = self.rules.count;
        if self.rules.consecutive <= self.run && letter == 'F'
            || reached(count, (percent, minimum.min(LAST as u32)))
            || reached(time, self.rules.time)
        {
            self.go(State::Open, now);
        }
    }

    fn unready(&mut self, letter: char, now: Instant) {
        if letter != 'F' && letter != 'T' {
            return;
        }
        match self.state {
            State::Closed => self.count(letter, now),
            State::Open if now >= self.until => {
                self.go(State::HalfOpen, now);
                self.go(State::Open, now);
            }
            State::HalfOpen => self.go(State::Open, now),
            _ => {}
        }
    }

    fn windows(&self, now: Instant) -> [Counts; 2] {
        let counts = |calls: &[(Instant, bool)]| Counts {
            calls: calls.len() as u64,
            failures: calls.iter().filter(|(_, failed)| *failed).count() as u64,
            slow: 0,
        };
        let width = TIME_WINDOW.as_nanos() / u128::from(BUCKETS);
        let tick = |at: Instant| (at - self.entered).as_nanos() / width;
        let live = |at: &&(Instant, bool)| tick(at.0) + u128::from(BUCKETS) > tick(now);
        let recent: Vec<_> = self.calls.iter().filter(live).copied().collect();
        [counts(&self.calls[self.calls.len().saturating_sub(LAST)..]), counts(&recent)]
    }
}

/// The circuit and the model, side by side.
struct Pair {
    circuit: Circuit,
    model: Model,
    calls: Vec<(Ticket, Call)>,
}

impl Pair {
    fn new() -> Self {
        let circuit = Circuit::new(RULES[0].settings());
        Self { circuit, model: Model::new(RULES[0], Instant::now()), calls: Vec::new() }
    }

    async fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        let at = Instant::now();
        let now = &Now::at(at);
        let (circuit, model) = (&self.circuit, &mut self.model);
        match event {
            Event::Enter => {
                let entered = circuit.enter(&(), None, now);
                match (entered, model.enter(at)) {
                    (Ok(ticket), Ok(call)) => self.calls.push((ticket, call)),
                    (Err(rejected), Err(wait)) => prop_assert_eq!(rejected.retry_after(), wait),
                    (circuit, model) => {
                        prop_assert!(false, "circuit: {circuit:?}, model: {model:?}");
                    }
                }
            }
            Event::Head(place, letter) if !self.calls.is_empty() => {
                let place = place % self.calls.len();
                let (ticket, call) = &mut self.calls[place];
                circuit.note(Some(ticket), Note::Head(Some(&verdict(letter))), now);
                model.hear(call, letter, at);
            }
            Event::End(place, letter) if !self.calls.is_empty() => {
                let (ticket, mut call) = self.calls.swap_remove(place % self.calls.len());
                circuit.end(ticket, End::Verdict(&verdict(letter)), now);
                model.hear(&mut call, letter, at);
            }
            Event::Drop(place) if !self.calls.is_empty() => {
                let (ticket, mut call) = self.calls.swap_remove(place % self.calls.len());
                circuit.end(ticket, End::Verdict(&orlop_breaker::core::Verdict::DROPPED), now);
                model.hear(&mut call, 'N', at);
            }
            Event::Refund(place) if !self.calls.is_empty() => {
                let (ticket, mut call) = self.calls.swap_remove(place % self.calls.len());
                circuit.end(ticket, End::Refund, now);
                model.hear(&mut call, 'N', at);
            }
            Event::Unready(letter) => {
                circuit.note(None, Note::Unready(&verdict(letter)), now);
                model.unready(letter, at);
            }
            Event::Pass(time) => tokio::time::advance(ms(time)).await,
            Event::ForceOpen => {
                circuit.force_open();
                model.go(State::ForcedOpen, at);
            }
            Event::ForceClose => {
                circuit.disable();
                model.go(State::Disabled, at);
            }
            Event::Release => {
                circuit.release();
                if model.state.is_by_hand() {
                    model.go(State::Closed, at);
                }
            }
            Event::Reset => {
                circuit.reset();
                model.go(State::Closed, at);
            }
            Event::Update(which) => {
                let rules = RULES[which % RULES.len()];
                circuit.update(rules.settings());
                let same = model.rules.same_trip(rules);
                model.rules = rules;
                if !same && model.state == State::Closed {
                    model.go(State::Closed, at);
                }
            }
            _ => {}
        }
        self.agree()
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let (seen, model, now) = (self.circuit.snapshot(), &self.model, Instant::now());
        prop_assert_eq!(self.circuit.state(), model.state);
        prop_assert_eq!(seen.state(), model.state);
        prop_assert_eq!(seen.generation(), model.stay);
        prop_assert_eq!(seen.since(), model.entered);
        prop_assert_eq!(seen.until(), (model.state == State::Open).then_some(model.until));
        if model.state == State::Closed {
            prop_assert_eq!(seen.consecutive_failures(), u64::from(model.run));
            prop_assert_eq!(seen.windows(), model.windows(now));
        }
        let unexpired = model.slots.iter().filter(|(_, end)| *end > now).count();
        prop_assert_eq!(seen.probes_in_flight() as usize, unexpired);
        prop_assert!(seen.probes_in_flight() <= 3, "never more probes than any setting allows");
        prop_assert_eq!(seen.probe_results().calls, u64::from(model.successes));
        Ok(())
    }
}

fn letter() -> impl Strategy<Value = char> {
    prop_oneof![4 => Just('S'), 4 => Just('F'), 1 => Just('T'), 1 => Just('N')]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => Just(Event::Enter),
        6 => (0..8_usize, letter()).prop_map(|(call, letter)| Event::Head(call, letter)),
        16 => (0..8_usize, letter()).prop_map(|(call, letter)| Event::End(call, letter)),
        2 => (0..8_usize).prop_map(Event::Drop),
        2 => (0..8_usize).prop_map(Event::Refund),
        3 => letter().prop_map(Event::Unready),
        4 => prop_oneof![Just(0), 1..900_u64, Just(1_000), Just(5_000), 0..30_000_u64]
            .prop_map(Event::Pass),
        1 => Just(Event::ForceOpen),
        1 => Just(Event::ForceClose),
        2 => Just(Event::Release),
        1 => Just(Event::Reset),
        1 => (0..RULES.len()).prop_map(Event::Update),
    ]
}

fn virtual_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_circuit_does_what_the_model_does(events in prop::collection::vec(event(), 1..150)) {
        virtual_time(async {
            let mut pair = Pair::new();
            for event in events {
                pair.step(event).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn no_sequence_leaves_the_circuit_unable_to_probe(events in prop::collection::vec(event(), 1..100)) {
        virtual_time(async {
            let mut pair = Pair::new();
            for event in events {
                pair.step(event).await?;
            }
            // All calls still in flight hang for ever.
            pair.circuit.release();
            tokio::time::advance(secs(60)).await;
            let entered: Result<Ticket, Rejected> = pair.circuit.enter(&(), None, &Now::lazy());
            prop_assert!(entered.is_ok(), "{:?} in {:?}", entered, pair.circuit.snapshot());
            Ok::<(), TestCaseError>(())
        })?;
    }
}
