//! What changed in the last three minutes.

use std::{collections::HashMap, time::Duration};

use orlop_discovery_client::eureka::wire::{ActionType, InstanceInfo};
use tokio::time::Instant;

use super::Key;

/// The last change of each instance that changed lately.
#[derive(Debug, Default)]
pub(super) struct Changes {
    latest: HashMap<Key, Change>,
    revision: u64,
}

#[derive(Debug)]
pub(super) struct Change {
    at: Instant,
    pub(super) action: ActionType,
    /// What it was when it left; for one that is there, the store knows what it is.
    pub(super) gone: Option<InstanceInfo>,
    /// Whether it left by its own will; if not, its lease ran out.
    pub(super) cancelled: bool,
}

/// How far deltas reach back. Clients count on it: ours fetch everything after a gap of 150 s.
const WINDOW: Duration = Duration::from_secs(180);

impl Changes {
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn there(&mut self, key: &Key, action: ActionType, at: Instant) {
        self.put(key, Change { at, action, gone: None, cancelled: false });
    }

    pub(super) fn gone(&mut self, key: &Key, info: InstanceInfo, cancelled: bool, at: Instant) {
        self.put(key, Change { at, action: ActionType::Deleted, gone: Some(info), cancelled });
    }

    fn put(&mut self, key: &Key, change: Change) {
        self.latest.insert(key.clone(), change);
        self.revision += 1;
    }

    /// The instance's departure, if that is the last that was heard of it.
    pub(super) fn departure(&self, key: &Key) -> Option<&Change> {
        self.latest.get(key).filter(|change| change.gone.is_some())
    }

    /// Forgets what is out of the window.
    pub(super) fn sweep(&mut self, now: Instant) {
        let before = self.latest.len();
        self.latest.retain(|_, change| now.saturating_duration_since(change.at) < WINDOW);
        // The content of a delta has changed, and a client may look at nothing but its version.
        self.revision += u64::from(self.latest.len() != before);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Change)> {
        self.latest.iter()
    }
}
