//! Not believing a registry that suddenly has lost most of an application.
//!
//! ```text
//!            fewer than half gone: removed at once
//!   listed --------------------------------------------> gone
//!      |  ^                                                ^
//!      |  '---------- listed again ----------.             |
//!      '-- more than half gone at once --> held -- one lease later, still gone
//! ```
//!
//! A registry that restarted, or that was cut off from those who send heartbeats, lists few instances or none, and
//! listing none is the one answer that a client cannot survive. An endpoint that is really gone is left to the gates
//! meanwhile: its circuit opens. Netflix's clients take whatever a registry says; the rule here is ours.

use std::{collections::BTreeMap, time::Duration};

use orlop_core::{Endpoint, EndpointId};
use tokio::time::Instant;

use crate::diff::Set;

/// The endpoints of one application as they are told to watches.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold {
    listed: Set,
    /// Those of `listed` that the registry no longer lists, and since when.
    held: BTreeMap<EndpointId, Instant>,
}

impl Hold {
    pub(super) fn listed(&self) -> &Set {
        &self.listed
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Nothing listed, nothing held.
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Takes what a registry lists at `now`. True if what is told to watches changed.
    pub(super) fn apply(&mut self, fresh: Set, lease: Duration, now: Instant) -> bool {
        let mut changed = false;
        let confirmed = self.listed.len() - self.held.len();
        let newly_gone: Vec<EndpointId> = self
            .listed
            .keys()
            .filter(|id| !fresh.contains_key(*id) && !self.held.contains_key(*id))
            .cloned()
            .collect();
        if confirmed >= 2 && newly_gone.len() * 2 > confirmed {
            self.held.extend(newly_gone.into_iter().map(|id| (id, now)));
        } else {
            for id in newly_gone {
                changed |= self.listed.remove(&id).is_some();
            }
        }
        self.held.retain(|id, since| {
            if fresh.contains_key(id) {
                return false;
            }
            let over = now.duration_since(*since) >= lease;
            if over {
                changed |= self.listed.remove(id).is_some();
            }
            !over
        });
        for (id, endpoint) in fresh {
            changed |= self.put(id, endpoint);
        }
        changed
    }

    fn put(&mut self, id: EndpointId, endpoint: Endpoint) -> bool {
        // An equal endpoint keeps its allocation, which is what makes comparing sets cheap.
        if self.listed.get(&id) == Some(&endpoint) {
            return false;
        }
        self.listed.insert(id, endpoint);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn set(ids: &[&str]) -> Set {
        ids.iter()
            .map(|id| (EndpointId::from(*id), Endpoint::new(*id, ([127, 0, 0, 1], 80))))
            .collect()
    }

    fn ids(hold: &Hold) -> Vec<&str> {
        hold.listed().keys().map(EndpointId::as_str).collect()
    }

    #[test]
    fn half_may_leave_at_once() {
        let now = Instant::now();
        let mut hold = Hold::default();
        assert!(hold.apply(set(&["a", "b"]), LEASE, now));
        assert!(hold.apply(set(&["b"]), LEASE, now), "one of two is not more than half");
        assert_eq!(ids(&hold), ["b"]);
        assert!(hold.apply(set(&[]), LEASE, now), "an application of one is not protected");
        assert!(hold.is_empty());
    }

    #[test]
    fn more_than_half_is_held_for_one_lease() {
        let now = Instant::now();
        let mut hold = Hold::default();
        hold.apply(set(&["a", "b", "c"]), LEASE, now);
        assert!(!hold.apply(set(&["a"]), LEASE, now));
        assert_eq!((ids(&hold), hold.held()), (vec!["a", "b", "c"], 2));
        assert!(!hold.apply(set(&["a"]), LEASE, now + LEASE - Duration::from_millis(1)));
        assert!(hold.apply(set(&["a"]), LEASE, now + LEASE));
        assert_eq!((ids(&hold), hold.held()), (vec!["a"], 0));
    }

    #[test]
    fn additions_come_through_a_hold_and_do_not_end_it() {
        let now = Instant::now();
        let mut hold = Hold::default();
        hold.apply(set(&["a", "b"]), LEASE, now);
        assert!(hold.apply(set(&["c", "d", "e"]), LEASE, now));
        assert_eq!(ids(&hold), ["a", "b", "c", "d", "e"]);
        // Two of five would be less than half, but these two were held already.
        assert!(!hold.apply(set(&["c", "d", "e"]), LEASE, now + LEASE / 2));
        assert!(hold.apply(set(&["c", "d", "e"]), LEASE, now + LEASE));
        assert_eq!(ids(&hold), ["c", "d", "e"]);
    }

    #[test]
    fn an_endpoint_that_comes_back_starts_anew() {
        let now = Instant::now();
        let mut hold = Hold::default();
        hold.apply(set(&["a", "b"]), LEASE, now);
        hold.apply(set(&[]), LEASE, now);
        hold.apply(set(&["a", "b"]), LEASE, now + LEASE / 2);
        assert_eq!(hold.held(), 0);
        hold.apply(set(&[]), LEASE, now + LEASE);
        assert_eq!(ids(&hold), ["a", "b"], "the second loss is held for a lease of its own");
    }

    #[test]
    fn a_changed_address_is_a_change() {
        let now = Instant::now();
        let mut hold = Hold::default();
        hold.apply(set(&["a"]), LEASE, now);
        assert!(!hold.apply(set(&["a"]), LEASE, now));
        let moved = [("a".into(), Endpoint::new("a", ([127, 0, 0, 2], 80)))].into();
        assert!(hold.apply(moved, LEASE, now));
    }
}
