//! What a registry does first: copy what a peer knows.

use std::time::Duration;

use tokio::time::sleep;

use crate::shared::Shared;

/// How long to wait before asking all peers again.
const RETRY: Duration = Duration::from_secs(1);

/// Copies from the first peer that lets itself be read, and lets this registry be read then, or after the settings'
/// wait, in which the instances register themselves.
///
/// After the wait it keeps asking until it has copied once: where a registry starts cut off, that brings the two sides
/// together sooner than the instances' heartbeats do.
pub(crate) async fn copy(registry: &Shared) {
    let wait = async {
        sleep(registry.settings.empty_wait).await;
        registry.open();
    };
    let copy = async {
        while !registry.peers.is_empty() {
            if copy_from_any(registry).await {
                registry.open();
                return;
            }
            sleep(RETRY).await;
        }
    };
    tokio::join!(wait, copy);
}

async fn copy_from_any(registry: &Shared) -> bool {
    for peer in &registry.peers {
        // A peer that is not ready itself answers 403, which is an error.
        if let Ok(all) = peer.client.fetch_all().await {
            for info in all.applications.into_iter().flat_map(|app| app.instances) {
                registry.adopt(info);
            }
            return true;
        }
    }
    false
}
