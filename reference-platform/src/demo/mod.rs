//! `platform demo`: boots the graph, drives virtual members through it, injects faults, judges.
//!
//! ```text
//!   boot --> warm up --> [ inject -> seen to bite -> 17 s under load -> take back -> recovered ] for each fault
//!        --> end --> boot with the layers off --> [ inject -> 1,000 calls a path ] for three faults --> end --> judge
//! ```
//!
//! The load is open-loop and never stops: what lies between two rows is not judged, but it is what lets circuits close.

mod fault;
pub mod load;
pub mod member;
mod recorder;
pub mod recovery;
mod table;
pub mod tally;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use self::fault::Fault;
use self::load::{Load, Rates};
use self::member::Members;
use self::recorder::{Recorder, Window};
use self::tally::Path;
use crate::cli::{Setup, Shared, Switch, runtime, say, signalled};
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::supervisor::{Progress, Supervisor};
use crate::topology::Zone;

/// How long a fault lasts.
const ROW: Duration = Duration::from_secs(17);
/// Load before the first fault, which is not judged.
const WARM_UP: Duration = Duration::from_secs(3);
/// Calls a second with the layers on.
const RATES: Rates = Rates { critical: 450.0, home: 60.0 };
/// Calls a second with the layers off: home as fast as the rest, so that a row takes seconds.
const RATES_OFF: Rates = Rates { critical: 300.0, home: 300.0 };
/// Calls of each path in a row with the layers off.
const CALLS_OFF: u64 = 1_000;
/// A share of late starts above this and nothing is judged.
const LATE: f64 = 0.01;

/// Arguments of `platform demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where and how the graph runs.
    #[command(flatten)]
    pub shared: Shared,
    /// Print p99 without judging it
    #[arg(long)]
    pub no_latency_bars: bool,
}

/// Runs the demo to its end. Every instance it started is gone when it returns.
///
/// # Errors
///
/// What failed: a fault that did not bite, a path under its bar, a process left running, or a machine too slow to judge.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.shared.in_process {
        let text = "--in-process cannot freeze an instance: run the demo without it";
        return Err(Failure::usage(text));
    }
    if args.shared.resilience == Switch::Off {
        let text = "the demo compares on with off by itself: leave --resilience out";
        return Err(Failure::usage(text));
    }
    runtime(2)?.block_on(async {
        let signalled =
            signalled().map_err(|e| Failure::failed(format!("cannot listen for signals: {e}")))?;
        let mut signalled = std::pin::pin!(signalled);
        let begun = Instant::now();
        let mut judge = Judge { judge_latency: !args.no_latency_bars, ..Judge::default() };
        let off = Shared { resilience: Switch::Off, ..args.shared.clone() };
        let rows = async |s: &Supervisor, judge: &mut Judge| with_layers(s, judge).await;
        let mut outcome = platform(&args.shared, signalled.as_mut(), &mut judge, rows).await;
        if outcome.is_ok() {
            say("");
            let rows = async |s: &Supervisor, judge: &mut Judge| without_layers(s, judge).await;
            outcome = platform(&off, signalled.as_mut(), &mut judge, rows).await;
        }
        judge.verdict(begun, outcome)
    })
}

/// Boots a platform, does something with it, and ends it, whatever happened.
async fn platform(
    shared: &Shared,
    signalled: std::pin::Pin<&mut impl Future<Output = &'static str>>,
    judge: &mut Judge,
    rows: impl AsyncFnOnce(&Supervisor, &mut Judge) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Setup { place, plan } = shared.set_up().await?;
    let supervisor = Supervisor::new(plan)?;
    let work = async {
        supervisor.boot(&Progress::new()).await?;
        rows(&supervisor, judge).await
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        name = signalled => Err(Failure::usage(format!("{name}: the demo was not finished"))),
    };
    let stopped = supervisor.stop_all().await;
    drop(place);
    // A row that failed is the first thing to say; an instance left running is a failure of its own.
    outcome.and(stopped)
}

/// Each fault for its time, under load.
async fn with_layers(supervisor: &Supervisor, judge: &mut Judge) -> Result<(), Failure> {
    let member = supervisor.world().ctx(supervisor.world().topology().member(Zone::A));
    let (recorder, load) = start(supervisor, &member, RATES).await?;
    say(format_args!("\nwith orlop's layers: {RATES}, each fault {} s", ROW.as_secs()));
    say(table::HEAD);
    for fault in Fault::all(supervisor.world().topology()) {
        let begun = Instant::now();
        recorder.open(begun);
        fault.inject(supervisor).await?;
        sleep((begun + ROW).saturating_duration_since(Instant::now())).await;
        fault.still_bites(supervisor).await?;
        recorder.close(Instant::now());
        let back = fault.take_back(supervisor).await?;
        recorder.landed(member::PATIENCE * 3).await;
        judge.row(fault.name, recorder.take());
        let what = format!("\"{}\" was taken back", fault.name);
        let took = recovery::settled(&what, back, supervisor, &member).await?;
        judge.slowest_recovery = judge.slowest_recovery.max(took);
    }
    load.stop().await;
    Ok(())
}

