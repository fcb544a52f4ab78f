//! The table, and the bars it is judged by.

use std::fmt::Write as _;
use std::time::Duration;

use super::recorder::Window;
use super::tally::{Path, Tally};

/// The lower bound of availability that a critical path must have in every row.
pub const AVAILABLE: f64 = 0.999;
/// Requests for each call and step that members may need.
pub const ATTEMPTS: f64 = 1.2;
/// With the layers off, a path that a fault must hurt has to fall below this.
pub const HURT: f64 = 0.95;

/// A row's heading.
pub const HEAD: &str = "fault                    path     requests  available  at least  degraded  attempts    p50 ms    p99 ms";

/// What p99 may be.
pub const fn p99_bar(path: Path) -> Duration {
    match path {
        Path::Search | Path::Browse => Duration::from_millis(150),
        Path::Play | Path::Home => Duration::from_millis(400),
    }
}

/// One fault's lines.
pub fn lines(fault: &str, window: &Window) -> String {
    let mut text = String::new();
    for (index, (path, tally)) in window.tallies.iter().enumerate() {
        let name = if index == 0 { fault } else { "" };
        let _ = writeln!(
            text,
            "{name:<24} {:<8} {:>8} {:>9.3}% {:>8.3}% {:>8.2}% {:>9.3} {:>9.1} {:>9.1}",
            path.as_str(),
            tally.requests(),
            tally.available() * 100.0,
            tally.available_at_least() * 100.0,
            tally.degraded() * 100.0,
            tally.attempts_per_call(),
            millis(tally.latency(0.5)),
            millis(tally.latency(0.99)),
        );
    }
    text
}

/// Bars that a row with the layers on misses, one sentence each.
pub fn misses(fault: &str, window: &Window, judge_latency: bool) -> Vec<String> {
    let mut misses = lost(fault, window);
    for (path, tally) in &window.tallies {
        let mut miss = |what: String| misses.push(format!("{fault}, {}: {what}", path.as_str()));
        if path.is_critical() && tally.available_at_least() < AVAILABLE {
            let bound = tally.available_at_least() * 100.0;
            let why = tally.wrongs().join("; ");
            miss(format!(
                "available at least {bound:.3} %, the bar is {:.1} % ({why})",
                AVAILABLE * 100.0
            ));
        }
        if *path == Path::Home && home_stopped(tally) {
            let why = tally.wrongs().join("; ");
            miss(format!("home does not answer ({:.2} %: {why})", tally.available() * 100.0));
        }
        // Where personalization is well, a home that is degraded all the same shows something broken that should not be.
        if *path == Path::Home && !fault.starts_with("personalization") && tally.undegraded() < 0.99
        {
            miss(format!(
                "{:.2} % of homes undegraded, the bar is 99 %",
                tally.undegraded() * 100.0
            ));
        }
        if tally.attempts_per_call() > ATTEMPTS {
            let attempts = tally.attempts_per_call();
            miss(format!("{attempts:.3} attempts per call, the bar is {ATTEMPTS}"));
        }
        let (p99, bar) = (tally.latency(0.99), p99_bar(*path));
        if judge_latency && p99 > bar {
            miss(format!("p99 is {:.1} ms, the bar is {:.0} ms", millis(p99), millis(bar)));
        }
    }
    misses
}

/// Home must go on answering, degraded or not; a single lost answer is not a stop.
fn home_stopped(tally: &Tally) -> bool {
    tally.requests() == 0 || tally.available() < 0.99
}

fn lost(fault: &str, window: &Window) -> Vec<String> {
    match window.lost() {
        0 => Vec::new(),
        lost => vec![format!("{fault}: {lost} calls were started and have no result")],
    }
}

/// The share of right answers that every path must have with the layers off and nothing broken.
pub const UNBROKEN: f64 = 0.99;

/// Paths that do not even work with the layers off and nothing broken: what hurts them then proves nothing.
pub fn broken_anyway(what: &str, window: &Window) -> Vec<String> {
    let mut misses = lost(what, window);
    for (path, tally) in &window.tallies {
        if tally.undegraded() < UNBROKEN {
            let (share, why) = (tally.undegraded() * 100.0, tally.wrongs().join("; "));
            misses.push(format!(
                "with the layers off, {what}: {} is right in {share:.2} % only ({why}), so the rows below prove nothing",
                path.as_str()
            ));
        }
    }
    misses
}

