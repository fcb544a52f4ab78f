//! Several peers under one dial function.

use std::{collections::BTreeMap, future::Future, io, sync::Arc};

use orlop_core::Endpoint;
use tokio::io::DuplexStream;

use super::support::Peer;

/// Peers by endpoint id.
#[derive(Clone, Default)]
pub struct Net(pub Arc<BTreeMap<String, Peer>>);

impl Net {
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Arc::new(names.into_iter().map(|name| (name.to_owned(), Peer::new())).collect()))
    }

    pub fn peer(&self, name: &str) -> &Peer {
        &self.0[name]
    }

    pub fn dial(
        &self,
    ) -> impl Fn(
        &Endpoint,
    ) -> std::pin::Pin<Box<dyn Future<Output = io::Result<DuplexStream>> + Send>>
    + Send
    + Sync
    + use<> {
        let net = self.clone();
        move |endpoint: &Endpoint| {
            let peer = net.peer(endpoint.id().as_str()).clone();
            Box::pin(async move { peer.dial(1024) })
        }
    }
}
