//! From rows to a table.

use crate::{
    Row, allocations,
    instructions::{self, available},
    options::{HELP, Options},
    table::{self, LEGEND, Measured},
    threads, timing,
};
use std::{env, process::ExitCode};

/// Measures the rows that the command line asks for, and prints them as a table.
///
/// # Panics
///
/// If what a row measures did not happen.
pub fn main(rows: &[Row]) -> ExitCode {
    let result = Options::parse(env::args().skip(1)).and_then(|options| match options {
        Options::Help => {
            print!("{HELP}");
            Ok(())
        }
        Options::List => {
            rows.iter().for_each(|row| println!("{}", row.name));
            Ok(())
        }
        Options::Count { row, calls } => count(rows, &row, calls),
        Options::Table { quick, only } => print(rows, quick, &only),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn count(rows: &[Row], name: &str, calls: u64) -> Result<(), String> {
    let row = rows.iter().find(|row| row.name == name).ok_or_else(|| format!("no row `{name}`"))?;
    let mut path = row.set_up();
    path.first().make(calls);
    path.check();
    Ok(())
}

fn print(rows: &[Row], quick: bool, only: &[String]) -> Result<(), String> {
    let wanted = |row: &&Row| only.is_empty() || only.iter().any(|part| row.name.contains(part));
    let rows: Vec<_> = rows.iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err("no row has a name like that; see --list".to_owned());
    }
    let count = !quick && available();
    let width = rows.iter().map(|row| row.name.chars().count() + 2).max().unwrap_or_default();
    println!("{}", table::head(width));
    for row in rows {
        let measured = measure(row, quick, count)?;
        println!("{}", table::line(width, &row.name, row.peer, &measured));
    }
    println!("\n{LEGEND}");
    if quick {
        println!("--quick: the times are of few samples, and no instructions were counted.");
    } else if !count {
        println!("No instructions: valgrind is not there.");
    }
    Ok(())
}

fn measure(row: &Row, quick: bool, count: bool) -> Result<Measured, String> {
    let (batches, windows) = if quick { (5, 10) } else { (501, 200) };
    let mut path = row.set_up();
    let mut handle = path.first();
    let nanoseconds = timing::nanoseconds(&mut handle, batches);
    let allocations = allocations::per_call(&mut handle);
    let scaling = threads::scaling(&path, &mut handle, windows);
    path.check();
    let instructions = count.then(|| instructions::per_call(&row.name)).transpose()?;
    Ok(Measured { nanoseconds, allocations, instructions, scaling })
}