/// Paths that a fault must hurt with the layers off and did not, one sentence each.
pub fn unhurt(fault: &str, window: &Window) -> Vec<String> {
    let must = |path: &Path| match fault {
        "one playback frozen" => *path == Path::Play,
        "personalization killed" => *path == Path::Home,
        _ => path.is_critical(),
    };
    let share = |path: &Path, tally: &Tally| match path {
        // Home is hurt when it is degraded, too.
        Path::Home => tally.undegraded(),
        _ => tally.available(),
    };
    window
        .tallies
        .iter()
        .filter(|(path, tally)| must(path) && share(path, tally) > HURT)
        .map(|(path, tally)| {
            format!(
                "with the layers off, {fault} leaves {} at {:.2} %: the row above proves nothing",
                path.as_str(),
                share(path, tally) * 100.0
            )
        })
        .collect()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::demo::recorder::Recorder;
    use crate::demo::tally::{Call, Outcome};

    fn window(outcomes: impl Fn(Path, u32) -> (Outcome, u32, Duration)) -> Window {
        let from = Instant::now();
        let recorder = Recorder::default();
        recorder.open(from);
        for path in Path::ALL {
            for n in 0..10_000 {
                let (outcome, attempts, took) = outcomes(path, n);
                let late = Duration::ZERO;
                let (intended, ended) = (from, from + took);
                let call = Call { path, intended, late, ended, outcome, attempts };
                recorder.start(intended).land(&call);
            }
        }
        recorder.take().unwrap()
    }

    const FAST: Duration = Duration::from_millis(3);

    #[tokio::test(start_paused = true)]
    async fn a_good_row_misses_nothing() {
        let good = window(|_, n| (Outcome::Right, if n % 10 == 0 { 2 } else { 1 }, FAST));
        assert_eq!(misses("x", &good, true), Vec::<String>::new());
        assert_eq!(lines("x", &good).lines().count(), 4);
        assert!(lines("x", &good).lines().all(|line| line.len() == HEAD.len()));
    }

    #[tokio::test(start_paused = true)]
    async fn every_bar_is_seen_when_it_is_missed() {
        let wrong = window(|_, n| {
            let outcome = if n < 4 { Outcome::Wrong("503".into()) } else { Outcome::Right };
            (outcome, 1, FAST)
        });
        let missed = misses("x", &wrong, true);
        assert_eq!(missed.len(), 3, "home may lose four of 10,000: {missed:?}");
        assert!(missed[0].contains("503"), "{missed:?}");

        let greedy = window(|_, _| (Outcome::Right, 2, FAST));
        assert_eq!(misses("x", &greedy, true).len(), 4);

        let slow = window(|_, n| {
            let took = if n % 50 == 0 { Duration::from_millis(500) } else { FAST };
            (Outcome::Right, 1, took)
        });
        assert_eq!(misses("x", &slow, true).len(), 4);
        assert_eq!(misses("x", &slow, false).len(), 0);

        let silent = window(|path, _| {
            let gone = Outcome::Wrong("no answer".into());
            (if path == Path::Home { gone } else { Outcome::Right }, 1, FAST)
        });
        assert_eq!(misses("personalization killed", &silent, true).len(), 1);

        let shabby = window(|path, _| {
            (if path == Path::Home { Outcome::Degraded } else { Outcome::Right }, 1, FAST)
        });
        assert_eq!(misses("one gateway killed", &shabby, true).len(), 1);
        assert_eq!(misses("personalization frozen", &shabby, true).len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_work_unbroken_proves_nothing_when_broken() {
        let works = window(|_, _| (Outcome::Right, 1, FAST));
        assert!(broken_anyway("nothing broken", &works).is_empty());
        let never = window(|path, _| {
            let gone = Outcome::Wrong("502".into());
            (if path == Path::Play { gone } else { Outcome::Right }, 1, FAST)
        });
        assert_eq!(broken_anyway("nothing broken", &never).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_hurts_nobody_without_the_layers_proves_nothing() {
        let unharmed = window(|_, _| (Outcome::Right, 1, FAST));
        assert_eq!(unhurt("one playback frozen", &unharmed).len(), 1);
        assert_eq!(unhurt("zone a killed", &unharmed).len(), 3);
        assert_eq!(unhurt("personalization killed", &unharmed).len(), 1);
        let degraded = window(|_, _| (Outcome::Degraded, 1, FAST));
        assert!(unhurt("personalization killed", &degraded).is_empty());
        let third = window(|_, n| {
            (if n % 3 == 0 { Outcome::Wrong("late".into()) } else { Outcome::Right }, 1, FAST)
        });
        assert!(unhurt("one playback frozen", &third).is_empty());
        assert!(unhurt("zone a killed", &third).is_empty());
    }
}
