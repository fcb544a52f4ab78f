//! Leases, deltas and self-preservation, in paused time.

mod common;

use std::time::Duration;

use common::{alone, alone_with, call, instance, listed, register, settings, status, with_status};
use orlop_registry::{
    Registry, Settings,
    client::eureka::wire::{Applications, InstanceStatus},
};
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);

async fn beat(registry: &Registry, id: &str) -> u16 {
    status(registry, &format!("PUT /v2/apps/ORDERS/{id}?status=UP")).await
}

#[tokio::test(start_paused = true)]
async fn a_lease_lasts_one_duration_from_the_last_heartbeat() {
    let registry = alone().await;
    register(&registry, &instance("i", 1)).await;
    sleep(SECOND * 9).await;
    assert_eq!(beat(&registry, "i").await, 200);
    sleep(SECOND * 10).await;
    assert_eq!(listed(&registry), ["i UP"], "10 s and not a moment less");
    sleep(SECOND * 2).await;
    assert!(listed(&registry).is_empty(), "and not twice that, as in Java");
    assert_eq!(registry.snapshot().evicted, 1);
    assert_eq!(beat(&registry, "i").await, 404);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_is_hidden_from_look_ups_and_revived_by_a_heartbeat() {
    let registry = alone_with(settings().tick(SECOND * 60)).await;
    register(&registry, &instance("i", 1)).await;
    sleep(SECOND * 11).await;
    assert_eq!(status(&registry, "GET /v2/apps/ORDERS/i").await, 404);
    assert_eq!(status(&registry, "GET /v2/instances/i").await, 404);
    assert_eq!(listed(&registry), ["i UP"], "listed until it is evicted");
    assert_eq!(beat(&registry, "i").await, 200);
    assert_eq!(status(&registry, "GET /v2/apps/ORDERS/i").await, 200);
}

#[tokio::test(start_paused = true)]
async fn odd_durations_are_put_right() {
    let registry = alone().await;
    let mut zero = instance("zero", 1);
    zero.lease_info.duration_in_secs = 0;
    let mut ever = instance("ever", 1);
    ever.lease_info.duration_in_secs = u32::MAX;
    register(&registry, &zero).await;
    register(&registry, &ever).await;
    sleep(SECOND * 89).await;
    assert_eq!(listed(&registry).len(), 2);
    sleep(SECOND * 3).await;
    assert_eq!(listed(&registry), ["ever UP"]);
    sleep(SECOND * 24 * 3600).await;
    assert!(listed(&registry).is_empty(), "a day is the longest");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_stood_still_gives_the_time_back() {
    let registry = alone().await;
    register(&registry, &instance("i", 1)).await;
    // The process is stopped for a minute: no task runs in between.
    advance(SECOND * 60).await;
    sleep(SECOND * 2).await;
    assert_eq!(listed(&registry), ["i UP"], "nobody could have sent a heartbeat");
    sleep(SECOND * 12).await;
    assert!(listed(&registry).is_empty());
}

async fn delta(registry: &Registry) -> (i64, String, Vec<String>) {
    let all =
        Applications::from_json(&call(registry, "GET /v2/apps/delta", "").await.body).unwrap();
    let changes = all
        .instances()
        .map(|i| format!("{} {} {}", i.instance_id, i.status, i.action_type.unwrap().as_str()))
        .collect();
    (all.version, all.hashcode, changes)
}

#[tokio::test(start_paused = true)]
async fn a_delta_tells_three_minutes_and_its_version_every_change() {
    let registry = alone().await;
    let mut versions = vec![delta(&registry).await.0];
    let mut step = async |registry: &Registry| {
        let (version, hash, changes) = delta(registry).await;
        assert!(!versions.contains(&version), "{version} was there before: {versions:?}");
        versions.push(version);
        (hash, changes)
    };
    let mut long = instance("a", 1);
    long.lease_info.duration_in_secs = 10_000;
    register(&registry, &long).await;
    assert_eq!(step(&registry).await, ("UP_1_".into(), vec!["a UP ADDED".into()]));
    let mut second = long.clone();
    second.instance_id = "b".into();
    register(&registry, &second).await;
    assert_eq!(step(&registry).await.0, "UP_2_");
    call(&registry, "PUT /v2/apps/ORDERS/a/status?value=OUT_OF_SERVICE", "").await;
    let (hash, changes) = step(&registry).await;
    assert_eq!(hash, "OUT_OF_SERVICE_1_UP_1_");
    assert_eq!(changes, ["a OUT_OF_SERVICE MODIFIED", "b UP ADDED"]);
    // Metadata alone: the hash stays, so clients have nothing but the version.
    call(&registry, "PUT /v2/apps/ORDERS/b/metadata?x=y", "").await;
    assert_eq!(step(&registry).await.0, hash);
    call(&registry, "DELETE /v2/apps/ORDERS/b", "").await;
    let (hash, changes) = step(&registry).await;
    assert_eq!(hash, "OUT_OF_SERVICE_1_", "of the whole registry");
    assert_eq!(changes, ["a OUT_OF_SERVICE MODIFIED", "b UP DELETED"]);
    sleep(SECOND * 181).await;
    assert_eq!(step(&registry).await, ("OUT_OF_SERVICE_1_".into(), vec![]));
    let (version, ..) = delta(&registry).await;
    assert_eq!(version, delta(&registry).await.0, "no change, no new version");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_no_change_and_evictions_are() {
    let registry = alone().await;
    register(&registry, &instance("i", 1)).await;
    let before = delta(&registry).await;
    beat(&registry, "i").await;
    assert_eq!(delta(&registry).await, before);
    sleep(SECOND * 12).await;
    assert_eq!(delta(&registry).await.2, ["i UP DELETED"]);
}

#[tokio::test(start_paused = true)]
async fn starting_becomes_up() {
    let registry = alone().await;
    register(&registry, &with_status("i", 1, InstanceStatus::Starting)).await;
    assert_eq!(listed(&registry), ["i STARTING"]);
    register(&registry, &instance("i", 2)).await;
    assert_eq!(listed(&registry), ["i UP"]);
}

#[tokio::test(start_paused = true)]
async fn self_preservation_keeps_many_but_not_for_ever() {
    let registry = alone_with(settings().self_preservation(SECOND * 30)).await;
    for n in 0..10 {
        register(&registry, &instance(&format!("i-{n}"), 1)).await;
    }
    sleep(SECOND * 15).await;
    assert_eq!(listed(&registry).len(), 10, "all at once is rather the network");
    assert!(registry.snapshot().preserving);
    sleep(SECOND * 30).await;
    assert!(listed(&registry).is_empty(), "after 30 s it is rather the instances");
    assert!(!registry.snapshot().preserving);
}

#[tokio::test(start_paused = true)]
async fn self_preservation_lets_single_ones_go() {
    let registry = alone_with(settings().self_preservation(SECOND * 30)).await;
    for n in 0..10 {
        register(&registry, &instance(&format!("i-{n}"), 1)).await;
    }
    for _ in 0..13 {
        sleep(SECOND).await;
        for n in 1..10 {
            beat(&registry, &format!("i-{n}")).await;
        }
    }
    assert_eq!(listed(&registry).len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_starts_alone_is_not_read_for_a_while() {
    let registry = Registry::new(Settings::new().empty_wait(SECOND * 2), [], common::clock());
    assert_eq!(register(&registry, &instance("i", 1)).await, 204, "registrations are taken");
    for path in ["apps", "apps/delta", "apps/ORDERS", "vips/orders"] {
        let answer = call(&registry, &format!("GET /v2/{path}"), "").await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("has just started"));
    }
    assert_eq!(status(&registry, "GET /v2/apps/ORDERS/i").await, 200);
    sleep(SECOND * 2 + Duration::from_millis(1)).await;
    assert_eq!(status(&registry, "GET /v2/apps").await, 200);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle() {
    let (registry, task) = Registry::pair(settings(), [], common::clock());
    let task = tokio::spawn(task);
    let clone = registry.clone();
    drop(registry);
    sleep(SECOND).await;
    assert!(!task.is_finished());
    drop(clone);
    sleep(SECOND).await;
    assert!(task.is_finished());
}
