//! One child process: who it is, what it is doing, how it ended.

use std::io;
use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};

use super::state::{Exit, State};

/// A child process. One task owns the child, so a signal is never sent after the process was reaped, when its id may
/// belong to another.
#[derive(Debug)]
pub(super) struct Process {
    pid: u32,
    orders: mpsc::Sender<Order>,
    exit: watch::Receiver<Option<Exit>>,
}

#[derive(Debug)]
enum Order {
    Signal(Signal, oneshot::Sender<io::Result<()>>),
    State(oneshot::Sender<State>),
}

impl Process {
    /// Tends a child that was just made.
    pub(super) fn tend(child: Child) -> io::Result<Self> {
        let pid = child.id().ok_or_else(|| io::Error::other("the child is gone already"))?;
        let (orders, inbox) = mpsc::channel(8);
        let (ended, exit) = watch::channel(None);
        tokio::spawn(tend(child, pid, inbox, ended));
        Ok(Self { pid, orders, exit })
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) async fn signal(&self, signal: Signal) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || io::Error::new(io::ErrorKind::NotFound, "it has ended");
        let order = Order::Signal(signal, done);
        self.orders.send(order).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(super) async fn state(&self) -> State {
        let (done, answer) = oneshot::channel();
        match self.orders.send(Order::State(done)).await {
            Ok(()) => answer.await.unwrap_or(State::Dead),
            Err(_) => State::Dead,
        }
    }

    pub(super) fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }
}

/// Answers orders until the child has ended and was reaped.
async fn tend(
    mut child: Child,
    pid: u32,
    mut orders: mpsc::Receiver<Order>,
    ended: watch::Sender<Option<Exit>>,
) {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            Some(order) = orders.recv() => obey(pid, order),
        }
    };
    // Orders still in the inbox are dropped with it: whoever sent them reads that as "it has ended".
    drop(orders);
    let exit = status.map_or_else(|e| Exit::Error(e.to_string()), Exit::from);
    ended.send_replace(Some(exit));
}

fn obey(pid: u32, order: Order) {
    // Whoever gave the order may have stopped waiting for the answer.
    match order {
        Order::Signal(signal, done) => {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX));
            let _ = done.send(kill(pid, signal).map_err(io::Error::from));
        }
        Order::State(done) => {
            let _ = done.send(observe(pid));
        }
    }
}

/// What the kernel says it is doing.
#[cfg(target_os = "linux")]
fn observe(pid: u32) -> State {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return State::Dead;
    };
    // The second field is the command in brackets and may itself hold brackets and spaces.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    match state {
        Some('T' | 't') => State::Frozen,
        Some('Z' | 'X' | 'x') | None => State::Dead,
        Some(_) => State::Running,
    }
}

/// What `ps` says it is doing: there is no /proc to read.
#[cfg(not(target_os = "linux"))]
fn observe(pid: u32) -> State {
    let asked =
        std::process::Command::new("ps").args(["-o", "state=", "-p", &pid.to_string()]).output();
    let first = asked.ok().and_then(|o| o.stdout.iter().copied().find(u8::is_ascii_alphabetic));
    match first {
        Some(b'T') => State::Frozen,
        Some(b'Z') | None => State::Dead,
        Some(_) => State::Running,
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;

        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Error("ended in an unknown way".into()),
        }
    }
}
