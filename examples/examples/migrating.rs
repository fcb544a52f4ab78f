//! The defaults of other circuit breakers in settings of ours, and when they open. Shown in `docs/migrating-to-orlop-breaker.md`.

use orlop_breaker::{
    Circuit, Dropped, Ewma, InvalidSetting, OpenTime, Recovery, Settings, State, Trip, Window,
    core::{Ratio, Rejected, Verdict},
};
use std::{
    error::Error,
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

fn main() -> Result<(), Box<dyn Error>> {
    let all = [
        ("Hystrix", hystrix()?, 20, 5..=5),
        ("resilience4j", resilience4j()?, 100, 60..=60),
        ("failsafe", failsafe()?, 5, 5..=10),
        ("tower-resilience", tower_resilience()?, 100, 30..=30),
        ("recloser", recloser()?, 100, 30..=30),
        ("gobreaker", gobreaker()?, 6, 60..=60),
        ("Polly", polly()?, 100, 5..=5),
        ("Finagle", finagle()?, 5, 3..=5),
    ];
    for (name, settings, failures, seconds) in all {
        let circuit = Circuit::new(settings);
        let (failed, refused) = until_refused(&circuit);
        assert_eq!((circuit.state(), failed), (State::Open, failures), "{name}");
        let wait = refused.retry_after().ok_or("an open circuit says when to come back")?;
        let wait = wait.as_secs_f64().ceil() as u64;
        assert!(seconds.contains(&wait), "{name}: {wait} s");
        let (from, to) = (seconds.start(), seconds.end());
        let seconds = if from == to { format!("{to}") } else { format!("{from} to {to}") };
        println!("{name}: opens with {failed} failures, for {seconds} s");
    }
    Ok(())
}

/// Fails calls until one is refused: how many failed, and the refusal.
fn until_refused(circuit: &Circuit) -> (u32, Rejected) {
    let mut failed = 0;
    loop {
        match circuit.try_enter() {
            Ok(permit) => permit.settle(Verdict::FAILURE),
            Err(rejected) => return (failed, rejected),
        }
        failed += 1;
        assert!(failed < 1_000, "{circuit:?} does not open");
    }
}

const fn many(calls: u32) -> NonZeroU32 {
    NonZeroU32::new(calls).expect("not zero")
}

const fn few(calls: u16) -> NonZeroU16 {
    NonZeroU16::new(calls).expect("not zero")
}

fn hystrix() -> Result<Settings, InvalidSetting> {
    let last_10_s = Window::within(Duration::from_secs(10))?;
    Ok(Settings::default()
        .trip([Trip::failure_rate(Ratio::HALF, many(20), last_10_s)])
        .open(OpenTime::fixed(Duration::from_secs(5)))
        .probes(few(1))
        .successes(many(1)))
}

fn resilience4j() -> Result<Settings, InvalidSetting> {
    let last_100 = Window::last(few(100));
    let slow = Duration::from_secs(60);
    let slow_rate = Trip::slow_rate(Ratio::ONE, slow, many(100), last_100)?;
    Ok(Settings::default()
        .trip(Trip::failure_rate(Ratio::HALF, many(100), last_100).or(slow_rate))
        .trip_on_success(true)
        .open(OpenTime::fixed(Duration::from_secs(60)))
        .probes(few(10))
        .recovery(Recovery::failure_rate(Ratio::HALF, many(10)))
        .probe_timeout(slow)?
        .dropped(Dropped::slow().after(slow)))
}

fn failsafe() -> Result<Settings, InvalidSetting> {
    let mean = Ewma::within(Duration::from_secs(30))?;
    Ok(Settings::default()
        .trip(
            Trip::success_rate(Ratio::percent(80), many(5), mean)
                .or(Trip::consecutive_failures(many(5))),
        )
        .open(OpenTime::exponential(Duration::from_secs(10), Duration::from_secs(300)))
        .probes(few(1))
        .successes(many(1)))
}

fn tower_resilience() -> Result<Settings, InvalidSetting> {
    Ok(Settings::default()
        .trip([Trip::failure_rate(Ratio::HALF, many(100), Window::last(few(100)))])
        .trip_on_success(true)
        .open(OpenTime::fixed(Duration::from_secs(30)))
        .probes(few(1))
        .successes(many(1)))
}

fn recloser() -> Result<Settings, InvalidSetting> {
    Ok(Settings::default()
        .trip([Trip::failure_rate(Ratio::HALF, many(100), Window::last(few(100)))])
        .trip_on_success(true)
        .open(OpenTime::fixed(Duration::from_secs(30)))
        .probes(few(10))
        .recovery(Recovery::failure_rate(Ratio::HALF, many(10))))
}

fn gobreaker() -> Result<Settings, InvalidSetting> {
    Ok(Settings::default()
        .trip(Trip::consecutive_failures(many(6)))
        .open(OpenTime::fixed(Duration::from_secs(60)))
        .probes(few(1))
        .successes(many(1)))
}

fn polly() -> Result<Settings, InvalidSetting> {
    let last_30_s = Window::within(Duration::from_secs(30))?;
    Ok(Settings::default()
        .trip([Trip::failure_rate(Ratio::percent(10), many(100), last_30_s)])
        .open(OpenTime::fixed(Duration::from_secs(5)))
        .probes(few(1))
        .successes(many(1)))
}

fn finagle() -> Result<Settings, InvalidSetting> {
    let mean = Ewma::within(Duration::from_secs(30))?;
    Ok(Settings::default()
        .trip(
            Trip::success_rate(Ratio::percent(80), many(5), mean)
                .or(Trip::consecutive_failures(many(5))),
        )
        .open(OpenTime::exponential(Duration::from_secs(5), Duration::from_secs(300)))
        .probes(few(1))
        .successes(many(1)))
}
