//! The project's own commands: `cargo xtask test`, `bench`, `release-check`.
//!
//! One dependency, because a fresh clone compiles this before anything else.

mod bench;
mod command;
mod counts;
mod crates;
mod debian;
mod deny;
mod examples;
mod files;
mod links;
mod manifests;
mod memcached;
mod packages;
mod platform;
mod release;
mod report;
mod steps;
mod test;
mod words;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
orlop's own commands

Usage: cargo xtask <COMMAND> [OPTIONS]

Commands:
  test           every check of the project, in order, each with its name, its command and its time
  bench          the benches of each package that has some
  release-check  packages every published crate, builds it from its package, and checks what is in it

`cargo xtask <COMMAND> --help` tells more about each.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let done = match command.as_deref() {
        Some("test") => test::main(&rest),
        Some("bench") => bench::main(&rest),
        Some("release-check") => release::main(&rest),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(true)
        }
        Some(other) => Err(format!("no command `{other}`; `cargo xtask --help` lists them")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(usage) => {
            eprintln!("xtask: {usage}");
            ExitCode::from(2)
        }
    }
}
