//! Every example of `orlop-examples` is started and must end by itself.

use std::time::Duration;

use crate::command::{Cmd, ended};
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

const PACKAGE: &str = "orlop-examples";

/// An example shows one thing and stops; the slowest should need a few seconds even in a debug build.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn step(workspace: &Workspace, _: &Options) -> Outcome {
    let Some(package) = workspace.package(PACKAGE) else {
        return Outcome::Failed(format!("no package {PACKAGE}"));
    };
    let names: Vec<_> = package.targets("example").collect();
    if names.is_empty() {
        return Outcome::NotRun(format!("{PACKAGE} has no examples"));
    }
    run_all(workspace, &names).into()
}

fn run_all(workspace: &Workspace, names: &[&str]) -> Result<(), String> {
    // Built with the whole workspace's features, as the tests were, and run from where that puts them: `cargo run -p`
    // would choose fewer features and compile most dependencies again.
    Cmd::cargo(workspace).words("build --workspace --all-features --examples").run()?;
    let dir = workspace.target.join("debug").join("examples");
    let mut failures = Vec::new();
    for name in names {
        let program = dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let status = Cmd::new(workspace, program).status_within(LIMIT);
        if let Err(why) = status.and_then(ended) {
            println!("{name}: {why}");
            failures.push(format!("{name} {why}"));
        }
    }
    if failures.is_empty() {
        println!("{} examples ended well", names.len());
        Ok(())
    } else {
        Err(failures.join("; "))
    }
}
