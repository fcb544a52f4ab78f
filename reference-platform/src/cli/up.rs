//! `platform up`: starts the graph and keeps it running until told otherwise.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::{Setup, Shared, say};
use crate::failure::Failure;
use crate::supervisor::control::Control;
use crate::supervisor::{Progress, Supervisor};
use crate::topology::Service;

/// Starts everything and ends on Ctrl-C, SIGTERM, SIGHUP or `platform down`; nothing is left running then.
pub(super) fn up(shared: &Shared) -> Result<(), Failure> {
    super::runtime(2)?.block_on(async {
        let signalled =
            signalled().map_err(|e| Failure::failed(format!("cannot listen for signals: {e}")))?;
        let Setup { place, plan } = shared.set_up().await?;
        let supervisor = Supervisor::new(plan)?;
        let control = Control::start(&supervisor, &place).await?;
        let outcome = tokio::select! {
            outcome = stay(&supervisor, &control, shared) => outcome,
            name = signalled => {
                say(format_args!("{name}: ending every instance"));
                Ok(())
            }
        };
        // Whatever happened: nothing is left running, and only then is the one who asked told so.
        let stopped = supervisor.stop_all().await;
        control.finish(&stopped).await;
        outcome.and(stopped)
    })
}

/// Boots, prints, and ends when `platform down` asks for it.
async fn stay(supervisor: &Supervisor, control: &Control, shared: &Shared) -> Result<(), Failure> {
    let progress = Progress::new();
    tokio::select! {
        booted = supervisor.boot(&progress) => booted?,
        () = control.asked_down() => return Ok(()),
    }
    print_addresses(supervisor, shared);
    control.asked_down().await;
    Ok(())
}

fn print_addresses(supervisor: &Supervisor, shared: &Shared) {
    let topology = supervisor.world().topology();
    say(format_args!("{} instances are up", topology.instances().len()));
    let mut first = None;
    for gateway in topology.of(Service::Gateway) {
        say(format_args!("  {}  http://{}", gateway.name, gateway.addr));
        first = first.or(Some(gateway.addr));
    }
    if let Some(addr) = first {
        // As typed here: nothing puts this program on the path.
        let program = std::env::current_exe().unwrap_or_else(|_| "platform".into());
        let (program, dir) = (program.display(), shared.dir.display());
        say(format_args!("from another terminal, in this directory:"));
        say(format_args!("  p() {{ c=$1; shift; {program} $c --dir {dir} \"$@\"; }}"));
        say(format_args!(
            "  T=\"authorization: Bearer $(p token --seed {})\"",
            supervisor.world().settings().seed
        ));
        say(format_args!("  curl -s -H \"$T\" 'http://{addr}/search?q=harbour'"));
        say(format_args!("  curl -s -H \"$T\" http://{addr}/browse"));
        say(format_args!("  curl -s -H \"$T\" http://{addr}/home"));
        let json = "-H 'content-type: application/json' -d '{\"title\": \"t00042\"}'";
        say(format_args!("  curl -s -H \"$T\" -X PUT {json} http://{addr}/plays/1"));
        say("  p status; p freeze playback-b; p thaw playback-b; p down");
    }
}

/// Ends with the name of the first signal that asks this process to end: SIGINT, SIGTERM or SIGHUP. From the call on
/// these signals no longer end the process by themselves.
///
/// # Errors
///
/// When the handlers cannot be installed.
pub fn signalled() -> io::Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "interrupted",
            _ = terminate.recv() => "terminated",
            _ = hang_up.recv() => "the terminal is gone",
        }
    })
}
