//! Which instances there are, in which zone, at which address.
//!
//! | layout | zone a | zone b | zone c | port |
//! |---|---|---|---|---|
//! | zoned (default) | 127.0.1.1 | 127.0.2.1 | 127.0.3.1 | base + service |
//! | flat | 127.0.0.1 | 127.0.0.1 | 127.0.0.1 | base + service + 1000 a zone |
//! | simulated | 10.0.1.x | 10.0.2.x | 10.0.3.x | base + service; one host an instance |
//!
//! Linux answers on all of 127.0.0.0/8 without set-up; macOS only on 127.0.0.1, so it needs the flat layout.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where ports begin unless told otherwise.
pub const DEFAULT_PORT_BASE: u16 = 18_000;

/// A service of the graph. [`Member`](Self::Member) is who calls from outside: it is an end of edges, not an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Who is where: Eureka's wire protocol.
    Registry,
    /// Cached rows, by memcached's protocol.
    Evcache,
    /// May this member play this title: gRPC.
    Entitlement,
    /// Serves a title's bytes to those with a signed URL.
    Appliance,
    /// Rows made for one member.
    Personalization,
    /// Titles by words.
    Search,
    /// Rows that are the same for all, and `/home`.
    Browse,
    /// Starts a play.
    Playback,
    /// The way in.
    Gateway,
    /// The virtual members: they call, nothing calls them.
    Member,
}

/// A failure domain: one loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// 127.0.1.1
    A,
    /// 127.0.2.1
    B,
    /// 127.0.3.1
    C,
}

/// One process of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Instance {
    /// What it runs.
    pub service: Service,
    /// Where it stands.
    pub zone: Zone,
    /// `playback-a`: unique, and what `platform kill` takes.
    pub name: String,
    /// Where it listens. A member does not listen: port 0.
    pub addr: SocketAddr,
}

/// How zones become addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Layout {
    /// One loopback address a zone.
    #[default]
    Zoned,
    /// One address, 1000 ports a zone.
    Flat,
    /// One address an instance, for simulated hosts.
    Simulated,
}

/// All instances and their addresses; the same in every process that is given the same layout and port base.
#[derive(Debug, Clone)]
pub struct Topology {
    layout: Layout,
    port_base: u16,
    instances: Vec<Instance>,
}

// ===== impl Service =====

impl Service {
    /// Everything that runs, in the order it is started.
    pub const ALL: [Self; 9] = [
        Self::Registry,
        Self::Evcache,
        Self::Entitlement,
        Self::Appliance,
        Self::Personalization,
        Self::Search,
        Self::Browse,
        Self::Playback,
        Self::Gateway,
    ];

    /// Its name in `graph.toml`, in instance names and in the registry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Evcache => "evcache",
            Self::Entitlement => "entitlement",
            Self::Appliance => "appliance",
            Self::Personalization => "personalization",
            Self::Search => "search",
            Self::Browse => "browse",
            Self::Playback => "playback",
            Self::Gateway => "gateway",
            Self::Member => "member",
        }
    }

    /// The zones it stands in. What runs twice stands in a and b.
    pub const fn zones(self) -> &'static [Zone] {
        match self {
            Self::Entitlement | Self::Personalization => &[Zone::A, Zone::B],
            Self::Member => &[],
            _ => &[Zone::A, Zone::B, Zone::C],
        }
    }

    /// Whether it answers HTTP; the cache speaks memcached's protocol.
    pub const fn speaks_http(self) -> bool {
        !matches!(self, Self::Evcache | Self::Member)
    }

    /// Its place in [`ALL`](Self::ALL), which is also its offset from the port base.
    const fn offset(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = || Self::ALL.into_iter().chain([Self::Member]);
        all().find(|service| service.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = all().map(Self::as_str).collect();
            format!("no service is named `{text}`; there are {}", names.join(", "))
        })
    }
}

// ===== impl Zone =====

impl Zone {
    /// a, b, c.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// Its name: `a`, `b` or `c`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        }
    }

    const fn index(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|zone| zone.as_str() == text)
            .ok_or_else(|| format!("no zone is named `{text}`; there are a, b, c"))
    }
}

// ===== impl Topology =====

