//! `/circuits`: the circuits of an instance's clients, for those who watch the platform.

use orlop::breaker::State;
use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;

/// The circuits of one instance, by client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Circuits {
    /// One for each endpoint that a client knows.
    pub circuits: Vec<Circuit>,
}

/// One circuit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Circuit {
    /// The client, which is named after the service it calls.
    pub client: String,
    /// The endpoint.
    pub endpoint: String,
    /// `closed`, `open`, `half-open`, ..
    pub state: String,
}

impl Circuits {
    /// Those of this process's clients.
    pub fn of(ctx: &Ctx) -> Self {
        let mut circuits = Vec::new();
        for client in ctx.catalogue().clients() {
            for endpoint in client.endpoints {
                circuits.push(Circuit {
                    client: client.name.to_string(),
                    endpoint: endpoint.id.to_string(),
                    state: endpoint.circuit.map_or("none", State::as_str).to_owned(),
                });
            }
        }
        for (name, circuit) in ctx.catalogue().circuits() {
            let (client, endpoint) = name.split_once('/').unwrap_or(("", &name));
            circuits.push(Circuit {
                client: client.to_owned(),
                endpoint: endpoint.to_owned(),
                state: circuit.state().as_str().to_owned(),
            });
        }
        Self { circuits }
    }

    /// Where calls are refused or only probes go: the endpoint and the state.
    pub fn not_closed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.circuits
            .iter()
            .filter(|circuit| circuit.state != "closed")
            .map(|circuit| (circuit.endpoint.as_str(), circuit.state.as_str()))
    }
}
