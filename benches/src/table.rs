//! The table, in Markdown, so that it can be kept as it is.

use crate::{instructions::Instructions, statistics::Spread, threads::Scaling};

/// What was measured of one row.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) nanoseconds: Spread,
    pub(crate) allocations: f64,
    /// `None` where valgrind was not asked or is not there.
    pub(crate) instructions: Option<Instructions>,
    pub(crate) scaling: Scaling,
}

/// The line of the headings, and the one below it.
pub(crate) fn head(width: usize) -> String {
    format!(
        "| {:width$} | ns    | 80 % within | instr | above | allocs | 2T ns | 2T/1T |\n\
         |-{:-<width$}-|------:|------------:|------:|------:|-------:|------:|------:|",
        "path", ""
    )
}

/// One row. Peers stand out.
pub(crate) fn line(width: usize, name: &str, peer: bool, measured: &Measured) -> String {
    let name = if peer { format!("*{name}*") } else { name.to_owned() };
    let Measured { nanoseconds, allocations, instructions, scaling } = measured;
    let within = format!("{:.1}..{:.1}", nanoseconds.low, nanoseconds.high);
    let whole = |count: Option<f64>| count.map_or("-".to_owned(), |count| format!("{count:.0}"));
    let all = whole(instructions.map(|counted| counted.all));
    let above = whole(instructions.and_then(|counted| counted.above));
    let (both, scaling) = match scaling {
        Scaling::Times { times, nanoseconds } => {
            (format!("{nanoseconds:.1}"), format!("{times:.2}"))
        }
        Scaling::NotShared => ("one".to_owned(), "one".to_owned()),
        Scaling::TooNoisy => ("-".to_owned(), "-".to_owned()),
    };
    format!(
        "| {name:width$} | {:5.1} | {within:>11} | {all:>5} | {above:>5} | {:>6} | {both:>5} | {scaling:>5} |",
        nanoseconds.median,
        allocated(*allocations),
    )
}

/// What the columns mean.
pub(crate) const LEGEND: &str = "\
ns: median time of a call on one thread, noisy; most samples lie where the next column says. instr: by callgrind, exact to a
few; above: without those of its bare row. allocs: calls of the allocator. 2T ns: time for each call while two threads make
calls, a clone each, so half of the column ns at best; 2T/1T: their throughput beside one thread's; \"one\" has one handle,
because it is not `Clone`. A pending future is polled again at once. Peers in italics.";

pub(crate) fn allocated(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.2}") }
}
