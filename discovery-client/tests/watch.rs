//! Watches, in paused time.
#![cfg(feature = "eureka")]

mod common;

use std::time::Duration;

use common::{Mode, Registries, drain, playback};
use futures_util::StreamExt;
use orlop_discovery_client::{
    core::{Addr, Update},
    eureka::{
        Discovery, Settings, endpoint,
        wire::{ActionType, InstanceInfo, InstanceStatus, Port},
    },
};
use tokio::time::sleep;

const ROUND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(10);

fn settings() -> Settings {
    Settings::new().interval(ROUND).lease(LEASE).seed(1)
}

fn start(registries: &Registries) -> Discovery {
    Discovery::new(registries.client(&["r1", "r2"]), settings())
}

/// Time passes until the task has done one more round.
async fn round() {
    sleep(ROUND).await;
}

fn list(registries: &Registries, ids: &[&str]) {
    registries.state().full = ids.iter().map(|id| playback(id, 9110)).collect();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_until_a_registry_has_answered() {
    let registries = Registries::default();
    registries.set("r1", Mode::Refuse);
    registries.set("r2", Mode::Refuse);
    list(&registries, &["p1", "p2"]);
    let discovery = start(&registries);
    let mut watch = discovery.watch("playback");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(drain(&mut watch).await, ["!"], "failed, which is not the same as empty");
    registries.set("r2", Mode::Serve);
    assert!(discovery.resolved().await);
    assert_eq!(drain(&mut watch).await, ["=p1,p2"]);
    let mut other = discovery.watch("Nobody");
    assert_eq!(drain(&mut other).await, ["="], "resolved to nothing");
    let mut late = discovery.watch("PLAYBACK");
    assert_eq!(drain(&mut late).await, ["=p1,p2"], "a later watch is told at once");
}

#[tokio::test(start_paused = true)]
async fn deltas_are_applied_and_a_wrong_hash_fetches_everything() {
    let registries = Registries::default();
    list(&registries, &["p1", "p2", "p3"]);
    let discovery = start(&registries);
    let mut watch = discovery.watch("playback");
    discovery.resolved().await;
    assert_eq!(drain(&mut watch).await, ["=p1,p2,p3"]);

    let mut gone = playback("p1", 9110);
    gone.action_type = Some(ActionType::Deleted);
    registries.state().full =
        vec![playback("p2", 9111), playback("p3", 9110), playback("p4", 9110)];
    registries.state().delta = Some(vec![gone, playback("p2", 9111), playback("p4", 9110)]);
    registries.asked();
    round().await;
    assert_eq!(drain(&mut watch).await, ["-p1", "+p2", "+p4"]);
    assert_eq!(registries.asked(), ["r1 GET /apps/delta"]);
    round().await;
    assert_eq!(drain(&mut watch).await, [""; 0], "the same delta again changes nothing");

    // The delta says nothing of p5, so the hash differs.
    registries.state().full.push(playback("p5", 9110));
    registries.asked();
    round().await;
    assert_eq!(drain(&mut watch).await, ["+p5"]);
    assert_eq!(registries.asked(), ["r1 GET /apps/delta", "r1 GET /apps/"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_known_stays_when_no_registry_answers() {
    let registries = Registries::default();
    list(&registries, &["p1"]);
    let discovery = start(&registries);
    let mut watch = discovery.watch("playback");
    discovery.resolved().await;
    assert_eq!(drain(&mut watch).await, ["=p1"]);
    registries.set("r1", Mode::Refuse);
    registries.set("r2", Mode::Refuse);
    sleep(ROUND * 20).await;
    let update = watch.next().await.unwrap();
    let Update::Stale(age) = update else { panic!("{update:?}") };
    assert!(age >= ROUND * 18 && age <= ROUND * 20, "the age of what is known: {age:?}");
    let snapshot = discovery.snapshot();
    assert!(snapshot.failure.is_some() && snapshot.age.unwrap() >= ROUND * 20, "{snapshot:?}");
    assert_eq!(snapshot.apps["PLAYBACK"].endpoints.len(), 1);
    let mut late = discovery.watch("playback");
    assert_eq!(
        drain(&mut late).await,
        ["=p1", "~"],
        "a new watch learns it too, and that it is old"
    );

    registries.set("r1", Mode::Serve);
    drain(&mut watch).await;
    sleep(ROUND * 2).await;
    assert_eq!(drain(&mut watch).await.last().unwrap(), "=p1", "a reset ends staleness");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_lost_most_is_not_believed_for_a_lease() {
    let registries = Registries::default();
    list(&registries, &["p1", "p2", "p3"]);
    let discovery = start(&registries);
    let mut watch = discovery.watch("playback");
    discovery.resolved().await;
    drain(&mut watch).await;

    list(&registries, &["p4"]);
    sleep(LEASE - ROUND).await;
    assert_eq!(drain(&mut watch).await, ["+p4"], "additions are applied at once");
    assert_eq!(discovery.snapshot().apps["PLAYBACK"].held, 3);
    sleep(ROUND * 3).await;
    assert_eq!(drain(&mut watch).await, ["-p1", "-p2", "-p3"], "it held for one lease");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_finds_them_again_changes_nothing() {
    let registries = Registries::default();
    list(&registries, &["p1", "p2", "p3"]);
    let discovery = start(&registries);
    let mut watch = discovery.watch("playback");
    discovery.resolved().await;
    drain(&mut watch).await;
    list(&registries, &[]);
    sleep(LEASE / 2).await;
    list(&registries, &["p1", "p2", "p3"]);
    sleep(LEASE * 3).await;
    assert_eq!(drain(&mut watch).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_polled_late_is_told_the_difference() {
    let registries = Registries::default();
    list(&registries, &["p1", "p2", "p3"]);
    let discovery = start(&registries);
    let mut watch = discovery.watch("playback");
    discovery.resolved().await;
    drain(&mut watch).await;
    for ids in [&["p1", "p2", "p3", "p4"][..], &["p2", "p3", "p4"], &["p2", "p3", "p4", "p5"]] {
        list(&registries, ids);
        round().await;
    }
    assert_eq!(drain(&mut watch).await, ["-p1", "+p4", "+p5"]);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_who_listens() {
    let registries = Registries::default();
    let (discovery, task) = Discovery::pair(registries.client(&["r1"]), settings());
    let task = tokio::spawn(task);
    let watch = discovery.clone().watch("playback");
    drop(discovery);
    round().await;
    assert!(!task.is_finished(), "a watch keeps it going");
    drop(watch);
    round().await;
    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_gone_is_an_error_and_not_a_frozen_list() {
    let registries = Registries::default();
    list(&registries, &["p1"]);
    let (discovery, task) = Discovery::pair(registries.client(&["r1"]), settings());
    let task = tokio::spawn(task);
    let mut watch = discovery.watch("playback");
    discovery.resolved().await;
    drain(&mut watch).await;
    task.abort();
    let Some(Update::Failed(error)) = watch.next().await else { panic!("no error") };
    assert!(error.to_string().starts_with("discovery has stopped"), "{error}");
    assert!(watch.next().await.is_none());
    assert!(watch.next().await.is_none(), "fused");
}

#[tokio::test(start_paused = true)]
async fn a_long_gap_is_followed_by_a_full_fetch() {
    let registries = Registries::default();
    list(&registries, &["p1"]);
    registries.state().delta = Some(Vec::new());
    let long = Settings::new().interval(Duration::from_secs(200)).seed(1);
    let discovery = Discovery::new(registries.client(&["r1"]), long);
    discovery.resolved().await;
    registries.asked();
    // Same count, so the hash cannot tell.
    list(&registries, &["p2"]);
    let mut watch = discovery.watch("playback");
    drain(&mut watch).await;
    sleep(Duration::from_secs(201)).await;
    assert_eq!(registries.asked(), ["r1 GET /apps/"]);
    assert_eq!(drain(&mut watch).await, ["-p1", "+p2"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_asks_at_the_same_times() {
    async fn times(seed: u64) -> Vec<Duration> {
        let registries = Registries::default();
        let settings = Settings::new().interval(ROUND).seed(seed);
        let (discovery, task) = Discovery::pair(registries.client(&["r1"]), settings);
        let task = tokio::spawn(task);
        let start = tokio::time::Instant::now();
        let mut times = Vec::new();
        while times.len() < 5 {
            sleep(Duration::from_millis(1)).await;
            if !registries.asked().is_empty() {
                times.push(start.elapsed());
            }
        }
        drop(discovery);
        task.await.unwrap();
        times
    }
    assert_eq!(times(7).await, times(7).await);
    assert_ne!(times(7).await, times(8).await);
}

#[test]
fn an_endpoint_is_what_the_instance_says() {
    let mut instance = playback("p1", 9110).meta("version", "2");
    let found = endpoint(&instance).unwrap();
    assert_eq!((found.id().as_str(), found.zone()), ("p1", Some("a")));
    assert_eq!(found.addr(), &Addr::from(([127, 0, 0, 1], 9110)));
    assert_eq!(found.meta()["version"], "2");

    instance.ip_addr = "playback.example".into();
    assert_eq!(endpoint(&instance).unwrap().addr(), &Addr::Name("playback.example".into(), 9110));
    instance.port = Port::new(9110, false);
    instance.secure_port = Port::new(9443, true);
    assert_eq!(endpoint(&instance).unwrap().authority(), "playback.example:9443");
    instance.secure_port = Port::new(0, true);
    assert!(endpoint(&instance).is_none(), "no port is open");
    for status in [InstanceStatus::Down, InstanceStatus::Starting, InstanceStatus::OutOfService] {
        let mut instance: InstanceInfo = playback("p1", 1);
        instance.status = status;
        assert!(endpoint(&instance).is_none(), "{status} takes no calls");
    }
}
