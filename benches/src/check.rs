//! Counts beside those that are kept, so that none grows unnoticed.

use crate::{
    Part, Row, allocations,
    instructions::{Counter, available},
    options::Wanted,
    record::{Record, Recorded, rustc, same_minor},
    table::allocated,
};

/// Callgrind is exact, but a C library of another version or keys that hash in another way move a row by a few.
const SAME_COMPILER: Tolerance = Tolerance { share: 0.05, few: 5.0, of_limit: 0.0 };
/// Another compiler inlines in another way.
const OTHER_COMPILER: Tolerance = Tolerance { share: 0.15, few: 15.0, of_limit: 0.15 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Compare,
    Record,
}

/// What a row costs now.
#[derive(Clone, Copy, Debug)]
struct Counted {
    instructions: f64,
    allocations: f64,
}

/// How far a count may be above what is kept.
#[derive(Clone, Copy, Debug)]
struct Tolerance {
    share: f64,
    /// At least so many, however few are kept.
    few: f64,
    /// The promise holds with the compiler it was measured with.
    of_limit: f64,
}

/// How a row stands.
#[derive(Debug, PartialEq)]
enum Judgement {
    Good,
    /// Better than the file says, by more than the tolerance.
    Lower,
    Bad(String),
}

/// Counts the rows that the file names, and compares or keeps what comes out.
pub(crate) fn run(parts: &[Part], wanted: &Wanted, work: Work) -> Result<(), String> {
    if !available() {
        return Err("counting instructions needs valgrind, which is not there".to_owned());
    }
    let (mut record, rustc) = (Record::load()?, rustc()?);
    let tolerance = Tolerance::between(&record.rustc, &rustc);
    let (mut counter, mut bad, mut lower) = (Counter::default(), Vec::new(), Vec::new());
    let width = record.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    println!(
        "| {:width$} | above | kept | limit | allocs |\n|-{:-<width$}-|------:|-----:|------:|-------:|",
        "path", ""
    );
    for kept in &mut record.rows {
        let (part, row) = find(parts, &kept.name)?;
        if !wanted.part(part.name) || !wanted.row(&row.name) {
            continue;
        }
        let counted = count(row, &mut counter)?;
        println!("{}", line(width, kept, counted));
        match tolerance.judge(kept, counted) {
            Judgement::Good => {}
            Judgement::Lower => lower.push(kept.name.clone()),
            Judgement::Bad(why) => bad.push(format!("{}: {why}", kept.name)),
        }
        kept.instructions = counted.instructions.round();
        kept.allocations = counted.allocations;
    }
    println!(
        "\nabove: instructions above the row without it. Counted with rustc {rustc}, kept with rustc {}.",
        record.rustc
    );
    if work == Work::Record {
        record.rustc = rustc;
        return record.save();
    }
    println!(
        "Tolerated above what is kept: {:.0} % or {:.0} instructions, whichever is more.",
        100.0 * tolerance.share,
        tolerance.few
    );
    for name in lower {
        println!("{name}: less than is kept. Keep it so: --record");
    }
    if bad.is_empty() { Ok(()) } else { Err(bad.join("\n")) }
}

fn find<'a>(parts: &'a [Part], name: &str) -> Result<(&'a Part, &'a Row), String> {
    let mut rows = parts.iter().flat_map(|part| part.rows.iter().map(move |row| (part, row)));
    let found = rows.find(|(_, row)| row.name == name);
    found.ok_or_else(|| format!("no row is named `{name}`; see --list"))
}

fn count(row: &Row, counter: &mut Counter) -> Result<Counted, String> {
    let instructions = counter.of(row)?.above;
    let instructions = instructions.ok_or_else(|| format!("`{}` has no bare row", row.name))?;
    let mut path = row.set_up();
    let allocations = allocations::per_call(&mut path.first());
    path.check();
    Ok(Counted { instructions, allocations })
}

fn line(width: usize, kept: &Recorded, counted: Counted) -> String {
    format!(
        "| {:width$} | {:5.0} | {:4.0} | {:>5} | {:>6} |",
        kept.name,
        counted.instructions,
        kept.instructions,
        kept.limit.map_or("-".to_owned(), |limit| format!("{limit:.0}")),
        allocated(counted.allocations),
    )
}

impl Tolerance {
    fn between(kept: &str, here: &str) -> Self {
        if same_minor(kept, here) { SAME_COMPILER } else { OTHER_COMPILER }
    }

    fn judge(self, kept: &Recorded, counted: Counted) -> Judgement {
        let slack = (kept.instructions * self.share).max(self.few);
        let count = counted.instructions;
        if count > kept.instructions + slack {
            return Judgement::Bad(format!(
                "{count:.0} instructions, where {:.0} are kept",
                kept.instructions
            ));
        }
        if let Some(limit) =
            kept.limit.filter(|limit| count.round() > limit * (1.0 + self.of_limit))
        {
            return Judgement::Bad(format!(
                "{count:.0} instructions, where {limit:.0} are promised"
            ));
        }
        // Fewer than one in a hundred calls: what a queue or table allocates as it grows.
        if counted.allocations > kept.allocations + 0.01 {
            return Judgement::Bad(format!(
                "{} allocations, where {} are kept",
                allocated(counted.allocations),
                allocated(kept.allocations)
            ));
        }
        let better =
            count < kept.instructions - slack || counted.allocations < kept.allocations - 0.01;
        if better { Judgement::Lower } else { Judgement::Good }
    }
}
