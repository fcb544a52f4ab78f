//! `cargo xtask test`: the steps in order, each announced and timed, and what they came to.

use crate::command::Stopwatch;
use crate::report::{Outcome, Report};
use crate::steps::{LEFT_OUT, STEPS, Step};
use crate::workspace::Workspace;

const HELP: &str = "\
Runs every check of the project in order; prints each one's name, command and time; stops at the first failure.
Rust alone is enough: what is missing is named at the end.

Usage: cargo xtask test [OPTIONS]

Options:
  --all           also what needs more than Rust. Installs what is missing (from Debian, or with cargo install), and
                  fails where it cannot
  --only <STEP>   this step only; may be repeated
  --skip <STEP>   not this step; may be repeated
  --keep-going    go on after a failure; the exit code still tells
  --list          print the steps and stop
  -h, --help      this text

Exit: 0 all passed, 1 a step failed, 2 the command line is wrong.
The last line reads `N passed, N failed` and counts steps.
";

/// What the command line asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Missing tools are installed, or else a failure.
    pub(crate) all: bool,
    pub(crate) keep_going: bool,
    only: Vec<String>,
    skip: Vec<String>,
}

enum Request {
    Run(Options),
    List,
    Help,
}

/// Runs the command. `Ok(false)` if a step failed, `Err` if the command line is wrong.
pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    match parse(args)? {
        Request::Help => print!("{HELP}"),
        Request::List => list(),
        Request::Run(options) => return Ok(run(&Workspace::load()?, &options)),
    }
    Ok(true)
}

fn parse(args: &[String]) -> Result<Request, String> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--all" => options.all = true,
            "--keep-going" => options.keep_going = true,
            "--list" => return Ok(Request::List),
            "-h" | "--help" => return Ok(Request::Help),
            "--only" => options.only.push(step_name(args.next())?),
            "--skip" => options.skip.push(step_name(args.next())?),
            _ => {
                return Err(format!("no option `{arg}`; `cargo xtask test --help` lists them"));
            }
        }
    }
    Ok(Request::Run(options))
}

fn step_name(arg: Option<&String>) -> Result<String, String> {
    let name = arg.ok_or("a step's name is missing; `cargo xtask test --list` prints them")?;
    if STEPS.iter().any(|step| step.name == name) {
        Ok(name.clone())
    } else {
        Err(format!("no step `{name}`; `cargo xtask test --list` prints them"))
    }
}

fn list() {
    for step in STEPS {
        let mark = if step.only_in_all { "  (--all)" } else { "" };
        println!("{:<12} {}{mark}", step.name, step.about);
    }
}

fn run(workspace: &Workspace, options: &Options) -> bool {
    let mut report = Report::default();
    let mut steps = STEPS.iter();
    for step in steps.by_ref() {
        match excluded(step, options) {
            Some(why) => {
                if options.only.is_empty() {
                    report.left_out(step.name, why);
                }
                continue;
            }
            None => println!("\n==> {}: {}", step.name, step.about),
        }
        let clock = Stopwatch::start();
        let mut outcome = (step.run)(workspace, options);
        if let (Outcome::NotRun(why), true) = (&outcome, options.all) {
            outcome = Outcome::Failed(format!("{why}, and --all leaves nothing out"));
        }
        let seconds = clock.seconds();
        println!("<== {}: {outcome:?} in {seconds:.1} s", step.name);
        report.step(step.name, outcome, seconds);
        if report.failed() > 0 && !options.keep_going {
            break;
        }
    }
    for step in steps.filter(|step| excluded(step, options).is_none()) {
        report.left_out(step.name, "an earlier step failed (see --keep-going)");
    }
    for (name, why) in LEFT_OUT {
        report.left_out(name, why);
    }
    println!("\n{}", report.text().trim_end());
    report.failed() == 0
}

/// Why this run leaves a step out, if it does.
fn excluded(step: &Step, options: &Options) -> Option<&'static str> {
    if options.skip.iter().any(|name| name == step.name) {
        return Some("--skip");
    }
    if !options.only.is_empty() {
        let named = options.only.iter().any(|name| name == step.name);
        return (!named).then_some("--only");
    }
    (step.only_in_all && !options.all).then_some("needs more than Rust: belongs to --all")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str) -> Result<Options, String> {
        let args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        match parse(&args)? {
            Request::Run(options) => Ok(options),
            Request::List | Request::Help => Err("nothing to run".to_owned()),
        }
    }

    fn chosen(words: &str) -> Vec<&'static str> {
        let options = options(words).expect("a good command line");
        let steps = STEPS.iter().filter(|s| excluded(s, &options).is_none());
        steps.map(|s| s.name).collect()
    }

    #[test]
    fn what_needs_more_than_rust_runs_only_when_asked_for() {
        assert!(!chosen("").contains(&"demo"));
        assert!(chosen("--all").contains(&"demo"));
        assert_eq!(chosen("--all").len(), STEPS.len());
        assert_eq!(chosen("--only demo"), ["demo"]);
    }

    #[test]
    fn skip_wins_over_only() {
        assert_eq!(chosen("--only fmt --only words --skip words"), ["fmt"]);
    }

    #[test]
    fn an_unknown_step_or_option_is_refused_by_name() {
        for (words, named) in [("--only nothing", "nothing"), ("--fast", "--fast")] {
            let error = options(words).expect_err("it does not exist");
            assert!(error.contains(named), "{error}");
        }
        assert!(options("--only").is_err());
    }

    #[test]
    fn step_names_are_unique() {
        for step in STEPS {
            let same = STEPS.iter().filter(|s| s.name == step.name).count();
            assert_eq!(same, 1, "{} is there {same} times", step.name);
        }
    }
}
