//! What a registry knows, as this process has heard of it.

use std::collections::BTreeMap;

use super::wire::{ActionType, Applications, InstanceInfo, hashcode};

/// All instances, by application and name.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    apps: BTreeMap<String, BTreeMap<String, InstanceInfo>>,
}

impl View {
    /// What a full fetch says.
    pub(super) fn of(all: Applications) -> Self {
        let mut view = Self::default();
        for app in all.applications {
            let name = app.name.to_uppercase();
            for instance in app.instances {
                view.put(&name, instance);
            }
        }
        view
    }

    /// Applies a delta. It says what changed in some past window, so applying it twice does no harm.
    pub(super) fn apply(&mut self, delta: Applications) {
        for app in delta.applications {
            let name = app.name.to_uppercase();
            for instance in app.instances {
                if instance.action_type == Some(ActionType::Deleted) {
                    self.take(&name, &instance.instance_id);
                } else {
                    self.put(&name, instance);
                }
            }
        }
    }

    /// The hash that a registry gives with a delta, of what is known here.
    pub(super) fn hashcode(&self) -> String {
        hashcode(self.apps.values().flat_map(|app| app.values()).map(|instance| instance.status))
    }

    /// The names of the applications that have instances.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.apps.keys()
    }

    /// The instances of one application.
    pub(super) fn instances(&self, app: &str) -> impl Iterator<Item = &InstanceInfo> {
        self.apps.get(app).into_iter().flat_map(|app| app.values())
    }

    fn put(&mut self, app: &str, instance: InstanceInfo) {
        if !self.apps.contains_key(app) {
            self.apps.insert(app.to_owned(), BTreeMap::new());
        }
        if let Some(instances) = self.apps.get_mut(app) {
            instances.insert(instance.instance_id.clone(), instance);
        }
    }

    fn take(&mut self, app: &str, id: &str) {
        if let Some(instances) = self.apps.get_mut(app) {
            instances.remove(id);
            if instances.is_empty() {
                self.apps.remove(app);
            }
        }
    }
}
