//! The cache client's tests against memcached itself: ignored by default, because Rust alone does not bring it.

use crate::command::Cmd;
use crate::debian;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

/// The tests that start a memcached of their own have this in their names.
const TESTS: &str = "real_memcached";

pub(crate) fn step(workspace: &Workspace, _: &Options) -> Outcome {
    debian::install(workspace, "memcached", "-V").and_then(|()| run(workspace)).into()
}

fn run(workspace: &Workspace) -> Result<(), String> {
    // The whole workspace, although one package has such tests: choosing that package alone would choose other features
    // and build the dependencies again. Test programs without a matching name end at once.
    let seen = Cmd::cargo(workspace)
        .words("test --workspace --all-features --lib --tests -- --ignored")
        .arg(TESTS)
        .tee()?;
    match passed(&seen) {
        0 => Err(format!("no test has {TESTS} in its name, so none ran")),
        count => {
            println!("{count} tests ran against memcached");
            Ok(())
        }
    }
}

/// How many tests passed, from the closing line of each test program.
fn passed(output: &str) -> u32 {
    let results = output.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    let counts = results.filter_map(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    counts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_all_test_programs() {
        let output = "running 0 tests\n\
            test result: ok. 0 passed; 0 failed; 3 ignored\n\
            test result: ok. 4 passed; 0 failed; 0 ignored\n\
            test result: ok. 1 passed; 0 failed; 0 ignored\n";
        assert_eq!(passed(output), 5);
        assert_eq!(passed("nothing"), 0);
    }
}
