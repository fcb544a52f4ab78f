//! Measures what one call on a path costs: time, allocations, instructions, and whether a second thread helps.
//!
//! ```text
//!  Row (name, set-up) --> Path (handles on one shared thing)
//!                           |-- nanoseconds     batches on one thread, the median and the spread
//!                           |-- allocations     by a counting global allocator
//!                           |-- two threads     a handle each, throughput beside one thread's
//!                           '-- instructions    this program once more, under valgrind's callgrind
//! ```
//!
//! Instructions and allocations hardly depend on the machine, so those of the rows that `instructions.toml` names are kept
//! there, and can be checked.
//!
//! Every batch says how many of its calls ended as they should, and fewer than all is a panic: a bench that measures
//! something that did not happen is worse than none. [`main`] is the program.

mod allocations;
mod check;
mod instructions;
mod options;
mod path;
mod program;
mod record;
mod statistics;
mod table;
mod threads;
mod timing;

pub use self::{
    path::{Part, Path, Row, Run},
    program::main,
};
