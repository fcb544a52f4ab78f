//! Who may call whom, how, and what happens when that fails: `graph.toml`.
//!
//! Every service has a tier: 0 is what play, search and navigation need, 2 is what is nice to have. A critical edge
//! never points to a higher number, so what must work cannot depend on what may fail.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::topology::Service;

/// The graph that is built in.
const EMBEDDED: &str = include_str!("../graph.toml");

/// The declared edges, checked.
#[derive(Debug, Clone)]
pub struct Graph {
    tiers: BTreeMap<Service, u8>,
    edges: Vec<Edge>,
}

/// One declared edge: `from` may call `to`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Edge {
    /// Who calls.
    pub from: Service,
    /// Who is called.
    pub to: Service,
    /// Whether `from` cannot answer without it.
    pub critical: bool,
    /// What they speak.
    pub protocol: Protocol,
    /// What `from` does instead when the call fails; critical edges have none.
    pub fallback: Option<String>,
    /// How calls on it are treated.
    pub client: orlop::Settings,
}

/// What two services speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/2 with JSON or bytes.
    Http,
    /// gRPC over HTTP/2; the status comes in trailers.
    Grpc,
    /// memcached's text protocol.
    Memcached,
    /// Eureka v2 over HTTP, with addresses that are known beforehand.
    Eureka,
}

/// Why a graph is refused: one line that says where and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tiers: BTreeMap<String, u8>,
    #[serde(default)]
    edge: Vec<Declared>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    from: Names,
    to: String,
    critical: bool,
    protocol: Protocol,
    fallback: Option<String>,
    #[serde(default)]
    client: orlop::Settings,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

// ===== impl Graph =====

impl Graph {
    /// The graph that is built in.
    ///
    /// # Panics
    ///
    /// Never: a test reads the same text.
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED).expect("the built-in graph.toml is checked by a test")
    }

    /// Reads a graph from a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is refused; the text names the file.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        let at = |what: &dyn fmt::Display| GraphError(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| at(&e))?;
        Self::parse(&text).map_err(|e| at(&e))
    }

    /// Reads a graph from text and checks it.
    ///
    /// # Errors
    ///
    /// For a name that is no service, a service without a tier, an edge declared twice, and a critical edge that points
    /// to a higher tier.
    pub fn parse(text: &str) -> Result<Self, GraphError> {
        let file: File = toml::from_str(text).map_err(|e| GraphError(one_line(&e)))?;
        let mut graph = Self { tiers: tiers(&file.tiers)?, edges: Vec::new() };
        for declared in file.edge {
            graph.declare(declared)?;
        }
        Ok(graph)
    }

    fn declare(&mut self, declared: Declared) -> Result<(), GraphError> {
        let froms = match declared.from {
            Names::One(name) => vec![name],
            Names::Several(names) => names,
        };
        for from in froms {
            let edge = Edge {
                from: service(&from, "edge.from")?,
                to: service(&declared.to, "edge.to")?,
                critical: declared.critical,
                protocol: declared.protocol,
                fallback: declared.fallback.clone(),
                client: declared.client.clone(),
            };
            self.check(&edge)?;
            self.edges.push(edge);
        }
        Ok(())
    }

    fn check(&self, edge: &Edge) -> Result<(), GraphError> {
        let Edge { from, to, .. } = edge;
        if *to == Service::Member {
            let text = format!("edge {from} -> {to}: nothing can call a member");
            return Err(GraphError(text));
        }
        if self.edge(*from, *to).is_some() {
            let text = format!("edge {from} -> {to} is declared twice: keep one");
            return Err(GraphError(text));
        }
        let (low, high) = (self.tier(*from), self.tier(*to));
        if edge.critical && high > low {
            return Err(GraphError(format!(
                "edge {from} -> {to} is critical, but {from} is in tier {low} and {to} in tier {high}: \
                 a critical edge never points to a higher tier; make it optional with a fallback"
            )));
        }
        Ok(())
    }

    /// The declared edge between two services.
    pub fn edge(&self, from: Service, to: Service) -> Option<&Edge> {
        self.edges.iter().find(|e| e.from == from && e.to == to)
    }

    /// All declared edges.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// A service's tier: 0 critical, 1 supporting, 2 nice to have.
    pub fn tier(&self, service: Service) -> u8 {
        // Every service has one: `tiers` refuses a graph where one is missing.
        self.tiers.get(&service).copied().unwrap_or(u8::MAX)
    }

    /// Everything that `service` cannot answer without, itself first.
    pub fn depends_on(&self, service: Service) -> Vec<Service> {
        let mut found = vec![service];
        let mut next = 0;
        while let Some(from) = found.get(next).copied() {
            for edge in self.edges.iter().filter(|e| e.critical && e.from == from) {
                if !found.contains(&edge.to) {
                    found.push(edge.to);
                }
            }
            next += 1;
        }
        found
    }
}