impl Topology {
    /// Places every instance.
    ///
    /// # Errors
    ///
    /// When the port base leaves no room: the text says what is allowed.
    pub fn new(layout: Layout, port_base: u16) -> Result<Self, String> {
        let span = match layout {
            Layout::Flat => 2_000 + Service::ALL.len() as u16,
            Layout::Zoned | Layout::Simulated => Service::ALL.len() as u16,
        };
        let highest = u16::MAX - span;
        if !(1024..=highest).contains(&port_base) {
            return Err(format!("the port base must be within 1024..={highest}, got {port_base}"));
        }
        let mut topology = Self { layout, port_base, instances: Vec::new() };
        for service in Service::ALL {
            for zone in service.zones() {
                let instance = topology.place(service, *zone, format!("{service}-{zone}"));
                topology.instances.push(instance);
            }
        }
        Ok(topology)
    }

    fn place(&self, service: Service, zone: Zone, name: String) -> Instance {
        let (z, offset) = (zone.index(), service.offset());
        let ip = match self.layout {
            Layout::Zoned => Ipv4Addr::new(127, 0, z + 1, 1),
            Layout::Flat => Ipv4Addr::LOCALHOST,
            Layout::Simulated => Ipv4Addr::new(10, 0, z + 1, offset as u8 + 1),
        };
        let port = match self.layout {
            Layout::Flat => self.port_base + offset + 1_000 * u16::from(z),
            Layout::Zoned | Layout::Simulated => self.port_base + offset,
        };
        Instance { service, zone, name, addr: SocketAddr::from((ip, port)) }
    }

    /// How zones become addresses here.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Where ports begin.
    pub const fn port_base(&self) -> u16 {
        self.port_base
    }

    /// Every instance, in the order they are started.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The instances of one service, zone a first.
    pub fn of(&self, service: Service) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(move |i| i.service == service)
    }

    /// The instances that stand in one zone.
    pub fn in_zone(&self, zone: Zone) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(move |i| i.zone == zone)
    }

    /// The instance with this name.
    pub fn named(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|i| i.name == name)
    }

    /// The instance that listens here.
    pub fn at(&self, addr: SocketAddr) -> Option<&Instance> {
        self.instances.iter().find(|i| i.addr == addr)
    }

    /// Somebody who calls and is not called: stands in `zone`, has no port.
    pub fn member(&self, zone: Zone) -> Instance {
        let mut member = self.place(Service::Member, zone, format!("member-{zone}"));
        member.addr.set_port(0);
        member
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_instance_has_an_address_and_a_name_of_its_own() {
        for layout in [Layout::Zoned, Layout::Flat, Layout::Simulated] {
            let topology = Topology::new(layout, DEFAULT_PORT_BASE).unwrap();
            let all = topology.instances();
            let addrs: HashSet<_> = all.iter().map(|i| i.addr).collect();
            let names: HashSet<_> = all.iter().map(|i| &i.name).collect();
            assert_eq!(all.len(), 7 * 3 + 2 * 2);
            assert_eq!(addrs.len(), all.len(), "{layout:?} gives one address twice");
            assert_eq!(names.len(), all.len());
        }
    }

    #[test]
    fn what_runs_twice_stands_in_zones_a_and_b() {
        let topology = Topology::new(Layout::Zoned, 20_000).unwrap();
        for service in Service::ALL {
            let zones: Vec<_> = topology.of(service).map(|i| i.zone).collect();
            if zones.len() == 2 {
                assert_eq!(zones, [Zone::A, Zone::B], "{service}");
            }
        }
        let playback = topology.named("playback-b").unwrap();
        assert_eq!(playback.addr.to_string(), "127.0.2.1:20007");
        assert_eq!(topology.at(playback.addr), Some(playback));
    }

    #[test]
    fn flat_zones_are_a_thousand_ports_apart() {
        let topology = Topology::new(Layout::Flat, 20_000).unwrap();
        let addrs: Vec<_> = topology.of(Service::Gateway).map(|i| i.addr.to_string()).collect();
        assert_eq!(addrs, ["127.0.0.1:20008", "127.0.0.1:21008", "127.0.0.1:22008"]);
    }

    #[test]
    fn impossible_port_base_is_refused_with_the_range() {
        let refused = Topology::new(Layout::Flat, 64_000).unwrap_err();
        assert!(refused.contains("1024..=63526") && refused.contains("64000"), "{refused}");
        assert!(Topology::new(Layout::Zoned, 80).is_err());
    }
}
