//! What may happen to a circuit.

use orlop_breaker::core::Verdict;
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Enter,
    /// Asks for the refusal that is certain.
    Ask,
    /// Of a call in flight, by its place; without a verdict where the head does not decide.
    Head(usize, Option<Verdict>),
    End(usize, Verdict),
    Refund(usize),
    Unready(Verdict),
    /// So many milliseconds pass.
    Pass(u64),
    ForceOpen,
    ForceClose,
    Disable,
    Shadow,
    Release,
    Reset,
    Update(usize),
}

fn verdict() -> impl Strategy<Value = Verdict> {
    const SOON: Duration = Duration::from_secs(7);
    const MUCH_LATER: Duration = Duration::from_secs(100);
    prop_oneof![
        8 => Just(Verdict::SUCCESS),
        6 => Just(Verdict::FAILURE),
        2 => Just(Verdict::THROTTLED),
        1 => Just(Verdict::NEUTRAL),
        1 => Just(Verdict::THROTTLED.with_retry_after(SOON)),
        2 => Just(Verdict::FAILURE.with_retry_after(MUCH_LATER)),
    ]
}

fn end() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        12 => verdict(),
        4 => Just(Verdict::DROPPED),
        1 => Just(Verdict::TIMED_OUT),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let call = || 0..8_usize;
    prop_oneof![
        20 => Just(Event::Enter),
        1 => Just(Event::Ask),
        6 => (call(), verdict()).prop_map(|(call, verdict)| Event::Head(call, Some(verdict))),
        2 => call().prop_map(|call| Event::Head(call, None)),
        16 => (call(), end()).prop_map(|(call, verdict)| Event::End(call, verdict)),
        1 => call().prop_map(Event::Refund),
        1 => verdict().prop_map(Event::Unready),
        6 => prop_oneof![
            1 => Just(0),
            2 => 1..900_u64,
            2 => Just(1_000),
            2 => Just(5_000),
            1 => 0..30_000_u64,
            1 => Just(200_000),
        ]
        .prop_map(Event::Pass),
    ]
}

/// Of what is done by hand there is less, so that the rest gets somewhere in between.
fn by_hand() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::ForceOpen),
        1 => Just(Event::ForceClose),
        1 => Just(Event::Disable),
        2 => Just(Event::Shadow),
        3 => Just(Event::Release),
        1 => Just(Event::Reset),
        4 => (0..4_usize).prop_map(Event::Update),
    ]
}

/// Also long rows of calls that are dropped.
pub(crate) fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        60 => event().prop_map(|event| vec![event]),
        3 => by_hand().prop_map(|event| vec![event]),
        1 => (1..26_usize, prop::bool::weighted(0.3), 0..2_000_u64).prop_map(
            |(calls, timed_out, pass)| {
                let end = if timed_out { Verdict::TIMED_OUT } else { Verdict::DROPPED };
                let row = [Event::Enter, Event::Pass(pass), Event::End(usize::MAX, end)];
                std::iter::repeat_n(row, calls).flatten().collect()
            }
        ),
    ];
    prop::collection::vec(event, 1..most).prop_map(|events| events.concat())
}
