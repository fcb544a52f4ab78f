//! Instructions and allocations of calls, against the numbers that are kept beside the benches.

use crate::command::Cmd;
use crate::debian;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

/// The counts are those of one instruction set.
const MEASURED_ON: &str = "x86_64";

pub(crate) fn step(workspace: &Workspace, options: &Options) -> Outcome {
    if std::env::consts::ARCH != MEASURED_ON {
        let here = std::env::consts::ARCH;
        return Outcome::NotJudged(format!("the numbers are for {MEASURED_ON}, this is {here}"));
    }
    if options.all
        && let Err(why) = debian::install(workspace, "valgrind", "--version")
    {
        return Outcome::NotRun(why);
    }
    if !debian::is_there(workspace, "valgrind", "--version") {
        return Outcome::NotRun("valgrind is missing: apt-get install valgrind".to_owned());
    }
    // One package: another member's features (tokio's test-util) would be counted too.
    Cmd::cargo(workspace).words("bench -p orlop-benches --bench cost -- --check").run().into()
}