fn tiers(named: &BTreeMap<String, u8>) -> Result<BTreeMap<Service, u8>, GraphError> {
    let mut tiers = BTreeMap::new();
    for (name, tier) in named {
        if *tier > 2 {
            let text = format!("tiers.{name} must be within 0..=2, got {tier}");
            return Err(GraphError(text));
        }
        tiers.insert(service(name, "tiers")?, *tier);
    }
    let mut all = Service::ALL.into_iter().chain([Service::Member]);
    match all.find(|service| !tiers.contains_key(service)) {
        Some(missing) => Err(GraphError(format!(
            "tiers.{missing} is missing: give {missing} a tier from 0 to 2"
        ))),
        None => Ok(tiers),
    }
}

fn service(name: &str, place: &str) -> Result<Service, GraphError> {
    name.parse().map_err(|e| GraphError(format!("{place}: {e}")))
}

/// TOML's errors draw the line that is wrong, over several lines; a command's answer is one line.
fn one_line(error: &toml::de::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

// ===== impl GraphError =====

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GraphError {}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [Service; 3] = [Service::Playback, Service::Search, Service::Browse];

    #[test]
    fn play_search_and_browse_need_nothing_of_a_higher_tier() {
        let graph = Graph::embedded();
        for path in PATHS {
            assert_eq!(graph.tier(path), 0);
            for needed in graph.depends_on(path) {
                let tier = graph.tier(needed);
                assert_eq!(tier, 0, "{path} needs {needed}, which is in tier {tier}");
            }
            let gateway = graph.edge(Service::Gateway, path);
            assert!(gateway.is_some_and(|e| e.critical), "gateway -> {path}");
        }
        let home = graph.depends_on(Service::Browse);
        assert_eq!(home, [Service::Browse], "navigation answers alone");
    }

    #[test]
    fn every_service_reaches_the_registry_and_can_do_without() {
        let graph = Graph::embedded();
        for service in Service::ALL {
            let edge = graph.edge(service, Service::Registry).unwrap();
            assert!(!edge.critical, "{service}");
            assert_eq!(edge.protocol, Protocol::Eureka);
        }
    }

    #[test]
    fn optional_edges_have_a_fallback_and_critical_ones_have_settings() {
        for edge in Graph::embedded().edges() {
            let (from, to) = (edge.from, edge.to);
            assert_ne!(edge.critical, edge.fallback.is_some(), "{from} -> {to}");
            assert!(edge.client.limit.is_some(), "{from} -> {to}");
            if matches!(edge.protocol, Protocol::Http | Protocol::Grpc) {
                assert!(edge.client.retry.timeout.is_some(), "{from} -> {to}");
                assert!(edge.client.retry.attempt_timeout.is_some(), "{from} -> {to}");
            }
        }
    }

    fn with(edge: &str) -> GraphError {
        let tiers = EMBEDDED.split("[[edge]]").next().unwrap();
        Graph::parse(&format!("{tiers}\n{edge}")).unwrap_err()
    }

    #[test]
    fn critical_edge_to_a_higher_tier_is_refused() {
        let refused = with(
            "[[edge]]\nfrom = 'browse'\nto = 'personalization'\ncritical = true\nprotocol = 'http'",
        );
        assert_eq!(
            refused.to_string(),
            "edge browse -> personalization is critical, but browse is in tier 0 and personalization in tier 2: \
             a critical edge never points to a higher tier; make it optional with a fallback"
        );
    }

    #[test]
    fn unknown_names_fields_and_doubles_are_refused() {
        let edge = |from: &str, rest: &str| {
            format!(
                "[[edge]]\nfrom = {from}\nto = 'search'\ncritical = true\nprotocol = 'http'\n{rest}"
            )
        };
        let said = with(&edge("'recommendations'", "")).to_string();
        assert!(
            said.starts_with(
                "edge.from: no service is named `recommendations`; there are registry,"
            ),
            "{said}"
        );
        let said = with(&edge("['gateway', 'gateway']", "")).to_string();
        assert_eq!(said, "edge gateway -> search is declared twice: keep one");
        let said = with(&edge("'gateway'", "timeout = 3")).to_string();
        assert!(said.contains("unknown field `timeout`"), "{said}");
        assert!(!said.contains('\n'), "one line: {said}");
    }

    #[test]
    fn service_without_a_tier_is_refused() {
        let said = Graph::parse("[tiers]\ngateway = 0").unwrap_err().to_string();
        assert!(said.contains("is missing"), "{said}");
        let said = Graph::parse("[tiers]\ngateway = 3").unwrap_err().to_string();
        assert_eq!(said, "tiers.gateway must be within 0..=2, got 3");
    }
}
