//! What changes the store.

use std::{collections::BTreeMap, time::Duration};

use orlop_discovery_client::eureka::wire::{ActionType, InstanceInfo, InstanceStatus};

use super::{Key, Lease, Now, OVERRIDE_TTL, Origin, Store, rules};

/// What a heartbeat says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beat {
    /// The sender's last dirty timestamp.
    pub(crate) dirty: Option<u64>,
    /// The override that a peer knows.
    pub(crate) overridden: Option<InstanceStatus>,
}

/// What became of a heartbeat.
#[derive(Debug)]
pub(crate) enum Beaten {
    Renewed,
    /// Not here, or not in its newest state: register.
    Unknown,
    /// A peer has an older state than this.
    Newer(Box<InstanceInfo>),
}

/// The registry holds as many instances as it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

impl Store {
    /// Takes an instance, or its newer state.
    pub(crate) fn register(
        &mut self,
        mut info: InstanceInfo,
        origin: Origin,
        now: &Now,
    ) -> Result<(), Full> {
        let key = Key::new(&info.app, &info.instance_id);
        if self.lease(&key).is_none() && self.instances >= self.max_instances {
            return Err(Full);
        }
        if info.last_dirty_timestamp == 0 {
            info.last_dirty_timestamp = now.millis;
        }
        if !self.after_departure(&key, &mut info, origin) {
            return Ok(());
        }
        let mut existing = None;
        if let Some(lease) = self.lease(&key) {
            existing = Some(lease.info.status);
            info.lease_info.service_up_timestamp = lease.info.lease_info.service_up_timestamp;
            // The newer state stays; at equal times the one that comes last.
            if lease.info.last_dirty_timestamp > info.last_dirty_timestamp {
                info = lease.info.clone();
            }
        } else {
            info.lease_info.service_up_timestamp = 0;
        }
        let mut overridden = self.overridden(&key, now.instant);
        if overridden.is_none() && info.overridden_status != InstanceStatus::Unknown {
            overridden = Some(info.overridden_status);
            self.override_with(&key, info.overridden_status, now.instant);
        }
        info.overridden_status = overridden.unwrap_or_default();
        info.status = rules::status(info.status, overridden, existing, origin);
        touch(&mut info, ActionType::Added, now);
        self.insert(&key, Lease::new(info, now));
        self.changes.there(&key, ActionType::Added, now.instant);
        Ok(())
    }

    /// Whether a registration counts, given that the instance may just have left.
    ///
    /// A heartbeat that is under way between two peers while the instance leaves at one of them makes the other register
    /// it again. So a peer must bring a state that is newer than what left. The instance itself may come back
    /// with the same state; it then gets a newer time, so that the peers take it too.
    fn after_departure(&self, key: &Key, info: &mut InstanceInfo, origin: Origin) -> bool {
        let Some(change) = self.changes.departure(key).filter(|change| change.cancelled) else {
            return true;
        };
        let left = change.gone.as_ref().map_or(0, |gone| gone.last_dirty_timestamp);
        match origin {
            Origin::Peer => info.last_dirty_timestamp > left,
            Origin::Client => {
                info.last_dirty_timestamp = info.last_dirty_timestamp.max(left.saturating_add(1));
                true
            }
        }
    }

    /// Ends a lease. False if there was none.
    pub(crate) fn cancel(&mut self, key: &Key, now: &Now) -> bool {
        self.depart(key, true, now)
    }

    fn depart(&mut self, key: &Key, cancelled: bool, now: &Now) -> bool {
        let Some(lease) = self.remove(key) else { return false };
        let mut info = lease.info;
        touch(&mut info, ActionType::Deleted, now);
        if !cancelled {
            info.lease_info.eviction_timestamp = now.millis;
        }
        self.changes.gone(key, info, cancelled, now.instant);
        true
    }

