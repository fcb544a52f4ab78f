//! The steps of `cargo xtask test`, in order: cheap ones first, those on the shared build next to each other.
//!
//! Everything that compiles members uses one feature set (`--workspace --all-features`): another set would build most
//! dependencies a second time.

use crate::command::Cmd;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;
use crate::{
    counts, crates, deny, examples, links, manifests, memcached, packages, platform, words,
};

/// One check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) only_in_all: bool,
    pub(crate) run: fn(&Workspace, &Options) -> Outcome,
}

const fn step(
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &Options) -> Outcome,
) -> Step {
    Step { name, about, only_in_all: false, run }
}

const fn in_all(
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &Options) -> Outcome,
) -> Step {
    Step { only_in_all: true, ..step(name, about, run) }
}

pub(crate) const STEPS: &[Step] = &[
    step("words", "no unfinished code, no machine's paths or hosts in tracked files", words::step),
    step("links", "links between documents lead somewhere", links::step),
    step(
        "manifests",
        "what each package must state and ship, and the stated compiler version",
        manifests::step,
    ),
    step("fmt", "formatting", fmt),
    step("clippy", "lints, among them the stated compiler version", clippy),
    step("doc", "documentation without warnings", doc),
    step("test", "unit, property, integration and simulated platform tests", test),
    step("doctest", "the examples in the documentation", doctest),
    step("loom", "every interleaving of hand-made synchronisation", crates::loom),
    step("outside", "crates outside the workspace that use it as strangers do", crates::outside),
    step("examples", "each example runs and ends", examples::step),
    step("package", "each published crate packages", packages::step),
    step(
        "counts",
        "instructions per call, under callgrind, against the numbers in benches/instructions.toml",
        counts::step,
    ),
    in_all("deny", "licences, bans and sources of dependencies", deny::step),
    in_all("memcached", "the cache client against real memcached", memcached::step),
    in_all("demo", "the platform's main job under faults", platform::step),
];

/// What no run does, and why.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[(
    "deny advisories",
    "needs a database fetched over the network: `cargo deny check advisories`",
)];

fn fmt(workspace: &Workspace, _: &Options) -> Outcome {
    if let Some(missing) = missing(workspace, "fmt", "rustfmt") {
        return missing;
    }
    Cmd::cargo(workspace).words("fmt --all -- --check").run().into()
}

fn clippy(workspace: &Workspace, _: &Options) -> Outcome {
    if let Some(missing) = missing(workspace, "clippy", "clippy") {
        return missing;
    }
    Cmd::cargo(workspace)
        .words("clippy --workspace --all-targets --all-features -- -D warnings")
        .run()
        .into()
}

fn doc(workspace: &Workspace, _: &Options) -> Outcome {
    Cmd::cargo(workspace)
        .words("doc --workspace --no-deps --all-features")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
        .into()
}

fn test(workspace: &Workspace, options: &Options) -> Outcome {
    // Not `--all-targets`: that would run benches as if they were tests.
    let words = "test --workspace --all-features --lib --bins --tests";
    Cmd::cargo(workspace).words(words).words(on_failure(options)).run().into()
}

fn doctest(workspace: &Workspace, options: &Options) -> Outcome {
    let words = "test --workspace --all-features --doc";
    Cmd::cargo(workspace).words(words).words(on_failure(options)).run().into()
}

/// cargo stops at the first test program that fails unless told otherwise.
fn on_failure(options: &Options) -> &'static str {
    if options.keep_going { "--no-fail-fast" } else { "" }
}

fn missing(workspace: &Workspace, subcommand: &str, component: &str) -> Option<Outcome> {
    let there = Cmd::cargo(workspace).arg(subcommand).arg("--version");
    there.quiet().is_none().then(|| {
        Outcome::NotRun(format!("cargo {subcommand} is missing: rustup component add {component}"))
    })
}
