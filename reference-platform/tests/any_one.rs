//! One process of each service, killed or frozen: play, search and browse answer at every other gateway.

use std::ffi::OsString;
use std::path::PathBuf;

use reference_platform::ctx::World;
use reference_platform::demo::load::{Judged, Member as _};
use reference_platform::demo::member::Members;
use reference_platform::demo::recovery::settled;
use reference_platform::demo::tally::{Outcome, Path};
use reference_platform::supervisor::place::Place;
use reference_platform::supervisor::{Mode, Plan, Progress, Supervisor};
use reference_platform::topology::Layout;
use reference_platform::{Ctx, Graph, Instance, PlatformSettings, Service, Topology, Zone};
use tokio::time::Instant;

const PORT_BASE: u16 = 24_000;
const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn play_search_and_browse_outlive_any_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::claim(dir.path()).unwrap();
    let supervisor = Supervisor::new(plan(&place)).unwrap();
    let outcome = broken_one_by_one(&supervisor).await;
    supervisor.stop_all().await.unwrap();
    if let Err(why) = outcome {
        panic!("seed {SEED}: {why}");
    }
}

async fn broken_one_by_one(supervisor: &Supervisor) -> Result<(), String> {
    let text = |failure: reference_platform::Failure| failure.to_string();
    supervisor.boot(&Progress::new()).await.map_err(text)?;
    let topology = supervisor.world().topology();
    let ctx = supervisor.world().ctx(topology.member(Zone::A));
    settled("the start", Instant::now(), supervisor, &ctx).await.map_err(text)?;

    warm(&ctx).await?;
    for service in Service::ALL {
        let Some(victim) = topology.of(service).find(|i| i.zone == Zone::B) else { continue };
        for freeze in [false, true] {
            let what = format!("{} {}", victim.name, if freeze { "frozen" } else { "killed" });
            match freeze {
                false => supervisor.kill(&victim.name).await,
                true => supervisor.freeze(&victim.name).await,
            }
            .map_err(text)?;
            let answers = everywhere_but(&ctx, victim, &what).await;
            match freeze {
                false => supervisor.restart(&victim.name).await,
                true => supervisor.thaw(&victim.name).await,
            }
            .map_err(text)?;
            answers?;
            // Circuits close by the calls that go on.
            let members = Members::new(&ctx).map_err(|error| error.to_string())?;
            let whole = settled(&what, Instant::now(), supervisor, &ctx);
            tokio::select! {
                settled = whole => drop(settled.map_err(text)?),
                () = calls(&members) => {}
            }
        }
    }
    Ok(())
}

/// First calls, whose answers do not count: in a debug build the first of each kind is slow.
async fn warm(ctx: &Ctx) -> Result<(), String> {
    for gateway in ctx.topology().of(Service::Gateway) {
        let members = Members::at(ctx, gateway).map_err(|error| error.to_string())?;
        for path in Path::ALL {
            for number in 0..6 {
                members.call(path, number).await;
            }
        }
    }
    Ok(())
}

/// Some calls of each critical path at every gateway but the victim.
async fn everywhere_but(ctx: &Ctx, victim: &Instance, what: &str) -> Result<(), String> {
    for gateway in ctx.topology().of(Service::Gateway).filter(|i| i.name != victim.name) {
        let members = Members::at(ctx, gateway).map_err(|error| error.to_string())?;
        for path in Path::ALL.into_iter().filter(|path| path.is_critical()) {
            for number in 0..6 {
                let Judged { outcome, .. } = members.call(path, number).await;
                if outcome != Outcome::Right {
                    let path = path.as_str();
                    return Err(format!("{what}: {path} at {}: {outcome:?}", gateway.name));
                }
            }
        }
    }
    Ok(())
}

/// Calls of all paths, for ever.
async fn calls(members: &Members) {
    for number in 0.. {
        for path in Path::ALL {
            members.call(path, number).await;
        }
    }
}

fn plan(place: &Place) -> Plan {
    let topology = Topology::new(Layout::Zoned, PORT_BASE).unwrap();
    let secret = place.secret().unwrap();
    let world = World::new(topology, Graph::embedded(), PlatformSettings::new(SEED, secret));
    let arguments: Vec<OsString> = vec![
        "--port-base".into(),
        PORT_BASE.to_string().into(),
        "--seed".into(),
        SEED.to_string().into(),
        "--dir".into(),
        place.dir().into(),
    ];
    Plan {
        world,
        mode: Mode::Processes,
        program: PathBuf::from(env!("CARGO_BIN_EXE_platform")),
        arguments,
        logs: place.logs(),
    }
}