    /// Renews a lease.
    pub(crate) fn heartbeat(&mut self, key: &Key, beat: Beat, origin: Origin, now: &Now) -> Beaten {
        let overridden = self.overridden(key, now.instant);
        let Some(lease) = self.lease_mut(key) else { return Beaten::Unknown };
        let held = lease.info.status;
        let status = rules::status(held, overridden, Some(held), origin);
        // An operator has just taken an override back: only the instance knows what it is now.
        if status == InstanceStatus::Unknown {
            return Beaten::Unknown;
        }
        lease.renew(now);
        let stored = lease.info.last_dirty_timestamp;
        if status != held {
            lease.info.status = status;
            touch(&mut lease.info, ActionType::Modified, now);
            // Netflix's server does not say so in deltas, and all clients fetch everything.
            self.changes.there(key, ActionType::Modified, now.instant);
        }
        match beat.dirty {
            Some(dirty) if dirty > stored => {
                let theirs = beat.overridden.filter(|status| *status != InstanceStatus::Unknown);
                if let (Origin::Peer, Some(theirs)) = (origin, theirs) {
                    self.override_with(key, theirs, now.instant);
                }
                Beaten::Unknown
            }
            Some(dirty) if dirty < stored && origin == Origin::Peer => match self.info(key) {
                Some(info) => Beaten::Newer(Box::new(info.clone())),
                None => Beaten::Unknown,
            },
            _ => Beaten::Renewed,
        }
    }

    /// Overrides the status of an instance. False if it is not there.
    pub(crate) fn set_status(
        &mut self,
        key: &Key,
        status: InstanceStatus,
        dirty: Option<u64>,
        now: &Now,
    ) -> bool {
        let Some(lease) = self.lease_mut(key) else { return false };
        lease.renew(now);
        if lease.info.status == status {
            return true;
        }
        lease.info.overridden_status = status;
        self.override_with(key, status, now.instant);
        self.change_status(key, status, dirty, now);
        true
    }

    /// Takes back an override, after which the instance is `status` until it says otherwise. False if it is not there.
    pub(crate) fn clear_status(
        &mut self,
        key: &Key,
        status: InstanceStatus,
        dirty: Option<u64>,
        now: &Now,
    ) -> bool {
        let Some(lease) = self.lease_mut(key) else { return false };
        lease.renew(now);
        lease.info.overridden_status = InstanceStatus::Unknown;
        if self.overrides.remove(key).is_some() {
            self.change_status(key, status, dirty, now);
        }
        true
    }

    fn change_status(&mut self, key: &Key, status: InstanceStatus, dirty: Option<u64>, now: &Now) {
        let Some(lease) = self.lease_mut(key) else { return };
        let info = &mut lease.info;
        info.status = status;
        info.last_dirty_timestamp = info.last_dirty_timestamp.max(dirty.unwrap_or(0));
        touch(info, ActionType::Modified, now);
        self.changes.there(key, ActionType::Modified, now.instant);
    }

    /// Adds to the metadata of an instance, which is like registering it again. False if it is not there.
    pub(crate) fn add_metadata(
        &mut self,
        key: &Key,
        entries: BTreeMap<String, String>,
        now: &Now,
    ) -> bool {
        let Some(lease) = self.lease_mut(key) else { return false };
        lease.renew(now);
        lease.info.metadata.extend(entries);
        // Newer, so that a peer's older state does not win over it.
        let dirty = &mut lease.info.last_dirty_timestamp;
        *dirty = dirty.saturating_add(1);
        touch(&mut lease.info, ActionType::Added, now);
        self.changes.there(key, ActionType::Added, now.instant);
        true
    }

    /// The instances whose lease is over.
    pub(crate) fn over(&self, now: &Now) -> Vec<Key> {
        self.leases()
            .filter(|lease| lease.is_over(now.instant))
            .map(|lease| Key::new(&lease.info.app, &lease.info.instance_id))
            .collect()
    }

    /// Removes an instance whose lease is over.
    pub(crate) fn evict(&mut self, key: &Key, now: &Now) {
        if self.lease(key).is_some_and(|lease| lease.is_over(now.instant)) {
            self.depart(key, false, now);
        }
    }

    /// Forgets old changes and overrides.
    pub(crate) fn sweep(&mut self, now: &Now) {
        self.changes.sweep(now.instant);
        self.overrides
            .retain(|_, entry| now.instant.saturating_duration_since(entry.used) < OVERRIDE_TTL);
    }

    /// Gives every lease back the time in which this registry stood still.
    pub(crate) fn extend(&mut self, lost: Duration) {
        for lease in self.apps.values_mut().flat_map(|app| app.values_mut()) {
            lease.extend(lost);
        }
    }
}

fn touch(info: &mut InstanceInfo, action: ActionType, now: &Now) {
    info.action_type = Some(action);
    info.last_updated_timestamp = now.millis;
    if info.status == InstanceStatus::Up && info.lease_info.service_up_timestamp == 0 {
        info.lease_info.service_up_timestamp = now.millis;
    }
}
