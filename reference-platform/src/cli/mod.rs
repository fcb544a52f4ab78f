//! The `platform` command.
//!
//! Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 the machine was too slow to judge anything.

mod remote;
mod run;
mod shared;
mod token;
mod up;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::shared::{Setup, Shared, Switch};
pub use self::up::signalled;
use crate::demo;
use crate::failure::Failure;

/// A streaming service built on orlop that shows, under injected faults, that it holds.
#[derive(Debug, Parser)]
#[command(name = "platform", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the graph, inject faults under load, judge what members saw, end it
    Demo(demo::Args),
    /// Start the graph and keep it running
    Up(Shared),
    /// Which instances run, stand still or are dead
    Status(remote::At),
    /// Kill an instance (SIGKILL)
    Kill(remote::One),
    /// Freeze an instance (SIGSTOP): its port stays open and nobody answers
    Freeze(remote::One),
    /// Let a frozen instance go on (SIGCONT)
    Thaw(remote::One),
    /// Start an instance again, killing it first if it runs
    Restart(remote::One),
    /// End the graph that runs in this directory
    Down(remote::At),
    /// Print a member's token, for calls by hand
    Token(token::Args),
    /// Run one instance in this process: what the supervisor starts
    Run(run::Args),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(args),
        Command::Up(shared) => up::up(&shared),
        Command::Status(at) => remote::status(&at),
        Command::Kill(one) => remote::act("kill", &one),
        Command::Freeze(one) => remote::act("freeze", &one),
        Command::Thaw(one) => remote::act("thaw", &one),
        Command::Restart(one) => remote::act("restart", &one),
        Command::Down(at) => remote::down(&at),
        Command::Token(args) => token::token(&args),
        Command::Run(args) => run::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not `eprintln`: a closed terminal must not turn one failure into another.
            let _ = writeln!(std::io::stderr(), "platform: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

/// Prints a line; a reader who went away is no reason to stop.
pub(crate) fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A runtime for a command; `threads` 0 means everything on this thread.
pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 0 {
        builder.worker_threads(threads);
    }
    let built = builder.enable_all().build();
    built.map_err(|e| Failure::failed(format!("the async runtime does not start: {e}")))
}
