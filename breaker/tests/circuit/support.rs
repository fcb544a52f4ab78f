//! Scripts of calls.

use orlop_breaker::{
    Circuit, OpenTime, Settings, Trip, Window,
    core::{Permit, Ratio, Verdict},
};
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

pub(crate) const OPEN_TIME: Duration = Duration::from_secs(5);
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a test asks for at least one")
}

/// Opens for 5 s; one probe, one success; a probe's time is 10 s.
pub(crate) fn plain(rules: impl IntoIterator<Item = Trip>) -> Settings {
    Settings::default()
        .trip(rules)
        .open(OpenTime::fixed(OPEN_TIME))
        .probes(NonZeroU16::MIN)
        .successes(NonZeroU32::MIN)
        .probe_timeout(PROBE_TIMEOUT)
        .expect("in range")
}

pub(crate) fn consecutive(failures: u32) -> Settings {
    plain([Trip::consecutive_failures(n(failures))])
}

pub(crate) fn probing(probes: u16, successes: u32) -> Settings {
    consecutive(1).probes(NonZeroU16::new(probes).expect("at least one")).successes(n(successes))
}

pub(crate) fn rate(percent: u8, minimum: u32, window: Window) -> Settings {
    plain([Trip::failure_rate(Ratio::percent(percent), n(minimum), window)])
}

pub(crate) fn within(length: Duration) -> Window {
    Window::within(length).expect("in range")
}

pub(crate) fn last(calls: u16) -> Window {
    Window::last(NonZeroU16::new(calls).expect("at least one"))
}

/// Success, failure, throttled, neutral.
pub(crate) fn verdict(letter: char) -> Verdict {
    match letter {
        'S' => Verdict::SUCCESS,
        'F' => Verdict::FAILURE,
        'T' => Verdict::THROTTLED,
        'N' => Verdict::NEUTRAL,
        _ => panic!("no such outcome: {letter}"),
    }
}

/// Makes one call after the other; what came back of each: its own letter, or `x` where it was refused.
pub(crate) fn calls(circuit: &Circuit, script: &str) -> String {
    let call = |letter| match circuit.try_enter() {
        Ok(permit) => {
            end(permit, letter);
            letter
        }
        Err(_) => 'x',
    };
    script.chars().filter(|letter| !letter.is_whitespace()).map(call).collect()
}

pub(crate) fn end(permit: Permit<Circuit>, letter: char) {
    permit.settle(verdict(letter));
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}
