//! Registration, in paused time.
#![cfg(feature = "eureka")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{Mode, Registries, playback};
use orlop_discovery_client::eureka::{Registration, RegistrationSettings, wire::InstanceInfo};
use tokio::time::sleep;

const BEAT: Duration = Duration::from_secs(1);

fn settings() -> RegistrationSettings {
    RegistrationSettings::new().heartbeat(BEAT).lease(Duration::from_millis(9500)).seed(3)
}

fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_000)
}

fn start(registries: &Registries) -> Registration {
    let client = registries.client(&["r1"]);
    Registration::new(client, playback("p1", 9110), settings(), clock)
}

fn registered(registries: &Registries) -> Vec<InstanceInfo> {
    let state = registries.state();
    let posts = state.seen.iter().filter(|seen| seen.method == "POST");
    posts.map(|seen| InstanceInfo::from_json(&seen.body).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn it_registers_and_then_sends_heartbeats() {
    let registries = Registries::default();
    let registration = start(&registries);
    assert!(!registration.state().registered);
    assert!(registration.registered().await);
    let sent = registered(&registries).remove(0);
    assert_eq!(sent.last_dirty_timestamp, 1_700_000_000_000, "the clock that was passed in");
    assert_eq!(sent.lease_info.renewal_interval_in_secs, 1);
    assert_eq!(sent.lease_info.duration_in_secs, 10, "whole seconds, rounded up");
    registries.asked();
    sleep(BEAT * 10).await;
    let asked = registries.asked();
    let beat = "r1 PUT /apps/PLAYBACK/p1?status=UP&lastDirtyTimestamp=1700000000000";
    assert!(asked.iter().all(|asked| asked == beat), "{asked:?}");
    assert!((10..=11).contains(&asked.len()), "one a second, less the jitter: {}", asked.len());
}

#[tokio::test(start_paused = true)]
async fn it_registers_again_where_it_is_not_known() {
    let registries = Registries::default();
    let registration = start(&registries);
    registration.registered().await;
    registries.state().beats = vec![200, 404];
    sleep(BEAT * 3).await;
    let sent = registered(&registries);
    assert_eq!(sent.len(), 2);
    assert!(
        sent[1].last_dirty_timestamp > sent[0].last_dirty_timestamp,
        "newer than the first, although the clock stands still"
    );
    assert!(registration.state().registered);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_forgets_everything_is_not_asked_in_a_loop() {
    let registries = Registries::default();
    let registration = start(&registries);
    registration.registered().await;
    registries.state().beats = vec![404; 1000];
    registries.asked();
    sleep(BEAT * 20).await;
    let asked = registries.asked().len();
    assert!(asked < 60, "{asked} requests in 20 heartbeats");
}

#[tokio::test(start_paused = true)]
async fn it_backs_off_and_keeps_trying() {
    let registries = Registries::default();
    registries.set("r1", Mode::Refuse);
    let registration = start(&registries);
    sleep(BEAT * 10).await;
    let asked = registries.asked().len();
    assert!((10..=24).contains(&asked), "{asked} attempts in 10 s, at most 1 s apart");
    let state = registration.state();
    assert!(!state.registered);
    assert_eq!(
        state.failure.unwrap().to_string(),
        "registration of PLAYBACK/p1 at http://r1/eureka/v2: cannot be reached"
    );
    registries.set("r1", Mode::Serve);
    sleep(BEAT).await;
    assert!(registration.state().registered);
    assert!(registration.state().failure.is_none());
}

#[tokio::test(start_paused = true)]
async fn deregistering_is_the_last_that_a_registry_hears() {
    let registries = Registries::default();
    let registration = start(&registries);
    registration.registered().await;
    registries.set("r1", Mode::Hang);
    sleep(BEAT).await;
    registries.asked();
    // A heartbeat is under way; the registry answers again before it is given up.
    registries.set("r1", Mode::Serve);
    registration.deregister().await.unwrap();
    sleep(BEAT * 10).await;
    assert_eq!(registries.asked(), ["r1 DELETE /apps/PLAYBACK/p1"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_stops_the_heartbeats() {
    let registries = Registries::default();
    let client = registries.client(&["r1"]);
    let (registration, task) = Registration::pair(client, playback("p1", 1), settings(), clock);
    let task = tokio::spawn(task);
    registration.registered().await;
    drop(registration);
    sleep(BEAT).await;
    assert!(task.is_finished());
    registries.asked();
    sleep(BEAT * 10).await;
    assert_eq!(registries.asked(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn deregistering_without_a_task_does_not_wait() {
    let registries = Registries::default();
    let client = registries.client(&["r1"]);
    let (registration, task) = Registration::pair(client, playback("p1", 1), settings(), clock);
    drop(task);
    assert!(!registration.registered().await);
    registration.deregister().await.unwrap();
    assert_eq!(registries.asked(), ["r1 DELETE /apps/PLAYBACK/p1"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_does_not_make_it_older() {
    let registries = Registries::default();
    let now = Arc::new(AtomicU64::new(5_000));
    let clock = {
        let now = now.clone();
        move || UNIX_EPOCH + Duration::from_millis(now.load(Ordering::SeqCst))
    };
    let client = registries.client(&["r1"]);
    let registration = Registration::new(client, playback("p1", 1), settings(), clock);
    registration.registered().await;
    now.store(1_000, Ordering::SeqCst);
    registries.state().beats = vec![404];
    sleep(BEAT * 2).await;
    let times: Vec<u64> =
        registered(&registries).iter().map(|sent| sent.last_dirty_timestamp).collect();
    assert_eq!(times, [5_000, 5_001]);
}
