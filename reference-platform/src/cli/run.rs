//! `platform run`: one instance in this process.

use tokio::signal::unix::{SignalKind, signal};

use super::Shared;
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::services;
use crate::supervisor::place;
use crate::topology::{Service, Zone};

/// Arguments of `platform run`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    shared: Shared,
    /// What to run
    #[arg(long)]
    service: Service,
    /// Where it stands: a, b or c
    #[arg(long)]
    zone: Zone,
    /// The process whose end is ours too; read before anything else, see `supervisor::orphan`
    #[arg(long, hide = true)]
    supervisor: Option<i32>,
}

/// Runs until SIGTERM or, without a supervisor, Ctrl-C.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let world = args.shared.world(place::read_secret(&args.shared.dir)?)?;
    let (service, zone) = (args.service, args.zone);
    let Some(me) = world.topology().of(service).find(|i| i.zone == zone) else {
        let text = format!("{service} does not stand in zone {zone}");
        return Err(Failure::usage(text));
    };
    let ctx = world.ctx(me.clone());
    // One thread an instance: there are more instances than processors.
    super::runtime(0)?.block_on(until_told(ctx))
}

async fn until_told(ctx: Ctx) -> Result<(), Failure> {
    let unheard = |e| Failure::failed(format!("cannot listen for signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let leave = ctx.leave().clone();
    let told = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        leave.start();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = services::run(ctx) => ended.map_err(|e| Failure::failed(e.to_string())),
        () = told => Ok(()),
    }
}
