//! The command line.

/// Not for people: makes so many calls of one row, and nothing else.
pub(crate) const COUNT: &str = "--count";

pub(crate) const HELP: &str = "\
Prints what a call costs on each path.

Usage: cargo bench -p orlop-benches --bench cost -- [OPTIONS] [PART OF A ROW'S NAME]...

Options:
  --quick      few samples and no instructions: shows that every row runs
  --list       print the rows and stop
  -h, --help   this text
";

#[derive(Debug)]
pub(crate) enum Options {
    Help,
    List,
    Count { row: String, calls: u64 },
    Table { quick: bool, only: Vec<String> },
}

impl Options {
    pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut args, mut quick, mut only) = (args.into_iter(), false, Vec::new());
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--list" => return Ok(Self::List),
                "--quick" => quick = true,
                // What `cargo bench` adds.
                "--bench" => {}
                COUNT => {
                    let row = args.next().ok_or_else(|| format!("{COUNT} needs a row"))?;
                    let calls = args.next().and_then(|calls| calls.parse().ok());
                    let calls = calls.ok_or_else(|| format!("{COUNT} needs a number of calls"))?;
                    return Ok(Self::Count { row, calls });
                }
                _ if arg.starts_with('-') => return Err(format!("no option `{arg}`; see --help")),
                _ => only.push(arg),
            }
        }
        Ok(Self::Table { quick, only })
    }
}
