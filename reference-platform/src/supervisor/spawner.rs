//! The one thread that makes children.
//!
//! On Linux a child's parent-death signal is tied to the *thread* that made it. A child made from a worker of the
//! runtime would be killed when that worker ends, so all of them are made here, by a thread that lives as long as the
//! supervisor.

use std::io;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use crate::failure::Failure;

/// Makes children. When it is dropped its thread ends, and with it any child that is left.
#[derive(Debug)]
pub(super) struct Spawner(mpsc::Sender<Job>);

#[derive(Debug)]
struct Job {
    command: Command,
    runtime: Handle,
    made: mpsc::Sender<io::Result<Child>>,
}

impl Spawner {
    pub(super) fn start() -> Result<Self, Failure> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new().name("spawner".into());
        let started = thread.spawn(move || {
            for mut job in inbox {
                let _runtime = job.runtime.enter();
                // Nobody waiting: the child is dropped, which kills it.
                let _ = job.made.send(job.command.spawn());
            }
        });
        started.map_err(|e| Failure::failed(format!("cannot start a thread: {e}")))?;
        Ok(Self(jobs))
    }

    /// Makes a child that the current runtime tends. Blocks for a fork and an exec, a millisecond or so: an await here
    /// would let a cancelled start lose a child.
    pub(super) fn spawn(&self, command: Command) -> io::Result<Child> {
        let (made, child) = mpsc::channel();
        let runtime = Handle::current();
        let gone = |_| io::Error::other("the thread that makes children is gone");
        let job = Job { command, runtime, made };
        self.0.send(job).map_err(|_| gone(mpsc::RecvError))?;
        child.recv().map_err(gone)?
    }
}
