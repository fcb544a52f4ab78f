//! What a registry does without being asked: evict, replicate, copy.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use futures_util::future::join_all;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{peers, shared::Shared};

/// More leases over than this share is rather the network: Eureka's `renewalPercentThreshold` of 0.85.
const SUSPICIOUS_PERCENT: usize = 15;

/// Works until the last handle is dropped.
pub(crate) async fn run(shared: Arc<Shared>, mut gone: watch::Receiver<()>, started: Instant) {
    let workers = join_all(shared.peers.iter().map(|peer| peers::work(&shared, peer)));
    let work = async { tokio::join!(workers, evict(&shared, started), peers::copy(&shared)) };
    tokio::select! {
        // Nothing is ever sent: this is the drop of the last handle.
        _ = gone.changed() => {}
        _ = work => {}
    }
}

async fn evict(shared: &Shared, started: Instant) {
    let tick = shared.settings.tick;
    let mut last = started;
    let mut suspicious_since = None;
    loop {
        sleep(tick).await;
        let now = shared.now();
        let late = now.instant.saturating_duration_since(last).saturating_sub(tick);
        last = now.instant;
        let mut store = shared.store();
        // This process stood still (stopped, or starved), and could hear no heartbeat.
        if late > tick {
            store.extend(late);
        }
        store.sweep(&now);
        let over = store.over(&now);
        let suspicious = over.len() * 100 > store.len() * SUSPICIOUS_PERCENT;
        let since = *suspicious_since.get_or_insert(now.instant);
        if !suspicious {
            suspicious_since = None;
        }
        let preserve = suspicious && now.instant - since < shared.settings.self_preservation;
        shared.preserving.store(preserve, Relaxed);
        if preserve {
            continue;
        }
        for key in &over {
            store.evict(key, &now);
        }
        shared.evicted.fetch_add(over.len() as u64, Relaxed);
    }
}
