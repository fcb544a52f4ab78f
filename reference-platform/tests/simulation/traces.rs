//! One seed gives one trace: every request that any instance sent, every circuit that changed, every answer, in order.

use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reference_platform::demo::member::Members;
use reference_platform::demo::tally::Path;
use reference_platform::{Service, Zone};

use crate::stage::tell;

/// Set for the second process: the seed whose trace it prints.
const PRINT: &str = "ORLOP_TRACE_OF_SEED";

/// The whole platform with members on all paths, and faults of each kind.
fn run(seed: u64) -> Vec<String> {
    let trace = tell(seed, &Service::ALL, Zone::A, async |stage| {
        let members = Arc::new(Members::new(&stage.ctx)?);
        stage.settled().await;
        let path = |number: u64| Path::ALL[(number % 4) as usize];
        let some = async || stage.calls(&members, path, 80, Duration::from_millis(15)).await;
        some().await;
        stage.crash("playback-b").await;
        stage.hold("personalization-a");
        some().await;
        stage.crash("personalization-b").await;
        stage.bounce("registry-b").await;
        stage.partition("gateway-c", "search-a");
        some().await;
        stage.bounce("playback-b").await;
        stage.release("personalization-a");
        some().await;
        Ok(())
    });
    assert_eq!(trace.len(), trace.lines().len() as u64, "all lines are kept");
    trace.lines()
}

fn seed_51() -> &'static [String] {
    static TRACE: OnceLock<Vec<String>> = OnceLock::new();
    TRACE.get_or_init(|| run(51))
}

/// Compares line by line: the first that differs says where to look.
fn assert_same(one: &[String], other: &[String]) {
    for (number, (a, b)) in one.iter().zip(other).enumerate() {
        let before = one[number.saturating_sub(5)..number].join("\n");
        assert_eq!(a, b, "seed 51, line {number}, after\n{before}");
    }
    assert_eq!(one.len(), other.len(), "seed 51: one trace is longer");
}

#[test]
fn one_seed_gives_one_trace_twice_in_a_process() {
    let trace = seed_51();
    for kind in [" send to=", " circuit of=", " call n=", " is=open", "listening"] {
        assert!(
            trace.iter().any(|line| line.contains(kind)),
            "no {kind:?} in {} lines",
            trace.len()
        );
    }
    assert_same(trace, &run(51));
}

#[test]
fn one_seed_gives_one_trace_in_another_process() {
    if let Ok(seed) = std::env::var(PRINT) {
        // This is the other process.
        for line in run(seed.parse().unwrap()) {
            println!("| {line}");
        }
        return;
    }
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["traces::one_seed_gives_one_trace_in_another_process", "--exact", "--nocapture"])
        .env(PRINT, "51")
        .output()
        .unwrap();
    let said = String::from_utf8(other.stdout).unwrap();
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("| ")).collect();
    assert!(other.status.success() && !lines.is_empty(), "{said}");
    assert_same(seed_51(), &lines.into_iter().map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn another_seed_gives_another_trace() {
    let other = run(52);
    assert_ne!(seed_51(), other);
    // Not in the members' requests only, which are drawn from the seed: the network is another, too.
    let listed = |trace: &[String]| -> Vec<String> {
        trace.iter().filter(|line| line.contains("/eureka/")).cloned().collect()
    };
    assert_ne!(listed(seed_51()), listed(&other));
}
