//! The command line.

/// Not for people: makes so many calls of one row, and nothing else.
pub(crate) const COUNT: &str = "--count";

pub(crate) const HELP: &str = "\
Prints what a call costs on each path.

Usage: cargo bench -p orlop-benches --bench cost -- [OPTIONS] [PART OF A ROW'S NAME]...

Options:
  --of <CRATE>   the rows of one crate and its peers only: breaker, lb, retry, orlop
  --quick        few samples and no instructions: shows that every row runs
  --check        compares instructions and allocations with benches/instructions.toml, and times nothing
  --record       writes them there; which rows, and their limits, stay as they are
  --list         print the rows and stop
  -h, --help     this text
";

#[derive(Debug)]
pub(crate) enum Options {
    Help,
    Count { row: String, calls: u64 },
    Run(Task, Wanted),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Table { quick: bool },
    Check,
    Record,
    List,
}

/// Which rows the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    part: Option<String>,
    words: Vec<String>,
}

impl Wanted {
    pub(crate) fn part(&self, name: &str) -> bool {
        self.part.as_ref().is_none_or(|part| part == name)
    }

    pub(crate) fn row(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }
}

impl Options {
    pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut args, mut task) = (args.into_iter(), Task::Table { quick: false });
        let mut wanted = Wanted::default();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--list" => task = Task::List,
                "--check" => task = Task::Check,
                "--record" => task = Task::Record,
                "--quick" => task = Task::Table { quick: true },
                "--of" => wanted.part = Some(args.next().ok_or("--of needs a crate")?),
                // What `cargo bench` adds.
                "--bench" => {}
                COUNT => return Self::count(args),
                _ if arg.starts_with('-') => return Err(format!("no option `{arg}`; see --help")),
                _ => wanted.words.push(arg),
            }
        }
        Ok(Self::Run(task, wanted))
    }

    fn count(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let row = args.next().ok_or_else(|| format!("{COUNT} needs a row"))?;
        let calls = args.next().and_then(|calls| calls.parse().ok());
        let calls = calls.ok_or_else(|| format!("{COUNT} needs a number of calls"))?;
        Ok(Self::Count { row, calls })
    }
}
