//! `cargo package` over the published members.

use std::time::{SystemTime, UNIX_EPOCH};

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
///
/// In a target directory that was never there before. cargo unpacks what it packages into its own cache, under a name that
/// follows from this directory, and takes what it finds there: in the same directory a crate would be verified against the
/// packages of an earlier run, as long as the version is the same.
pub(crate) fn package(workspace: &Workspace) -> Cmd {
    let all = workspace.target.join("verify");
    // What an earlier run left; if that fails, it is only space that is lost.
    let _ = std::fs::remove_dir_all(&all);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fresh = all.join(since.as_nanos().to_string());
    let cargo = Cmd::cargo(workspace).words("package --workspace --target-dir").arg(fresh);
    let unpublished = workspace.packages.iter().filter(|p| !p.published);
    unpublished.fold(cargo, |cargo, p| cargo.arg("--exclude").arg(&p.name))
}
