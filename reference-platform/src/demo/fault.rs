//! The faults of the demo: what is broken, how it is seen to be broken, and how it is mended.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep, timeout};

use crate::failure::Failure;
use crate::supervisor::{State, Supervisor};
use crate::topology::{Instance, Service, Topology, Zone};

/// How long a signal may take to show.
const BITE: Duration = Duration::from_secs(5);

/// One fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its row in the table.
    pub name: &'static str,
    how: How,
    whom: Vec<Instance>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Kill,
    Freeze,
}

impl Fault {
    /// The faults with the layers on, in the order of the table.
    pub fn all(topology: &Topology) -> Vec<Self> {
        let of = |service| topology.of(service).cloned().collect::<Vec<_>>();
        let one = |service, zone| {
            topology.of(service).filter(|i| i.zone == zone).cloned().collect::<Vec<_>>()
        };
        let kill = |name, whom| Self { name, how: How::Kill, whom };
        let freeze = |name, whom| Self { name, how: How::Freeze, whom };
        vec![
            kill("personalization killed", of(Service::Personalization)),
            freeze("personalization frozen", of(Service::Personalization)),
            kill("cache of zone b killed", one(Service::Evcache, Zone::B)),
            kill("one registry killed", one(Service::Registry, Zone::A)),
            kill("all registries killed", of(Service::Registry)),
            freeze("one playback frozen", one(Service::Playback, Zone::B)),
            kill("one gateway killed", one(Service::Gateway, Zone::C)),
            kill("zone a killed", topology.in_zone(Zone::A).cloned().collect()),
        ]
    }

    /// The faults that are repeated with the layers off.
    pub fn for_contrast(topology: &Topology) -> Vec<Self> {
        let wanted = ["one playback frozen", "zone a killed", "personalization killed"];
        let mut all = Self::all(topology);
        wanted.iter().filter_map(|name| take(&mut all, name)).collect()
    }

    /// Breaks it, and returns once it is seen to be broken: the process stands still, or is gone and its port refuses.
    ///
    /// # Errors
    ///
    /// When it does not bite.
    pub async fn inject(&self, supervisor: &Supervisor) -> Result<(), Failure> {
        let hits = self.whom.iter().map(|instance| self.hit(supervisor, instance));
        try_join_all(hits).await.map(drop)
    }

    async fn hit(&self, supervisor: &Supervisor, instance: &Instance) -> Result<(), Failure> {
        let name = &instance.name;
        let wanted = match self.how {
            How::Kill => {
                supervisor.kill(name).await?;
                State::Dead
            }
            How::Freeze => {
                supervisor.freeze(name).await?;
                State::Frozen
            }
        };
        let bitten = async {
            while !self.bites(supervisor, instance, wanted).await {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(BITE, bitten).await.map_err(|_| {
            Failure::failed(format!(
                "the fault \"{}\" did not bite: {name} is not {wanted}",
                self.name
            ))
        })
    }

    async fn bites(&self, supervisor: &Supervisor, instance: &Instance, wanted: State) -> bool {
        let states = supervisor.statuses().await;
        let state = states.iter().find(|status| status.name == instance.name).map(|s| s.state);
        if state != Some(wanted) {
            return false;
        }
        // A frozen process keeps its port: connecting succeeds and nobody answers.
        self.how == How::Freeze || refuses(supervisor, instance).await
    }

    /// Whether it is still in force: nobody has come back by himself.
    ///
    /// # Errors
    ///
    /// When it is not, so that what was measured meanwhile means nothing.
    pub async fn still_bites(&self, supervisor: &Supervisor) -> Result<(), Failure> {
        let wanted = match self.how {
            How::Kill => State::Dead,
            How::Freeze => State::Frozen,
        };
        for instance in &self.whom {
            if !self.bites(supervisor, instance, wanted).await {
                let text = format!("the fault \"{}\" ended early: {}", self.name, instance.name);
                return Err(Failure::failed(text));
            }
        }
        Ok(())
    }

    /// Mends it: starts again or thaws. Returns once each instance answers.
    ///
    /// # Errors
    ///
    /// When one does not come back.
    pub async fn take_back(&self, supervisor: &Supervisor) -> Result<Instant, Failure> {
        let back = self.whom.iter().map(|instance| async {
            match self.how {
                How::Kill => supervisor.restart(&instance.name).await,
                How::Freeze => supervisor.thaw(&instance.name).await,
            }
        });
        let now = Instant::now();
        try_join_all(back).await?;
        Ok(now)
    }
}

fn take(all: &mut Vec<Fault>, name: &str) -> Option<Fault> {
    let index = all.iter().position(|fault| fault.name == name)?;
    Some(all.swap_remove(index))
}

async fn refuses(supervisor: &Supervisor, instance: &Instance) -> bool {
    let dialled = supervisor.world().net().dial(instance.addr).await;
    matches!(dialled, Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}
