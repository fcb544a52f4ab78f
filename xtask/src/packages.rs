//! `cargo package` over the published members.

use crate::command::Cmd;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

pub(crate) fn step(workspace: &Workspace, options: &Options) -> Outcome {
    // Building each crate again from its package costs minutes: with --all only. A tree being worked on is dirty.
    let packaging = || package(workspace).arg("--allow-dirty");
    if options.all {
        return packaging().run().into();
    }
    // What earlier steps downloaded is enough, so no network is needed; where they have not run, it is.
    let offline = packaging().words("--no-verify --offline").run();
    offline.or_else(|_| packaging().arg("--no-verify").run()).into()
}

/// `cargo package --workspace` without the members that are never published.
pub(crate) fn package(workspace: &Workspace) -> Cmd {
    let cargo = Cmd::cargo(workspace).words("package --workspace");
    let unpublished = workspace.packages.iter().filter(|p| !p.published);
    unpublished.fold(cargo, |cargo, p| cargo.arg("--exclude").arg(&p.name))
}
