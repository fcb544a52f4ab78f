//! Sends one peer what it has not been told.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use orlop_discovery_client::eureka::wire::{
    ReplicationAction, ReplicationList, ReplicationResponse,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Peer, queue::Task, registration};
use crate::{shared::Shared, store::Key};

/// After a failure: this, doubling up to the second.
const BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// Works for one peer, for ever.
pub(crate) async fn work(registry: &Shared, peer: &Peer) {
    let mut back_off = BACK_OFF;
    loop {
        due(peer, registry.settings.batch_delay).await;
        let batch = peer.queue().take(Instant::now());
        if batch.is_empty() {
            continue;
        }
        let list = ReplicationList::new(batch.iter().map(|task| task.item.clone()).collect());
        match peer.client.replicate(&list).await {
            Ok(answers) if answers.response_list.len() == batch.len() => {
                peer.sent.fetch_add(batch.len() as u64, Relaxed);
                back_off = BACK_OFF;
                for (task, answer) in batch.into_iter().zip(answers.response_list) {
                    react(registry, peer, &task, answer);
                }
            }
            // Nobody knows which answer is whose. It was told, so it is not told again.
            Ok(_) => drop(peer.failed.fetch_add(1, Relaxed)),
            Err(_) => {
                peer.failed.fetch_add(1, Relaxed);
                peer.queue().put_back(batch);
                sleep(back_off).await;
                back_off = (back_off * 2).min(LONGEST_BACK_OFF);
            }
        }
    }
}

/// Waits until a batch should go.
async fn due(peer: &Peer, delay: Duration) {
    loop {
        let due = peer.queue().due(delay);
        match due {
            None => peer.grown.notified().await,
            Some(at) if at <= Instant::now() => return,
            Some(at) => tokio::select! {
                () = sleep_until(at) => return,
                () = peer.grown.notified() => {}
            },
        }
    }
}

fn react(registry: &Shared, peer: &Peer, task: &Task, answer: ReplicationResponse) {
    if task.item.action != ReplicationAction::Heartbeat {
        return;
    }
    let key = Key::new(&task.item.app_name, &task.item.id);
    match answer.status_code {
        // The peer does not know the instance, or not its newest state.
        404 => {
            let store = registry.store();
            if let Some(info) = store.info(&key) {
                let (item, ttl) = registration(info);
                peer.tell(item, ttl);
            }
        }
        409 => {
            if let Some(info) = answer.response_entity
                && Key::new(&info.app, &info.instance_id) == key
            {
                registry.adopt(info);
            }
        }
        _ => {}
    }
}
