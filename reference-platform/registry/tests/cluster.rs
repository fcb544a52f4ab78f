//! Three registries that tell each other, in paused time.

mod common;

use std::time::Duration;

use common::{Network, instance, listed, register, settings, status, with_status};
use orlop_registry::{
    Registry,
    client::{
        core::Update,
        eureka::{
            Discovery, Registration, RegistrationSettings, Settings,
            wire::{InstanceInfo, InstanceStatus},
        },
    },
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const NAMES: [&str; 3] = ["a", "b", "c"];
/// A batch goes after 500 ms; then it is there.
const TOLD: Duration = Duration::from_millis(600);

fn start(network: &Network, name: &str, wait: Duration) -> Registry {
    let peers = NAMES.into_iter().filter(|peer| *peer != name);
    let peers = peers.map(|peer| network.client(name, &[peer]));
    let registry = Registry::new(settings().empty_wait(wait), peers, common::clock());
    network.put(name, registry.clone());
    registry
}

async fn three(network: &Network) -> [Registry; 3] {
    let registries = NAMES.map(|name| start(network, name, SECOND));
    sleep(SECOND * 2).await;
    assert!(registries.iter().all(|registry| registry.snapshot().ready));
    registries
}

/// What all list; panics if they differ.
fn agreed(registries: &[Registry]) -> Vec<String> {
    let first = listed(&registries[0]);
    for registry in registries {
        assert_eq!(listed(registry), first, "registries differ");
    }
    first
}

fn keep(network: &Network, to: &[&str], id: &str) -> Registration {
    let settings = RegistrationSettings::new().heartbeat(SECOND).lease(SECOND * 10).seed(5);
    let instance = InstanceInfo::new("orders", id, "127.0.0.1", 8080);
    Registration::new(network.client(id, to), instance, settings, common::clock())
}

#[tokio::test(start_paused = true)]
async fn registered_at_one_it_is_read_at_another_and_leaves_everywhere() {
    let network = Network::default();
    let registries = three(&network).await;
    let registration = keep(&network, &["a"], "i-1");
    registration.registered().await;
    sleep(TOLD).await;
    let at_c = network.client("me", &["c"]);
    let app = at_c.fetch_app("orders").await.unwrap().unwrap();
    assert_eq!(app.instances[0].instance_id, "i-1");
    sleep(SECOND * 60).await;
    assert_eq!(agreed(&registries), ["i-1 UP"], "heartbeats at one keep it at all");
    registration.deregister().await.unwrap();
    sleep(TOLD).await;
    assert!(at_c.fetch_app("orders").await.unwrap().is_none());
    assert!(agreed(&registries).is_empty());
    let told = registries[0].snapshot();
    assert!(told.peers.iter().all(|peer| peer.queued == 0 && peer.failed == 0), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_leaves_everywhere_after_one_lease() {
    let network = Network::default();
    let registries = three(&network).await;
    let registration = keep(&network, &["a"], "i-1");
    registration.registered().await;
    sleep(SECOND * 5).await;
    assert_eq!(agreed(&registries), ["i-1 UP"]);
    drop(registration);
    sleep(SECOND * 9).await;
    assert_eq!(agreed(&registries), ["i-1 UP"]);
    sleep(SECOND * 4).await;
    assert!(agreed(&registries).is_empty());
}

#[tokio::test(start_paused = true)]
async fn statuses_and_metadata_are_told_too() {
    let network = Network::default();
    let registries = three(&network).await;
    register(&registries[0], &instance("i-1", 7)).await;
    sleep(TOLD).await;
    let there = async |registry: &Registry| {
        let told = common::call(registry, "GET /v2/apps/ORDERS/i-1", "").await.json();
        let instance = &told["instance"];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("none").to_owned();
        (text(&instance["status"]), text(&instance["metadata"]["k"]))
    };
    assert_eq!(status(&registries[1], "PUT /v2/apps/ORDERS/i-1/metadata?k=v").await, 200);
    sleep(TOLD).await;
    let path = "/v2/apps/ORDERS/i-1/status";
    assert_eq!(status(&registries[2], &format!("PUT {path}?value=OUT_OF_SERVICE")).await, 200);
    sleep(TOLD).await;
    for registry in &registries {
        assert_eq!(there(registry).await, ("OUT_OF_SERVICE".into(), "v".into()));
    }
    assert_eq!(status(&registries[0], &format!("DELETE {path}?value=UP")).await, 200);
    sleep(TOLD).await;
    for registry in &registries {
        assert_eq!(there(registry).await.0, "UP");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_again_copies_from_its_peers() {
    let network = Network::default();
    let registries = three(&network).await;
    let _registration = keep(&network, &["a"], "i-1");
    sleep(SECOND).await;
    drop(registries);
    network.remove("c");
    sleep(SECOND * 5).await;
    let wait = SECOND * 300;
    let again = start(&network, "c", wait);
    sleep(Duration::from_millis(1)).await;
    assert!(again.snapshot().ready, "long before the wait is over");
    assert_eq!(listed(&again), ["i-1 UP"]);
    sleep(SECOND * 30).await;
    assert_eq!(listed(&again), ["i-1 UP"], "and it hears of the heartbeats");
}

#[tokio::test(start_paused = true)]
async fn one_that_can_copy_from_nobody_waits_and_then_answers() {
    let network = Network::default();
    network.cut("c", "a");
    network.cut("c", "b");
    let wait = SECOND * 5;
    let alone = start(&network, "c", wait);
    sleep(wait - Duration::from_millis(1)).await;
    assert_eq!(status(&alone, "GET /v2/apps").await, 403);
    sleep(Duration::from_millis(2)).await;
    assert_eq!(status(&alone, "GET /v2/apps").await, 200);

    // It goes on asking, and is told what the others know as soon as they can be reached.
    let other = start(&network, "a", SECOND);
    register(&other, &instance("i", 10)).await;
    sleep(SECOND * 5).await;
    assert!(listed(&alone).is_empty());
    network.heal();
    sleep(SECOND * 2).await;
    assert_eq!(listed(&alone), ["i UP"]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_heals() {
    let network = Network::default();
    let registries = three(&network).await;
    let moves = keep(&network, &["a"], "moves");
    let stays = keep(&network, &["c"], "stays");
    sleep(SECOND).await;
    assert_eq!(agreed(&registries), ["moves UP", "stays UP"]);
    network.cut("a", "c");
    network.cut("b", "c");
    // Longer than a change is kept for a peer.
    sleep(SECOND * 40).await;
    assert_eq!(listed(&registries[0]), ["moves UP"]);
    assert_eq!(listed(&registries[2]), ["stays UP"], "each side lists whom it hears");
    let new = keep(&network, &["b"], "new");
    moves.deregister().await.unwrap();
    sleep(SECOND * 40).await;
    assert!(registries[0].snapshot().peers[1].failed > 0);
    network.heal();
    sleep(SECOND * 5).await;
    assert_eq!(agreed(&registries), ["new UP", "stays UP"]);
    drop((stays, new));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_something_newer_is_believed() {
    let network = Network::default();
    let registries = three(&network).await;
    network.cut("a", "c");
    network.cut("b", "c");
    register(&registries[0], &instance("i", 10)).await;
    register(&registries[2], &with_status("i", 20, InstanceStatus::Down)).await;
    sleep(SECOND).await;
    network.heal();
    // A client that sends its heartbeats to a: a tells c, and c answers that it knows better.
    for _ in 0..5 {
        status(&registries[0], "PUT /v2/apps/ORDERS/i?status=UP").await;
        sleep(SECOND).await;
    }
    assert_eq!(listed(&registries[0]), ["i DOWN"]);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_on_its_way_does_not_bring_back_one_that_left() {
    let network = Network::default();
    let registries = three(&network).await;
    register(&registries[0], &instance("i", 10)).await;
    sleep(SECOND).await;
    assert_eq!(agreed(&registries), ["i UP"]);
    // Both are in the queues at once: the heartbeat at b, the departure at a.
    status(&registries[1], "PUT /v2/apps/ORDERS/i?status=UP").await;
    status(&registries[0], "DELETE /v2/apps/ORDERS/i").await;
    sleep(SECOND * 3).await;
    assert!(agreed(&registries).is_empty());
    // The instance itself may come back, with the state it left with, and everywhere.
    register(&registries[0], &instance("i", 10)).await;
    sleep(TOLD).await;
    assert_eq!(agreed(&registries), ["i UP"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_is_not_told_on() {
    let network = Network::default();
    let registries = three(&network).await;
    network.cut("a", "c");
    register(&registries[0], &instance("i", 10)).await;
    sleep(SECOND * 2).await;
    assert_eq!(listed(&registries[1]), ["i UP"]);
    assert!(listed(&registries[2]).is_empty(), "one hop: b does not tell c");
    assert_eq!(registries[1].snapshot().peers[1].sent, 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_survives_the_loss_of_all_registries() {
    use futures_util::StreamExt;
    let network = Network::default();
    let registries = three(&network).await;
    let _one = keep(&network, &["a", "b", "c"], "i-1");
    let _two = keep(&network, &["b", "c", "a"], "i-2");
    sleep(SECOND).await;
    let settings = Settings::new().interval(SECOND).lease(SECOND * 10).seed(9);
    let discovery = Discovery::new(network.client("me", &["a", "b", "c"]), settings);
    let mut watch = discovery.watch("orders");
    let Some(Update::Reset(list)) = watch.next().await else { panic!("no reset") };
    assert_eq!(list.len(), 2);
    drop(registries);
    for name in NAMES {
        network.remove(name);
    }
    sleep(SECOND * 60).await;
    assert!(matches!(watch.next().await, Some(Update::Stale(_))));
    assert_eq!(discovery.snapshot().apps["ORDERS"].endpoints.len(), 2);
    // They start empty, answer 403 for two heartbeats, and the instances come back by themselves.
    let registries = NAMES.map(|name| start(&network, name, SECOND * 2));
    sleep(SECOND * 40).await;
    assert_eq!(agreed(&registries), ["i-1 UP", "i-2 UP"]);
    let last = std::iter::from_fn(|| futures_util::FutureExt::now_or_never(watch.next()).flatten());
    let updates: Vec<Update> = last.collect();
    assert!(!updates.iter().any(|update| matches!(update, Update::Remove(_))), "{updates:?}");
    assert!(discovery.snapshot().failure.is_none());
}
