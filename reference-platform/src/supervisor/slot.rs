//! The place of one instance: at most one runs in it at a time.

use std::fs::{File, OpenOptions};
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::process::Process;
use super::spawner::Spawner;
use super::state::{Exit, State, Status};
use super::thread::Thread;
use super::{Mode, Plan, orphan, ready};
use crate::failure::Failure;
use crate::topology::Instance;

/// How long an instance may take to answer for the first time: all of them start at once, on two processors perhaps.
const START: Duration = Duration::from_secs(60);

/// How long the system may take to do what a signal says.
const OBEY: Duration = Duration::from_secs(5);

/// Between two looks at something that is about to change.
const LOOK: Duration = Duration::from_millis(10);

/// Tells that, and how, an instance has ended.
type Ending = watch::Receiver<Option<Exit>>;

#[derive(Debug)]
pub(super) struct Slot {
    instance: Instance,
    /// Held across an operation, so that operations on one instance come one after the other.
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    running: Option<Running>,
    starts: u32,
    /// Every process that was started here.
    pids: Vec<u32>,
    /// Set by `stop`: a restart that comes later is refused.
    closed: bool,
}

#[derive(Debug)]
enum Running {
    Process(Process),
    Thread(Thread),
}

// ===== impl Slot =====

impl Slot {
    pub(super) fn new(instance: Instance) -> Self {
        Self { instance, current: Mutex::default() }
    }

    pub(super) const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Starts the instance and waits until it answers; gives its name back.
    pub(super) async fn start(&self, plan: &Plan, spawner: &Spawner) -> Result<&str, Failure> {
        let exit = self.current.lock().await.start(&self.instance, plan, spawner)?;
        // Not under the lock: whoever asks for the state, or ends everything, must not wait for a slow start.
        answers(&self.instance, plan, exit).await?;
        Ok(&self.instance.name)
    }

    pub(super) async fn restart(&self, plan: &Plan, spawner: &Spawner) -> Result<(), Failure> {
        let mut current = self.current.lock().await;
        if let Some(running) = current.alive() {
            running.kill(&self.instance).await?;
        }
        let exit = current.start(&self.instance, plan, spawner)?;
        drop(current);
        answers(&self.instance, plan, exit).await
    }

    pub(super) async fn kill(&self) -> Result<(), Failure> {
        let current = self.current.lock().await;
        let running = current.alive().ok_or_else(|| self.not_running())?;
        running.kill(&self.instance).await
    }

    pub(super) async fn freeze(&self) -> Result<(), Failure> {
        self.signal(Signal::SIGSTOP, State::Frozen).await
    }

    pub(super) async fn thaw(&self) -> Result<(), Failure> {
        self.signal(Signal::SIGCONT, State::Running).await
    }

    async fn signal(&self, signal: Signal, wanted: State) -> Result<(), Failure> {
        let current = self.current.lock().await;
        let name = &self.instance.name;
        let process = match current.alive().ok_or_else(|| self.not_running())? {
            Running::Process(process) => process,
            Running::Thread(_) => {
                return Err(Failure::usage(format!(
                    "{name} is a thread of the supervisor and cannot be frozen: start without --in-process"
                )));
            }
        };
        process.signal(signal).await.map_err(|e| self.refused(signal, &e))?;
        let seen = async {
            // The signal is delivered when the kernel gets to it, not when the call returns.
            while process.state().await != wanted {
                sleep(LOOK).await;
            }
        };
        let within = timeout(OBEY, seen).await;
        within.map_err(|_| Failure::failed(format!("{name} is not {wanted} after {signal}")))
    }

    pub(super) async fn status(&self) -> Status {
        let current = self.current.lock().await;
        let exit = current.running.as_ref().and_then(|r| r.exit().borrow().clone());
        let (state, pid) = match current.alive() {
            None => (State::Dead, None),
            Some(Running::Thread(_)) => (State::Running, None),
            Some(Running::Process(process)) => (process.state().await, Some(process.pid())),
        };
        Status {
            name: self.instance.name.clone(),
            state,
            pid,
            addr: self.instance.addr,
            starts: current.starts,
            last_exit: exit.map(|exit| exit.to_string()),
        }
    }

    /// Ends the instance for good: with a drain if it runs, at once if it is frozen.
    pub(super) async fn stop(&self, drain: Duration) -> Result<(), Failure> {
        let mut current = self.current.lock().await;
        current.closed = true;
        let Some(running) = current.alive() else {
            return Ok(());
        };
        if running.ask_to_end().await {
            // Its own deadline, and as much again for what happens around it.
            let mut exit = running.exit();
            let _ = timeout(drain * 2, exit.wait_for(Option::is_some)).await;
        }
        match current.alive() {
            Some(running) => running.kill(&self.instance).await,
            None => Ok(()),
        }
    }

    /// Processes that were started here, ended or not.
    pub(super) async fn pids(&self) -> Vec<u32> {
        self.current.lock().await.pids.clone()
    }

    fn not_running(&self) -> Failure {
        let name = &self.instance.name;
        Failure::failed(format!("{name} is dead: `platform restart {name}` starts it"))
    }

