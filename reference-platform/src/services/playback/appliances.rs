//! Which appliances a play may use.

use std::collections::BTreeMap;

use orlop_core::{Endpoint, Health};

use crate::topology::Zone;

/// So many appliances are named, each in a zone of its own: one zone may fail while the title runs.
const NAMED: usize = 2;

/// Appliances in different zones, the nearest first: our own zone, then the others, beginning at a place that depends on
/// the play so that they share what is not local. Of a zone's healthy appliances the play decides; degraded ones serve
/// where there is none.
pub(super) fn choose(listed: &[Endpoint], own: Zone, play: u64) -> Vec<(Zone, &Endpoint)> {
    let mut zones: BTreeMap<Zone, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in listed {
        let usable = matches!(endpoint.health(), Health::Healthy | Health::Degraded);
        if let Some(zone) = endpoint.zone().and_then(|zone| zone.parse().ok())
            && usable
        {
            zones.entry(zone).or_default().push(endpoint);
        }
    }
    let near = zones.remove_entry(&own);
    let mut far: Vec<_> = zones.into_iter().collect();
    if !far.is_empty() {
        let first = (play % far.len() as u64) as usize;
        far.rotate_left(first);
    }
    let zones = near.into_iter().chain(far).take(NAMED);
    zones.filter_map(|(zone, all)| Some((zone, one_of(all, play)?))).collect()
}

fn one_of(mut all: Vec<&Endpoint>, play: u64) -> Option<&Endpoint> {
    if all.iter().any(|endpoint| endpoint.health() == Health::Healthy) {
        all.retain(|endpoint| endpoint.health() == Health::Healthy);
    }
    // However the list is ordered, the play gets the same one.
    all.sort_by(|a, b| a.id().cmp(b.id()));
    // Other bits than those that chose the zone.
    let at = (play >> 32) % (all.len() as u64).max(1);
    all.get(at as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orlop_core::Addr;

    fn appliance(name: &str, zone: &str, health: Health) -> Endpoint {
        let addr = Addr::from(([127, 0, 0, 1], 9));
        Endpoint::builder(name, addr).zone(zone).health(health).build()
    }

    fn names(listed: &[Endpoint], own: Zone, play: u64) -> Vec<String> {
        let chosen = choose(listed, own, play);
        chosen.into_iter().map(|(_, endpoint)| endpoint.id().to_string()).collect()
    }

    #[test]
    fn two_zones_are_named_our_own_first() {
        let all = ["a", "b", "c"].map(|zone| appliance(zone, zone, Health::Healthy));
        assert_eq!(names(&all, Zone::B, 0), ["b", "a"]);
        assert_eq!(names(&all, Zone::B, 1), ["b", "c"]);
        assert_eq!(names(&all[..2], Zone::C, 0), ["a", "b"], "none at home");
        assert_eq!(names(&all[..2], Zone::C, 1), ["b", "a"]);
        assert_eq!(names(&all[..1], Zone::C, 5), ["a"], "one zone is all there is");
        assert!(names(&[], Zone::A, 0).is_empty());
    }

    #[test]
    fn health_decides_before_the_play_does() {
        let all = [
            appliance("a1", "a", Health::Unhealthy),
            appliance("a2", "a", Health::Draining),
            appliance("b1", "b", Health::Degraded),
            appliance("b2", "b", Health::Healthy),
            appliance("c1", "c", Health::Degraded),
            appliance("x", "moon", Health::Healthy),
        ];
        for play in (0..20).map(|n| n << 32) {
            assert_eq!(names(&all, Zone::A, play), ["b2", "c1"]);
        }
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let mut all: Vec<_> = ["a1", "a2", "a3", "b1", "b2"]
            .map(|name| appliance(name, &name[..1], Health::Healthy))
            .into();
        let before: Vec<_> = (0..9).map(|n| names(&all, Zone::A, n << 32)).collect();
        all.reverse();
        let after: Vec<_> = (0..9).map(|n| names(&all, Zone::A, n << 32)).collect();
        assert_eq!(before, after);
        assert_ne!(before[0], before[1], "plays share a zone's appliances");
    }
}
