//! What a call through a circuit costs, beside the peers, and what a circuit takes for each key.
//!
//! The rows are those of the repository's `orlop-benches`, in a program of its own: this package's tests want tokio's
//! `test-util`, with which every clock read asks whether time is paused, and cargo would switch it on here too. Options are
//! handed on: `cargo bench -p orlop-breaker -- --help`.

use std::{
    env,
    ffi::OsString,
    io,
    process::{Command, ExitCode},
};

fn main() -> io::Result<ExitCode> {
    // `--bench` is what cargo adds.
    let options: Vec<_> = env::args_os().skip(1).filter(|arg| arg != "--bench").collect();
    let table = bench("cost").args(["--of", "breaker"]).args(&options).status()?;
    // Part of the whole table, not of chosen rows or of what else the options ask for.
    let whole = options.iter().all(|option| option == "--quick");
    if !table.success() {
        return Ok(ExitCode::FAILURE);
    }
    let memory = !whole || bench("memory").status()?.success();
    Ok(if memory { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A bench of `orlop-benches`, by the cargo that runs us.
fn bench(name: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.args(["bench", "-p", "orlop-benches", "--bench", name, "--"]);
    cargo
}