    fn refused(&self, signal: Signal, error: &io::Error) -> Failure {
        let name = &self.instance.name;
        Failure::failed(format!("{signal} to {name}: {error}"))
    }
}

// ===== impl Current =====

impl Current {
    /// What runs, if it has not ended.
    fn alive(&self) -> Option<&Running> {
        let running = self.running.as_ref()?;
        running.exit().borrow().is_none().then_some(running)
    }

    /// Starts the instance; the answer tells when it has ended.
    fn start(&mut self, me: &Instance, plan: &Plan, spawner: &Spawner) -> Result<Ending, Failure> {
        let name = &me.name;
        if self.closed {
            return Err(Failure::failed(format!("{name} is not started: the platform is ending")));
        }
        let started = match plan.mode {
            Mode::Processes => process(me, plan, spawner, self.starts == 0).map(Running::Process),
            Mode::Threads => Thread::start(plan.world.ctx(me.clone())).map(Running::Thread),
        };
        let running =
            started.map_err(|e| Failure::failed(format!("{name} cannot be started: {e}")))?;
        if let Running::Process(process) = &running {
            self.pids.push(process.pid());
        }
        self.starts += 1;
        let exit = running.exit();
        self.running = Some(running);
        Ok(exit)
    }
}

// ===== impl Running =====

impl Running {
    fn exit(&self) -> Ending {
        match self {
            Self::Process(process) => process.exit(),
            Self::Thread(thread) => thread.exit(),
        }
    }

    /// Kills it and waits until it is gone.
    async fn kill(&self, me: &Instance) -> Result<(), Failure> {
        let mut exit = self.exit();
        match self {
            // It may end by itself in this moment: the wait below sees that.
            Self::Process(process) => drop(process.signal(Signal::SIGKILL).await),
            Self::Thread(thread) => thread.kill(),
        }
        let deadline = Instant::now() + OBEY;
        let gone = timeout_at(deadline, exited(&mut exit)).await;
        gone.map(drop).map_err(|_| {
            let (name, after) = (&me.name, OBEY.as_secs());
            Failure::failed(format!("{name} still runs {after} s after it was killed"))
        })
    }

    /// Asks it to drain and end. False if it cannot hear that.
    async fn ask_to_end(&self) -> bool {
        match self {
            Self::Process(process) => {
                process.state().await == State::Running
                    && process.signal(Signal::SIGTERM).await.is_ok()
            }
            Self::Thread(thread) => {
                thread.leave();
                true
            }
        }
    }
}

/// Waits until the instance answers.
async fn answers(me: &Instance, plan: &Plan, mut exit: Ending) -> Result<(), Failure> {
    let deadline = Instant::now() + START;
    loop {
        let probed = tokio::select! {
            exit = exited(&mut exit) => return Err(ended_early(me, plan, &exit)),
            probed = ready::probe(plan.world.net(), me) => probed,
        };
        match probed {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= deadline => {
                let (name, after) = (&me.name, START.as_secs());
                let log = log_path(me, plan);
                return Err(Failure::failed(format!(
                    "{name} is not ready after {after} s ({error}): see {}",
                    log.display()
                )));
            }
            Err(_) => sleep(LOOK).await,
        }
    }
}

async fn exited(exit: &mut Ending) -> Exit {
    match exit.wait_for(Option::is_some).await {
        Ok(exit) => exit.clone().unwrap_or_else(unknown),
        // Whoever would tell is gone, so the instance is too.
        Err(_) => unknown(),
    }
}

fn unknown() -> Exit {
    Exit::Error("ended in an unknown way".into())
}

/// `fresh`: what an earlier platform printed is dropped.
fn process(me: &Instance, plan: &Plan, spawner: &Spawner, fresh: bool) -> io::Result<Process> {
    let path = log_path(me, plan);
    if fresh {
        File::create(&path)?;
    }
    let log = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut command = Command::new(&plan.program);
    command
        .arg("run")
        .arg(format!("{}{}", orphan::ARGUMENT, std::process::id()))
        .args(["--service", me.service.as_str(), "--zone", me.zone.as_str()])
        .args(&plan.arguments)
        // A terminal's Ctrl-C is for the supervisor, which then ends its children in order.
        .process_group(0)
        // Not Linux: its end tells the child that the supervisor is gone.
        .stdin(if cfg!(target_os = "linux") { Stdio::null() } else { Stdio::piped() })
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    Process::tend(spawner.spawn(command)?)
}

fn log_path(me: &Instance, plan: &Plan) -> std::path::PathBuf {
    plan.logs.join(format!("{}.log", me.name))
}

fn ended_early(me: &Instance, plan: &Plan, exit: &Exit) -> Failure {
    let (name, log) = (&me.name, log_path(me, plan));
    let last = last_line(&log).unwrap_or_default();
    Failure::failed(format!("{name} ended while starting ({exit}): {last} [{}]", log.display()))
}

fn last_line(log: &std::path::Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};

    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(4_096))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    tail.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
}
