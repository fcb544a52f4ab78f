//! A language for scenes.

use orlop_breaker::{
    Circuit, Counts, OpenTime, Settings, State, Trip, Window,
    core::{Ratio, Verdict},
};
use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    time::Duration,
};

/// How long a call in small letters takes.
pub(crate) const SLOW: Duration = Duration::from_secs(5);

/// Plays a scene, which is calls and what is seen of them:
///
/// | word | means |
/// |---|---|
/// | `SF` | calls, one after the other, which are admitted: success, failure |
/// | `TN` | throttled, neutral |
/// | `LD` | left at the deadline, left before it |
/// | `sfd` | the same, after 5 s |
/// | `x` | a call that is refused |
/// | `+3s` | time passes; also `ms`, `ns` |
/// | `half_open` | the state as it is now |
pub(crate) async fn play(circuit: &Circuit, scene: &str) {
    for (place, word) in scene.split_whitespace().enumerate() {
        let at = || format!("word {} ({word}) of: {scene}", place + 1);
        if let Some(time) = word.strip_prefix('+') {
            pass(time_of(time)).await;
        } else if State::ALL.iter().any(|state| state.as_str() == word) {
            assert_eq!(circuit.state().as_str(), word, "{}", at());
        } else {
            for (i, letter) in word.chars().enumerate() {
                let admitted = call(circuit, letter).await;
                assert_eq!(admitted, letter != 'x', "admitted: call {} of {}", i + 1, at());
            }
        }
    }
}

/// Makes one call; whether it was admitted.
async fn call(circuit: &Circuit, letter: char) -> bool {
    let Ok(permit) = circuit.try_enter() else { return false };
    if letter.is_lowercase() && letter != 'x' {
        pass(SLOW).await;
    }
    match verdict(letter.to_ascii_uppercase()) {
        Some(verdict) => permit.settle(verdict),
        None => drop(permit),
    }
    true
}

/// `None`: the caller leaves.
pub(crate) fn verdict(letter: char) -> Option<Verdict> {
    Some(match letter {
        'S' | 'X' => Verdict::SUCCESS,
        'F' => Verdict::FAILURE,
        'T' => Verdict::THROTTLED,
        'N' => Verdict::NEUTRAL,
        'L' => Verdict::TIMED_OUT,
        'D' => return None,
        _ => panic!("no such call: {letter}"),
    })
}

fn time_of(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).expect("a unit"));
    let number = number.parse().expect("a number");
    match unit {
        "s" => Duration::from_secs(number),
        "ms" => Duration::from_millis(number),
        "ns" => Duration::from_nanos(number),
        _ => panic!("no such unit: {unit}"),
    }
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a test asks for at least one")
}

pub(crate) fn n16(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a test asks for at least one")
}

/// Opens for 5 s; one probe, one success.
pub(crate) fn plain(rules: impl IntoIterator<Item = Trip>) -> Settings {
    Settings::default()
        .trip(rules)
        .open(OpenTime::fixed(secs(5)))
        .probes(NonZeroU16::MIN)
        .successes(NonZeroU32::MIN)
}

pub(crate) fn consecutive(failures: u32) -> Settings {
    plain(Trip::consecutive_failures(n(failures)))
}

pub(crate) fn rate(percent: u8, minimum: u32, window: Window) -> Settings {
    plain(failing(percent, minimum, window))
}

pub(crate) fn failing(percent: u8, minimum: u32, window: Window) -> Trip {
    Trip::failure_rate(Ratio::percent(percent), n(minimum), window)
}

/// Slow is above 4 s.
pub(crate) fn slow(percent: u8, minimum: u32, window: Window) -> Trip {
    Trip::slow_rate(Ratio::percent(percent), secs(4), n(minimum), window).expect("in range")
}

/// Counts, and opens only if all of a full window of calls failed: for tests that look at a window.
pub(crate) fn counting(window: Window) -> Trip {
    failing(100, u32::MAX, window)
}

pub(crate) fn within(length: Duration) -> Window {
    Window::within(length).expect("in range")
}

pub(crate) fn in_buckets(length: Duration, buckets: u8) -> Window {
    Window::within_buckets(length, NonZeroU8::new(buckets).expect("at least one"))
        .expect("in range")
}

pub(crate) fn last(calls: u16) -> Window {
    Window::last(n16(calls))
}

/// Calls, failures, slow calls of the first window.
pub(crate) fn seen(circuit: &Circuit) -> (u64, u64, u64) {
    let Counts { calls, failures, slow } = circuit.snapshot().windows()[0];
    (calls, failures, slow)
}

/// A half-open circuit: it has opened by one failure, and its 5 s are over.
pub(crate) async fn half_open(settings: Settings) -> Circuit {
    let circuit = Circuit::new(settings);
    let failure = circuit.try_enter().expect("closed");
    failure.settle(Verdict::FAILURE);
    assert_eq!(circuit.state(), State::Open);
    pass(secs(5)).await;
    circuit
}
