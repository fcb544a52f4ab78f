//! Starting, breaking and ending instances.
//!
//! By default each instance is a process: this program again, with `run --service playback --zone a`. A kill is then a
//! real SIGKILL and a freeze a real SIGSTOP. [`Supervisor::stop_all`] ends everything and waits until the system says
//! that it has; [`orphan`] sees to it when the supervisor itself is killed.

pub mod control;
pub mod orphan;
pub mod place;
pub mod ports;
mod process;
mod progress;
pub mod ready;
mod slot;
mod spawner;
mod state;
mod thread;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};

pub use self::progress::Progress;
use self::slot::Slot;
use self::spawner::Spawner;
pub use self::state::{Exit, State, Status};
use crate::ctx::World;
use crate::failure::Failure;
use crate::topology::Service;

/// What to start and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What instances are given.
    pub world: World,
    /// As processes or as threads.
    pub mode: Mode,
    /// The program to execute; usually this one.
    pub program: PathBuf,
    /// Arguments of `run` that are the same for all instances.
    pub arguments: Vec<OsString>,
    /// Directory for what instances print; must exist.
    pub logs: PathBuf,
}

/// What an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A process of its own.
    Processes,
    /// A thread of this process: can be killed, not frozen.
    Threads,
}

/// Runs the instances of one platform. Clones are the same supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Plan,
    spawner: Spawner,
    slots: Vec<Slot>,
}

impl Supervisor {
    /// Nothing runs yet.
    ///
    /// # Errors
    ///
    /// When the thread that makes children does not start.
    pub fn new(plan: Plan) -> Result<Self, Failure> {
        let instances = plan.world.topology().instances();
        let slots = instances.iter().cloned().map(Slot::new).collect();
        let spawner = Spawner::start()?;
        Ok(Self(Arc::new(Inner { plan, spawner, slots })))
    }

    /// The world the instances live in.
    pub fn world(&self) -> &World {
        &self.0.plan.world
    }

    /// Starts every instance and waits until each answers: the registries first, then all others at once.
    ///
    /// # Errors
    ///
    /// When one ends or does not answer in time. The others are left as they are: call [`stop_all`](Self::stop_all).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves running what was started; `stop_all` ends it.
    pub async fn boot(&self, progress: &Progress) -> Result<(), Failure> {
        let total = self.0.slots.len();
        let mut done = 0;
        progress.step(done, total, "starting");
        let (first, rest): (Vec<_>, Vec<_>) =
            self.0.slots.iter().partition(|slot| slot.instance().service == Service::Registry);
        for group in [first, rest] {
            let mut starting: FuturesUnordered<_> =
                group.into_iter().map(|slot| slot.start(&self.0.plan, &self.0.spawner)).collect();
            while let Some(started) = starting.next().await {
                let name = started?;
                done += 1;
                progress.step(done, total, name);
            }
        }
        progress.finish();
        Ok(())
    }

    /// SIGKILL. Returns when the instance is gone: its port is refused from then on.
    ///
    /// # Errors
    ///
    /// An unknown name (the text lists the names), or an instance that does not run.
    pub async fn kill(&self, name: &str) -> Result<(), Failure> {
        self.slot(name)?.kill().await
    }

    /// SIGSTOP. Returns when the system shows the process as stopped: it keeps its port and answers nothing.
    ///
    /// # Errors
    ///
    /// As [`kill`](Self::kill); also with instances on threads, which cannot be frozen.
    pub async fn freeze(&self, name: &str) -> Result<(), Failure> {
        self.slot(name)?.freeze().await
    }

    /// SIGCONT. Returns when the process runs again.
    ///
    /// # Errors
    ///
    /// As [`freeze`](Self::freeze).
    pub async fn thaw(&self, name: &str) -> Result<(), Failure> {
        self.slot(name)?.thaw().await
    }

    /// Starts an instance, killing it first if it runs. Returns when it answers.
    ///
    /// # Errors
    ///
    /// An unknown name, or an instance that ends or does not answer in time.
    pub async fn restart(&self, name: &str) -> Result<(), Failure> {
        let slot = self.slot(name)?;
        slot.restart(&self.0.plan, &self.0.spawner).await
    }

    /// What an instance is doing, asked from the system now.
    ///
    /// # Errors
    ///
    /// An unknown name.
    pub async fn state(&self, name: &str) -> Result<State, Failure> {
        Ok(self.slot(name)?.status().await.state)
    }

    /// Every instance, in the order of the topology.
    pub async fn statuses(&self) -> Vec<Status> {
        join_all(self.0.slots.iter().map(Slot::status)).await
    }

    /// Ends every instance and waits until each is gone: the running ones may drain first, frozen ones are killed. No
    /// instance can be started afterwards.
    ///
    /// # Errors
    ///
    /// When something is left running all the same; the text names it.
    pub async fn stop_all(&self) -> Result<(), Failure> {
        let drain = self.world().settings().drain;
        let stopped = join_all(self.0.slots.iter().map(|slot| slot.stop(drain))).await;
        let stuck: Vec<_> = stopped.into_iter().filter_map(Result::err).collect();
        if let Some(failure) = stuck.into_iter().next() {
            return Err(failure);
        }
        // Asked from the system, not from our own books.
        let ours = join_all(self.0.slots.iter().map(Slot::pids)).await.concat();
        let mut left = orphan::children();
        left.retain(|pid| ours.contains(pid));
        match left.is_empty() {
            true => Ok(()),
            false => Err(Failure::failed(format!("still running: processes {left:?}"))),
        }
    }

    fn slot(&self, name: &str) -> Result<&Slot, Failure> {
        let slots = &self.0.slots;
        slots.iter().find(|slot| slot.instance().name == name).ok_or_else(|| {
            let names: Vec<_> = slots.iter().map(|s| s.instance().name.as_str()).collect();
            Failure::usage(format!("no instance is named `{name}`; there are {}", names.join(", ")))
        })
    }
}
