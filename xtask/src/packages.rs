//! `cargo package` over the published members.

use crate::command::Cmd;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

pub(crate) fn step(workspace: &Workspace, options: &Options) -> Outcome {
    // Building each crate again from its package costs minutes: with --all only. A tree being worked on is dirty.
    let cargo = package(workspace).arg("--allow-dirty");
    let cargo = if options.all { cargo } else { cargo.arg("--no-verify") };
    cargo.run().into()
}

/// `cargo package --workspace` without the members that are never published.
pub(crate) fn package(workspace: &Workspace) -> Cmd {
    let cargo = Cmd::cargo(workspace).words("package --workspace");
    let unpublished = workspace.packages.iter().filter(|p| !p.published);
    unpublished.fold(cargo, |cargo, p| cargo.arg("--exclude").arg(&p.name))
}
