//! A service registry that speaks Eureka's wire protocol and replicates to its peers.
pub use orlop_discovery_client as client;

mod http;
mod peers;
mod registry;
mod settings;
mod store;

pub use peers::PeerSnapshot;
pub use registry::{InstanceSnapshot, Registry, Snapshot};
pub use settings::Settings;
