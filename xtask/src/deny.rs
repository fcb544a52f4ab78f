//! `cargo deny`, installed below the target folder if the machine has none.

use crate::command::Cmd;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

/// One version, so that a run tomorrow checks what a run today did.
const VERSION: &str = "0.20.2";

pub(crate) fn step(workspace: &Workspace, _: &Options) -> Outcome {
    check(workspace).into()
}

fn check(workspace: &Workspace) -> Result<(), String> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    let on_path = Cmd::new(workspace, "cargo-deny").arg("--version").quiet();
    if on_path.is_none() && !own.is_file() {
        // A debug build: it compiles in a fraction of the time and checks this graph in a second.
        Cmd::cargo(workspace)
            .words("install cargo-deny --locked --debug --version")
            .arg(VERSION)
            .arg("--root")
            .arg(&tools)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .run()
            .map_err(|why| format!("cargo-deny could not be installed: {why}"))?;
    }
    let program = if on_path.is_some() { "cargo-deny".into() } else { own };
    Cmd::new(workspace, program).words("check --hide-inclusion-graph bans licenses sources").run()
}
