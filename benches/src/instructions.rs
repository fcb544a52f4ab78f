//! How many instructions a call takes: exact to a few, whatever else the machine does.

use crate::{Row, options::COUNT};
use std::{
    collections::HashMap,
    env, io,
    process::{Child, Command, Stdio},
};

/// Calls of the shorter of two runs. The longer makes twice as many; the difference leaves set-up and start out.
const CALLS: u64 = 2000;

/// Whether valgrind is there.
pub(crate) fn available() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Counts, and remembers the bare rows, which many rows are compared with.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    known: HashMap<String, f64>,
}

/// Instructions per call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instructions {
    pub(crate) all: f64,
    /// Without those of the bare row, where there is one.
    pub(crate) above: Option<f64>,
}

impl Counter {
    pub(crate) fn of(&mut self, row: &Row) -> Result<Instructions, String> {
        let all = self.named(&row.name)?;
        let bare = row.bare.map(|bare| self.named(bare)).transpose()?;
        Ok(Instructions { all, above: bare.map(|bare| all - bare) })
    }

    fn named(&mut self, row: &str) -> Result<f64, String> {
        if let Some(known) = self.known.get(row) {
            return Ok(*known);
        }
        let counted = per_call(row)?;
        self.known.insert(row.to_owned(), counted);
        Ok(counted)
    }
}

/// Two runs of this program under callgrind, at the same time.
fn per_call(row: &str) -> Result<f64, String> {
    let start = |calls| start(row, calls).map_err(|error| format!("valgrind: {error}"));
    let (short, long) = (start(CALLS)?, start(2 * CALLS)?);
    let (short, long) = (collected(short)?, collected(long)?);
    Ok((long as f64 - short as f64) / CALLS as f64)
}

fn start(row: &str, calls: u64) -> io::Result<Child> {
    Command::new("valgrind")
        // Only the total is wanted, and that is printed.
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args([COUNT, row, &calls.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

fn collected(run: Child) -> Result<u64, String> {
    let output = run.wait_with_output().map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind: {}\n{text}", output.status));
    }
    // "==123== Collected : 4567"
    let total = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    total.ok_or_else(|| format!("valgrind printed no total:\n{text}"))
}
