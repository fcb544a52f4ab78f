//! Changes that a peer tells.

use orlop_discovery_client::eureka::wire::{
    ReplicationAction, ReplicationItem, ReplicationList, ReplicationListResponse,
    ReplicationResponse,
};

use crate::{
    shared::Shared,
    store::{Beat, Beaten, Key, Origin},
};

/// Applies each change; one that cannot be applied does not hinder the others.
pub(super) fn apply(registry: &Shared, list: ReplicationList) -> ReplicationListResponse {
    let answers = list.replication_list.into_iter().map(|item| apply_one(registry, item));
    ReplicationListResponse::new(answers.collect())
}

fn apply_one(registry: &Shared, item: ReplicationItem) -> ReplicationResponse {
    let key = Key::new(&item.app_name, &item.id);
    let dirty = item.last_dirty_timestamp;
    let origin = Origin::Peer;
    let code = match item.action {
        ReplicationAction::Register => match item.instance_info {
            Some(info) if info.instance_id == key.id && info.refusal(&item.app_name).is_none() => {
                if registry.register(info, origin).is_ok() {
                    200
                } else {
                    503
                }
            }
            _ => 400,
        },
        ReplicationAction::Heartbeat => {
            let beat = Beat { dirty, overridden: item.overridden_status };
            match registry.heartbeat(&key, beat, origin) {
                Beaten::Renewed => 200,
                Beaten::Unknown => 404,
                Beaten::Newer(info) => return ReplicationResponse::new(409, Some(*info)),
            }
        }
        ReplicationAction::Cancel => found(registry.cancel(&key, origin)),
        ReplicationAction::StatusUpdate => match item.status {
            Some(status) => found(registry.set_status(&key, status, dirty, origin)),
            None => 400,
        },
        ReplicationAction::DeleteStatusOverride => {
            let status = item.status.unwrap_or_default();
            found(registry.clear_status(&key, status, dirty, origin))
        }
        _ => 400,
    };
    ReplicationResponse::new(code, None)
}

fn found(was_there: bool) -> u16 {
    if was_there { 200 } else { 404 }
}
