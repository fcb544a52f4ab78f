//! Documents made of the store.

use std::collections::BTreeMap;

use orlop_discovery_client::eureka::wire::{Application, Applications, InstanceInfo, hashcode};
use tokio::time::Instant;

use super::{Key, Store};

/// The version of a document about virtual names, which are not versioned.
const UNVERSIONED: i64 = -1;

impl Store {
    /// Everything. Leases that are over are listed until they are evicted.
    pub(crate) fn all(&self) -> Applications {
        let apps = self.apps.iter().map(|(name, app)| {
            Application::new(name, app.values().map(|lease| lease.info.clone()).collect())
        });
        Applications::new(1, self.hashcode(), apps.collect())
    }

    /// What changed in the last three minutes, each as it is now, with the hash of everything.
    pub(crate) fn delta(&mut self, now: Instant) -> Applications {
        self.changes.sweep(now);
        let mut apps: BTreeMap<&str, BTreeMap<&str, InstanceInfo>> = BTreeMap::new();
        for (key, change) in self.changes.iter() {
            let Some(info) = change.gone.as_ref().or_else(|| self.info(key)) else { continue };
            let mut info = info.clone();
            info.action_type = Some(change.action);
            apps.entry(&key.app).or_default().insert(&key.id, info);
        }
        let apps = apps
            .into_iter()
            .map(|(name, app)| Application::new(name, app.into_values().collect()))
            .collect();
        let version = i64::try_from(self.revision()).unwrap_or(i64::MAX);
        Applications::new(version, self.hashcode(), apps)
    }

    /// The hash that clients compare.
    fn hashcode(&self) -> String {
        hashcode(self.leases().map(|lease| lease.info.status))
    }

    /// One application; `None` if it has no instances.
    pub(crate) fn app(&self, name: &str) -> Option<Application> {
        let name = name.to_uppercase();
        let app = self.apps.get(&name)?;
        Some(Application::new(name, app.values().map(|lease| lease.info.clone()).collect()))
    }

    /// One instance whose lease is not over.
    pub(crate) fn instance(&self, key: &Key, now: Instant) -> Option<&InstanceInfo> {
        self.lease(key).filter(|lease| !lease.is_over(now)).map(|lease| &lease.info)
    }

    /// One instance by its name alone.
    pub(crate) fn instance_anywhere(&self, id: &str, now: Instant) -> Option<&InstanceInfo> {
        let mut found = self.apps.values().filter_map(|app| app.get(id));
        found.find(|lease| !lease.is_over(now)).map(|lease| &lease.info)
    }

    /// The instances that answer to a virtual name, which is one of those between commas. Case matters.
    pub(crate) fn by_vip(&self, vip: &str, secure: bool) -> Applications {
        let answers = |info: &InstanceInfo| {
            let names = if secure { &info.secure_vip_address } else { &info.vip_address };
            names.as_deref().is_some_and(|names| names.split(',').any(|name| name.trim() == vip))
        };
        let apps: Vec<Application> = self
            .apps
            .iter()
            .map(|(name, app)| {
                let infos = app.values().map(|lease| &lease.info);
                Application::new(name, infos.filter(|info| answers(info)).cloned().collect())
            })
            .filter(|app| !app.instances.is_empty())
            .collect();
        let statuses = apps.iter().flat_map(|app| &app.instances).map(|info| info.status);
        Applications::new(UNVERSIONED, hashcode(statuses), apps)
    }
}
