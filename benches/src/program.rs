//! From rows to a table.

use crate::{
    Part, Row, allocations,
    check::{self, Work},
    instructions::{Counter, available},
    options::{HELP, Options, Task, Wanted},
    table::{self, LEGEND, Measured},
    threads, timing,
};
use std::{env, process::ExitCode};

/// Measures the rows that the command line asks for, and prints them as a table.
///
/// # Panics
///
/// If what a row measures did not happen.
pub fn main(parts: &[Part]) -> ExitCode {
    let result = Options::parse(env::args().skip(1)).and_then(|options| match options {
        Options::Help => {
            print!("{HELP}");
            Ok(())
        }
        Options::Count { row, calls } => count(parts, &row, calls),
        Options::Run(task, wanted) => run(parts, task, &wanted),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(parts: &[Part], task: Task, wanted: &Wanted) -> Result<(), String> {
    match task {
        Task::List => {
            chosen(parts, wanted)?.iter().for_each(|row| println!("{}", row.name));
            Ok(())
        }
        Task::Check => check::run(parts, wanted, Work::Compare),
        Task::Record => check::run(parts, wanted, Work::Record),
        Task::Table { quick } => print(&chosen(parts, wanted)?, quick),
    }
}

fn chosen<'a>(parts: &'a [Part], wanted: &Wanted) -> Result<Vec<&'a Row>, String> {
    let rows = parts.iter().filter(|part| wanted.part(part.name)).flat_map(|part| &part.rows);
    let rows: Vec<_> = rows.filter(|row| wanted.row(&row.name)).collect();
    if rows.is_empty() {
        return Err("there is no such row; see --list".to_owned());
    }
    Ok(rows)
}

fn count(parts: &[Part], name: &str, calls: u64) -> Result<(), String> {
    let mut rows = parts.iter().flat_map(|part| &part.rows);
    let row = rows.find(|row| row.name == name).ok_or_else(|| format!("no row `{name}`"))?;
    let mut path = row.set_up();
    path.first().make(calls);
    path.check();
    Ok(())
}

fn print(rows: &[&Row], quick: bool) -> Result<(), String> {
    let mut counter = (!quick && available()).then(Counter::default);
    let width = rows.iter().map(|row| row.name.chars().count() + 2).max().unwrap_or_default();
    println!("{}", table::head(width));
    for row in rows {
        let measured = measure(row, quick, counter.as_mut())?;
        println!("{}", table::line(width, &row.name, row.peer, &measured));
    }
    println!("\n{LEGEND}");
    if quick {
        println!("--quick: the times are of few samples, and no instructions were counted.");
    } else if counter.is_none() {
        println!("No instructions: valgrind is not there.");
    }
    Ok(())
}

fn measure(row: &Row, quick: bool, counter: Option<&mut Counter>) -> Result<Measured, String> {
    let (batches, windows) = if quick { (5, 10) } else { (501, 200) };
    let mut path = row.set_up();
    let mut handle = path.first();
    let nanoseconds = timing::nanoseconds(&mut handle, batches);
    let allocations = allocations::per_call(&mut handle);
    let scaling = threads::scaling(&path, &mut handle, windows);
    path.check();
    let instructions = counter.map(|counter| counter.of(row)).transpose()?;
    Ok(Measured { nanoseconds, allocations, instructions, scaling })
}
