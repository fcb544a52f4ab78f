//! Every client of a process in one place: to look at, and for Prometheus.

use crate::{Client, ClientSnapshot};
use orlop_breaker::{Circuit, State};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The clients and circuits of a process. Clones are the same catalogue.
///
/// It keeps what it shows alive, by name: one that is added under a name that is there already takes its place.
///
/// # Examples
///
/// ```
/// use orlop::{Catalogue, breaker::{Circuit, Settings}};
///
/// let catalogue = Catalogue::new();
/// catalogue.add_circuit("ratings", &Circuit::new(Settings::default()));
/// assert!(catalogue.prometheus().contains("orlop_circuit_state{circuit=\"ratings\",state=\"closed\"} 1"));
/// ```
#[derive(Clone, Default)]
pub struct Catalogue {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Default)]
struct Entries {
    clients: BTreeMap<Arc<str>, Client>,
    circuits: BTreeMap<Arc<str>, Circuit>,
}

impl Catalogue {
    /// Nothing in it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a client. [`ClientBuilder::catalogue`](crate::ClientBuilder::catalogue) does it, too.
    pub fn add(&self, client: &Client) {
        let name = client.snapshot().name;
        self.lock().clients.insert(name, client.clone());
    }

    /// Adds a circuit that belongs to no client.
    pub fn add_circuit(&self, name: impl Into<Arc<str>>, circuit: &Circuit) {
        self.lock().circuits.insert(name.into(), circuit.clone());
    }

    /// All clients, by name.
    pub fn clients(&self) -> Vec<ClientSnapshot> {
        // Looked at with the lock released: a client's own look may take a while.
        let clients: Vec<_> = self.lock().clients.values().cloned().collect();
        clients.iter().map(Client::snapshot).collect()
    }

    /// All circuits that belong to no client, by name.
    pub fn circuits(&self) -> Vec<(Arc<str>, Circuit)> {
        let entries = self.lock();
        entries.circuits.iter().map(|(name, circuit)| (name.clone(), circuit.clone())).collect()
    }

    /// All of it in Prometheus' text format, version 0.0.4.
    ///
    /// Labels are configured names and, here alone, endpoints: at most 64 of a client, those to prefer first.
    ///
    /// | metric | labels | |
    /// |---|---|---|
    /// | `orlop_client_calls_total` | client | calls |
    /// | `orlop_client_retries_total` | client, reason = unsent, paid, withheld | retries that cost nothing, that the budget paid, that it did not |
    /// | `orlop_client_failed_connects_total` | client | connections that could not be set up, before any call |
    /// | `orlop_client_stale_seconds` | client | age of the list of endpoints where discovery cannot be reached |
    /// | `orlop_endpoint_in_flight` | client, endpoint, zone | calls in flight |
    /// | `orlop_endpoint_refused_total` | client, endpoint, zone | calls that its gates refused while picking |
    /// | `orlop_endpoint_circuit_state` | client, endpoint, zone, state | 1 for the state it is in, 0 for the others |
    /// | `orlop_circuit_state` | circuit, state | the same for circuits of no client |
    pub fn prometheus(&self) -> String {
        let mut text = Text::default();
        let clients = self.clients();
        text.family("orlop_client_calls_total", "counter", "Calls.");
        for client in &clients {
            text.sample(&[("client", &client.name)], client.retries.calls as f64);
        }
        text.family(
            "orlop_client_retries_total",
            "counter",
            "Retries, by what they cost the budget.",
        );
        for client in &clients {
            let retries = &client.retries;
            for (reason, count) in
                [("unsent", retries.unsent), ("paid", retries.paid), ("withheld", retries.withheld)]
            {
                text.sample(&[("client", &client.name), ("reason", reason)], count as f64);
            }
        }
        text.family("orlop_client_failed_connects_total", "counter", "Connections not set up.");
        for client in &clients {
            text.sample(&[("client", &client.name)], client.failed_connects as f64);
        }
        text.family("orlop_client_stale_seconds", "gauge", "Age of the list of endpoints.");
        for client in &clients {
            if let Some(age) = client.stale_for {
                text.sample(&[("client", &client.name)], age.as_secs_f64());
            }
        }
        endpoints(&mut text, &clients);
        text.family("orlop_circuit_state", "gauge", "1 for the state that a circuit is in.");
        for (name, circuit) in self.circuits() {
            let now = circuit.state();
            for state in State::ALL {
                let labels = [("circuit", &*name), ("state", state.as_str())];
                text.sample(&labels, f64::from(u8::from(state == now)));
            }
        }
        text.out
    }

    // Guards the maps for a look or an insert.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Endpoints of a client that are shown: more would be more series than a label should have.
const SHOWN: usize = 64;

fn endpoints(text: &mut Text, clients: &[ClientSnapshot]) {
    let all = || {
        clients.iter().flat_map(|client| {
            client.endpoints.iter().take(SHOWN).map(move |endpoint| {
                let zone = endpoint.endpoint.zone().unwrap_or_default();
                let labels =
                    [("client", &*client.name), ("endpoint", endpoint.id.as_str()), ("zone", zone)];
                (labels, endpoint)
            })
        })
    };
    text.family("orlop_endpoint_in_flight", "gauge", "Calls in flight.");
    for (labels, endpoint) in all() {
        text.sample(&labels, endpoint.in_flight as f64);
    }
    text.family("orlop_endpoint_refused_total", "counter", "Calls refused while picking.");
    for (labels, endpoint) in all() {
        text.sample(&labels, endpoint.refused as f64);
    }
    text.family("orlop_endpoint_circuit_state", "gauge", "1 for the state that a circuit is in.");
    for ([client, id, zone], endpoint) in all() {
        let Some(now) = endpoint.circuit else { continue };
        for state in State::ALL {
            let labels = [client, id, zone, ("state", state.as_str())];
            text.sample(&labels, f64::from(u8::from(state == now)));
        }
    }
}

/// Prometheus' text format.
#[derive(Default)]
struct Text {
    out: String,
    family: &'static str,
}

impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        // Writing to a `String` does not fail.
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.out.push_str(self.family);
        for (index, (name, value)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.out, "{open}{name}=\"{value}\"");
        }
        let _ = writeln!(self.out, "}} {value}");
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.lock();
        f.debug_struct("Catalogue")
            .field("clients", &entries.clients.keys())
            .field("circuits", &entries.circuits.keys())
            .finish()
    }
}