/// Three of the faults again, with plain round robin, one attempt, no time-outs, gates or fallbacks.
async fn without_layers(supervisor: &Supervisor, judge: &mut Judge) -> Result<(), Failure> {
    let member = supervisor.world().ctx(supervisor.world().topology().member(Zone::A));
    let (recorder, load) = start(supervisor, &member, RATES_OFF).await?;
    say(format_args!(
        "with --resilience off, for contrast: round robin, one attempt, no time-outs but the member's patience; \
         {CALLS_OFF} calls a path"
    ));
    say(table::HEAD);
    recorder.open(Instant::now());
    enough(&recorder).await?;
    judge.contrast("nothing broken", recorder.take(), table::broken_anyway);
    for fault in Fault::for_contrast(supervisor.world().topology()) {
        fault.inject(supervisor).await?;
        recorder.open(Instant::now());
        let called = enough(&recorder).await;
        fault.still_bites(supervisor).await?;
        let back = fault.take_back(supervisor).await?;
        judge.contrast(fault.name, recorder.take(), table::unhurt);
        called?;
        let what = format!("\"{}\" was taken back", fault.name);
        recovery::settled(&what, back, supervisor, &member).await?;
    }
    load.stop().await;
    Ok(())
}

/// Waits until each path has its calls, and the last of them has ended.
async fn enough(recorder: &Recorder) -> Result<(), Failure> {
    let counted = async {
        while Path::ALL.into_iter().any(|path| recorder.count(path) < CALLS_OFF) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let text = "members get no answers at all with the layers off";
    let counted = timeout(ROW, counted).await.map_err(|_| Failure::failed(text));
    recorder.close(Instant::now());
    recorder.landed(member::PATIENCE * 3).await;
    counted
}

/// Waits until the platform is whole, starts the load, and lets it warm up.
async fn start(
    supervisor: &Supervisor,
    member: &Ctx,
    rates: Rates,
) -> Result<(Recorder, Load), Failure> {
    let members = Members::new(member).map_err(|e| Failure::failed(format!("members: {e}")))?;
    recovery::settled("the start", Instant::now(), supervisor, member).await?;
    let recorder = Recorder::default();
    let load = Load::start(Arc::new(members), recorder.clone(), rates, member.rng("arrivals"));
    sleep(WARM_UP).await;
    Ok((recorder, load))
}

/// Collects what misses its bar.
#[derive(Debug, Default)]
struct Judge {
    judge_latency: bool,
    misses: Vec<String>,
    starts: u64,
    late: u64,
    /// The largest share of late starts in any row.
    latest: f64,
    slowest_recovery: Duration,
}

impl Judge {
    fn row(&mut self, fault: &str, window: Option<Window>) {
        let judge_latency = self.judge_latency;
        self.contrast(fault, window, |fault, window| table::misses(fault, window, judge_latency));
    }

    fn contrast(
        &mut self,
        fault: &str,
        window: Option<Window>,
        misses: impl FnOnce(&str, &Window) -> Vec<String>,
    ) {
        let Some(window) = window else { return };
        say(table::lines(fault, &window).trim_end());
        for miss in misses(fault, &window) {
            say(format_args!("  missed: {miss}"));
            self.misses.push(miss);
        }
        self.starts += window.starts;
        self.late += window.late;
        if window.starts > 0 {
            self.latest = self.latest.max(window.late as f64 / window.starts as f64);
        }
    }

    /// Says how it ended. On a machine that could not keep up nothing else is said of the platform.
    fn verdict(self, begun: Instant, outcome: Result<(), Failure>) -> Result<(), Failure> {
        if let Err(failure @ Failure::Usage(_)) = outcome {
            return Err(failure);
        }
        let late = if self.starts == 0 { 0.0 } else { self.late as f64 / self.starts as f64 };
        say(format_args!(
            "\n{} calls judged, {:.2} % of them started over 20 ms late; slowest recovery {:.1} s; {} s in all",
            self.starts,
            late * 100.0,
            self.slowest_recovery.as_secs_f64(),
            begun.elapsed().as_secs(),
        ));
        if self.latest > LATE {
            let text = format!(
                "machine too slow: in one row {:.1} % of calls started over 20 ms late, more than {:.0} % judge nothing",
                self.latest * 100.0,
                LATE * 100.0
            );
            return Err(Failure::TooSlow(text));
        }
        outcome?;
        if self.misses.is_empty() {
            say("every bar is met: play, search and browse held through every fault");
            return Ok(());
        }
        Err(Failure::failed(format!("{} bars are missed", self.misses.len())))
    }
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/s on each critical path, home {}/s", self.critical, self.home)
    }
}
