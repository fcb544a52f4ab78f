//! `instructions.toml`: the counts that the project holds itself to.

use std::{fmt::Write, fs, path::Path, process::Command};
use toml::{Table, Value};

/// Beside the manifest, wherever the program is started.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

const HEADER: &str = "\
# What a call costs: instructions by callgrind above the row without it, and calls of the allocator.
#
#   cargo bench -p orlop-benches --bench cost -- --check     compares; `cargo xtask test` does it
#   cargo bench -p orlop-benches --bench cost -- --record    writes the numbers; the rows and limits stay
#
# A count may exceed what is written here by 5 % or 5 instructions, whichever is more; with another minor version of rustc than
# the one below, by 15 % or 15, and the limit too by 15 %. `limit` is what the project promises.
";

/// What the file says.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) rustc: String,
    pub(crate) rows: Vec<Recorded>,
}

#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    pub(crate) limit: Option<f64>,
}

impl Record {
    pub(crate) fn load() -> Result<Self, String> {
        let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        Self::parse(&text).map_err(|error| format!("{FILE}: {error}"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error| format!("{error}"))?;
        let rustc = table.get("rustc").and_then(Value::as_str).ok_or("no `rustc`")?;
        let rows = table.get("row").and_then(Value::as_array).ok_or("no `[[row]]`")?;
        let rows = rows.iter().map(Recorded::parse).collect::<Result<_, _>>()?;
        Ok(Self { rustc: rustc.to_owned(), rows })
    }

    pub(crate) fn save(&self) -> Result<(), String> {
        fs::write(Path::new(FILE), self.text()).map_err(|error| format!("{FILE}: {error}"))
    }

    fn text(&self) -> String {
        let mut text = format!("{HEADER}\nrustc = \"{}\"\n", self.rustc);
        for Recorded { name, instructions, allocations, limit } in &self.rows {
            // Writing to a String cannot fail.
            let _ =
                write!(text, "\n[[row]]\nname = \"{name}\"\ninstructions = {instructions:.0}\n");
            if let Some(limit) = limit {
                let _ = writeln!(text, "limit = {limit:.0}");
            }
            let _ = writeln!(text, "allocations = {allocations}");
        }
        text
    }
}

impl Recorded {
    fn parse(row: &Value) -> Result<Self, String> {
        let name = row.get("name").and_then(Value::as_str).ok_or("a row without `name`")?;
        let number = |key| row.get(key).and_then(number);
        let required = |key| number(key).ok_or_else(|| format!("`{name}`: no number `{key}`"));
        Ok(Self {
            name: name.to_owned(),
            instructions: required("instructions")?,
            allocations: required("allocations")?,
            limit: number("limit"),
        })
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// The version of the compiler in force here: "1.95.0".
pub(crate) fn rustc() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output();
    let output = output.map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(1);
    version.map(str::to_owned).ok_or_else(|| format!("rustc printed no version: {text:?}"))
}

/// Whether two versions differ in no more than the patch.
pub(crate) fn same_minor(a: &str, b: &str) -> bool {
    a.split('.').take(2).eq(b.split('.').take(2))
}
