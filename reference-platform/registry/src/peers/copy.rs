//! What a registry does first: copy what a peer knows.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::registry::Shared;

/// How long to wait before asking all peers again.
const RETRY: Duration = Duration::from_secs(1);

/// Copies from the first peer that lets itself be read. Gives up after the settings' wait, in which the instances
/// register themselves; either way the registry may be read then.
pub(crate) async fn copy(registry: &Shared) {
    let copied = timeout(registry.settings.empty_wait, async {
        while !copy_from_any(registry).await {
            sleep(RETRY).await;
        }
    });
    // Late or not: whoever reads from now on finds all that can be known.
    let _ = copied.await;
    registry.open();
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
