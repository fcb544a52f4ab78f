//! Tests that need a build of their own: loom's, and those of crates outside the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Cmd;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

/// Each package with a test target named `loom`, compiled with `--cfg orlop_loom`.
///
/// `cfg(loom)` itself is not used: it would take tokio's `net` away from everything else in the graph.
pub(crate) fn loom(workspace: &Workspace, _: &Options) -> Outcome {
    let with_loom = |p: &&crate::workspace::Package| p.targets("test").any(|name| name == "loom");
    let packages: Vec<_> = workspace.packages.iter().filter(with_loom).collect();
    if packages.is_empty() {
        return Outcome::NotRun("no package has a tests/loom.rs".to_owned());
    }
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(" --cfg orlop_loom");
    // A target folder of its own: other flags would throw away the shared build each time. Loom explores by running the
    // same code again and again, so a little optimisation pays for itself; assertions stay on.
    let target = workspace.target.join("loom");
    let mut cargo = Cmd::cargo(workspace).arg("test");
    for package in packages {
        cargo = cargo.arg("-p").arg(&package.name);
    }
    cargo
        .words("--test loom --target-dir")
        .arg(target)
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("RUSTFLAGS", flags.trim())
        .run()
        .into()
}

/// Each `<package>/tests/outside/`: a crate with a workspace of its own.
pub(crate) fn outside(workspace: &Workspace, _: &Options) -> Outcome {
    let mut manifests = Vec::new();
    for package in &workspace.packages {
        manifests.extend(manifests_below(&package.dir.join("tests/outside")));
    }
    if manifests.is_empty() {
        return Outcome::NotRun("no package has a tests/outside".to_owned());
    }
    for manifest in manifests {
        let run = Cmd::cargo(workspace)
            .words("test --manifest-path")
            .arg(&manifest)
            .arg("--target-dir")
            .arg(&workspace.target)
            .run();
        if let Err(why) = run {
            return Outcome::Failed(format!("{}: {why}", manifest.display()));
        }
    }
    Outcome::Passed
}

/// The folder's own manifest, or else those one level below it.
fn manifests_below(dir: &Path) -> Vec<PathBuf> {
    let own = dir.join("Cargo.toml");
    if own.is_file() {
        return vec![own];
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path().join("Cargo.toml"))
        .filter(|manifest| manifest.is_file())
        .collect();
    found.sort();
    found
}
