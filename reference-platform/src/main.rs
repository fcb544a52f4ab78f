//! The `platform` command.

use std::process::ExitCode;

use reference_platform::{cli, supervisor::orphan};

fn main() -> ExitCode {
    // First of all: a child that outlives its supervisor is the one thing nobody would clean up.
    orphan::arm();
    cli::main()
}
