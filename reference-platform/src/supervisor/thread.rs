//! One instance on a thread of this process, with a runtime of its own: killing it drops the runtime, and with it every
//! task, connection and listener of the instance.

use std::io;

use tokio::sync::{Notify, watch};

use super::state::Exit;
use crate::ctx::Ctx;
use crate::drain::Drain;
use crate::services;

/// What a process killed by SIGKILL would have ended with.
const KILLED: Exit = Exit::Signal(9);

#[derive(Debug)]
pub(super) struct Thread {
    kill: std::sync::Arc<Notify>,
    leave: Drain,
    exit: watch::Receiver<Option<Exit>>,
}

impl Thread {
    pub(super) fn start(ctx: Ctx) -> io::Result<Self> {
        let kill = std::sync::Arc::new(Notify::new());
        let (ended, exit) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let leave = ctx.leave().clone();
        let name = ctx.me().name.clone();
        let killed = std::sync::Arc::clone(&kill);
        std::thread::Builder::new().name(name).spawn(move || {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                runtime.block_on(run(ctx, &killed))
            }));
            // Before the end is announced: nothing of the instance is left then.
            runtime.shutdown_background();
            let exit = caught.unwrap_or_else(|_| Exit::Error("panicked".into()));
            ended.send_replace(Some(exit));
        })?;
        Ok(Self { kill, leave, exit })
    }

    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(super) fn leave(&self) {
        self.leave.start();
    }

    pub(super) fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }
}

async fn run(ctx: Ctx, killed: &Notify) -> Exit {
    tokio::select! {
        biased;
        () = killed.notified() => KILLED,
        ended = services::run(ctx) => match ended {
            Ok(()) => Exit::Code(0),
            Err(error) => Exit::Error(error.to_string()),
        },
    }
}
