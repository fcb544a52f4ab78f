//! Arguments that say where and how the graph runs, and what follows from them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::ctx::World;
use crate::failure::Failure;
use crate::graph::Graph;
use crate::settings::{PlatformSettings, Secret};
use crate::supervisor::place::Place;
use crate::supervisor::{Mode, Plan};
use crate::topology::{DEFAULT_PORT_BASE, Layout, Topology};

/// Where and how the graph runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Shared {
    /// All on 127.0.0.1, zones 1000 ports apart (for systems without 127.0.x.x)
    #[arg(long)]
    pub flat: bool,
    /// First port; services take the ones after it
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT_BASE)]
    pub port_base: u16,
    /// All instances in this process instead of one process each (they can be killed, not frozen)
    #[arg(long)]
    pub in_process: bool,
    /// Where logs, the secret and the control file go
    #[arg(long, value_name = "DIR", default_value = ".platform")]
    pub dir: PathBuf,
    /// Another graph than the built-in one
    #[arg(long, value_name = "FILE")]
    pub graph: Option<PathBuf>,
    /// Whether our layers protect the calls
    #[arg(long, value_name = "on|off", value_enum, default_value_t = Switch::On)]
    pub resilience: Switch,
    /// Where all randomness comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What the arguments come to, checked: the directory is ours and the ports are free.
#[derive(Debug)]
pub struct Setup {
    /// The directory; ours until this is dropped.
    pub place: Place,
    /// What to start.
    pub plan: Plan,
}

// ===== impl Shared =====

impl Shared {
    /// Reads the graph, claims the directory, checks the ports. Leaves nothing running when it fails.
    ///
    /// # Errors
    ///
    /// One line that says what to do: exit code 2.
    pub async fn set_up(&self) -> Result<Setup, Failure> {
        let place = Place::claim(&self.dir)?;
        let world = self.world(place.secret()?)?;
        crate::supervisor::ports::check(&world).await?;
        let mode = match self.in_process {
            true => Mode::Threads,
            false => Mode::Processes,
        };
        let program = std::env::current_exe()
            .map_err(|e| Failure::failed(format!("cannot tell where this program is: {e}")))?;
        let plan = Plan {
            world,
            mode,
            program,
            arguments: self.arguments(place.dir())?,
            logs: place.logs(),
        };
        Ok(Setup { place, plan })
    }

    /// The world these arguments describe, with the platform's secret.
    ///
    /// # Errors
    ///
    /// A graph or a port base that cannot be used: exit code 2.
    pub fn world(&self, secret: Secret) -> Result<World, Failure> {
        let layout = if self.flat { Layout::Flat } else { Layout::Zoned };
        let topology = Topology::new(layout, self.port_base)
            .map_err(|e| Failure::usage(format!("--port-base: {e}")))?;
        let graph = match &self.graph {
            Some(file) => Graph::read(file).map_err(|e| Failure::usage(format!("--graph: {e}")))?,
            None => Graph::embedded(),
        };
        let settings =
            PlatformSettings::new(self.seed, secret).with_resilience(self.resilience == Switch::On);
        Ok(World::new(topology, graph, settings))
    }

    /// The same arguments for a child, with paths that do not depend on the working directory.
    fn arguments(&self, dir: &Path) -> Result<Vec<OsString>, Failure> {
        let resilience = match self.resilience {
            Switch::On => "on",
            Switch::Off => "off",
        };
        let mut arguments: Vec<OsString> = vec![
            "--port-base".into(),
            self.port_base.to_string().into(),
            "--seed".into(),
            self.seed.to_string().into(),
            "--resilience".into(),
            resilience.into(),
            "--dir".into(),
            absolute(dir)?.into(),
        ];
        if self.flat {
            arguments.push("--flat".into());
        }
        if let Some(graph) = &self.graph {
            arguments.extend(["--graph".into(), absolute(graph)?.into()]);
        }
        Ok(arguments)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}
