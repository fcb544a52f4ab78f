//! What becomes of endpoints as discovery tells of them.

mod support;

use orlop_lb::{
    Balance, Following, Orphaned, Settings,
    core::{Addr, AnyError, Endpoint, Health, Kind, Rejected, Update},
    fixed,
};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use support::{Act, Host, Switches, World, endpoint, feed, reset, settle};
use tokio_test::{assert_pending, task};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

fn ids<S, G, C, T, L>(balance: &Balance<S, G, C, T, L>) -> Vec<String> {
    balance.snapshot().endpoints.iter().map(|e| e.endpoint.id().to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn updates_apply_while_idle() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    assert!(!balance.snapshot().resolved, "nothing was heard yet");
    // No call is made in this test: the task alone takes updates in.
    tx.send(reset(&["a", "b"])).unwrap();
    settle().await;
    assert_eq!(ids(&balance), ["a", "b"]);
    tx.send(Update::Upsert(endpoint("c"))).unwrap();
    tx.send(Update::Remove("a".into())).unwrap();
    let changed = balance.changed();
    changed.await;
    assert_eq!(ids(&balance), ["b", "c"]);
    tx.send(Update::Reset(Vec::new())).unwrap();
    settle().await;
    assert!(ids(&balance).is_empty() && balance.snapshot().resolved, "resolved, to nothing");
    assert_eq!((world.calls("a"), world.connects("a")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_endpoint_keeps_service_gate_and_estimate() {
    let (world, switches) = (World::default(), Switches::default());
    world.takes("a", Duration::from_millis(70));
    let (tx, updates) = feed();
    let balance =
        Balance::builder(updates, world.connect(), AnyError).gate(switches.factory()).build();
    tx.send(reset(&["a"])).unwrap();
    balance.clone().oneshot("x").await.unwrap();
    let before = balance.snapshot().endpoints[0].estimate;
    assert!(before.is_some());
    world.set("a", Act::Hang);
    let mut call = task::spawn(balance.clone().call("x"));
    assert_pending!(call.poll());

    tx.send(reset(&["a", "b"])).unwrap();
    settle().await;
    let changed = Endpoint::builder("a", endpoint("a").addr().clone())
        .weight(NonZeroU32::new(7).unwrap())
        .health(Health::Degraded)
        .meta("version", "2")
        .zone("z")
        .build();
    tx.send(Update::Upsert(changed.clone())).unwrap();
    settle().await;
    let snapshot = balance.snapshot();
    let a = snapshot.endpoints.iter().find(|e| e.endpoint.id().as_str() == "a").unwrap();
    assert_eq!(a.endpoint, changed, "what discovery says is taken over");
    assert_eq!((a.estimate, a.in_flight), (before, 1), "what calls said is kept");
    assert_eq!(world.connects("a"), 1, "and so is the connection");
    world.release("a");
    assert_eq!(call.await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_changed_address_is_another_connection() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    tx.send(reset(&["a"])).unwrap();
    balance.clone().oneshot("x").await.unwrap();
    tx.send(Update::Upsert(Endpoint::new("a", Addr::from(([127, 0, 0, 1], 9001))))).unwrap();
    settle().await;
    assert_eq!((world.connects("a"), ids(&balance).len()), (2, 1));
    assert_eq!(balance.snapshot().endpoints[0].estimate, None, "nothing is known of the new one");
}

#[tokio::test(start_paused = true)]
async fn removal_never_redirects_a_chosen_call() {
    let (world, switches) = (World::default(), Switches::default());
    let (tx, updates) = feed();
    let mut balance =
        Balance::builder(updates, world.connect(), AnyError).gate(switches.factory()).build();
    tx.send(reset(&["a"])).unwrap();
    settle().await;
    world.set("a", Act::Hang);
    let mut started = task::spawn(balance.call("x"));
    assert_pending!(started.poll());
    let chosen = balance.call("x");
    tx.send(reset(&["b"])).unwrap();
    settle().await;
    assert_eq!(ids(&balance), ["b"]);
    assert_eq!(balance.call("x").await.unwrap(), "b", "new calls go elsewhere");
    let mut chosen = task::spawn(chosen);
    assert_pending!(chosen.poll());
    assert_eq!(switches.of("a").inside(), 2, "what was chosen drains where it was chosen");
    world.release("a");
    assert_eq!((started.await.unwrap(), chosen.await.unwrap()), ("a".to_owned(), "a".to_owned()));
    assert_eq!((switches.of("a").inside(), world.calls("b")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_leaves_the_endpoint_out_and_is_tried_again() {
    let world = World::default();
    world.refuse_connects(true);
    let settings = Settings::new().reconnect(Duration::from_secs(1), Duration::from_secs(4));
    let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .settings(settings)
        .seeded(1)
        .build();
    settle().await;
    let failing = &balance.snapshot().failing[0];
    assert_eq!((failing.failures, failing.error.to_string()), (1, "no route".to_owned()));
    assert_eq!(balance.snapshot().failed_connects, 1);
    let error = balance.clone().oneshot("x").await.unwrap_err();
    let rejected = Rejected::find(&*error).unwrap();
    assert_eq!(rejected.kind(), Kind::NoEndpoints);
    let wait = rejected.retry_after().expect("it says when the next attempt is");
    assert!(wait >= Duration::from_millis(500) && wait <= Duration::from_secs(1), "{wait:?}");

    // Backed off: 0.5 to 1, 1 to 2, then 2 to 4 seconds apart.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let tries = world.connects("a");
    assert!((15..=32).contains(&tries), "{tries} attempts in a minute");
    world.refuse_connects(false);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(balance.oneshot("x").await.unwrap(), "a", "it is back, though the list has ended");
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_time_too_long_to_represent_is_never() {
    let max = Duration::MAX;
    for (after, at_most) in [(max, max), (Duration::ZERO, max), (max, Duration::ZERO)] {
        let world = World::default();
        world.refuse_connects(true);
        let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
            .settings(Settings::new().reconnect(after, at_most))
            .seeded(1)
            .build();
        settle().await;
        assert_eq!(world.connects("a"), 1, "{after:?}, {at_most:?}");
        tokio::time::sleep(Duration::from_secs(3600)).await;
        // From 1 ms on it doubles 20 times, to 17 minutes.
        let tries = world.connects("a");
        let bound = if after.is_zero() { 20..=28 } else { 1..=1 };
        assert!(bound.contains(&tries), "{after:?}, {at_most:?}: {tries} tries in an hour");
        let failing = &balance.snapshot().failing[0];
        assert!(failing.retry_at > tokio::time::Instant::now(), "and never in the past");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_connect_or_gate_is_a_failed_connect_of_that_endpoint() {
    let (world, mends) = (World::default(), Arc::new(AtomicBool::new(false)));
    let (connect, switches) = (world.connect(), Switches::default());
    let gate = switches.factory();
    let (mended, mended_too) = (Arc::clone(&mends), Arc::clone(&mends));
    let (tx, updates) = feed();
    let balance = Balance::builder(
        updates,
        move |endpoint: &Endpoint| {
            let bad = endpoint.id().as_str() == "no-service" && !mended.load(Ordering::Relaxed);
            assert!(!bad, "no config for {}", endpoint.id());
            connect(endpoint)
        },
        AnyError,
    )
    .gate(move |endpoint: &Endpoint| {
        let bad = endpoint.id().as_str() == "no-gate" && !mended_too.load(Ordering::Relaxed);
        assert!(!bad, "no limit");
        gate(endpoint)
    })
    .build();
    tx.send(reset(&["good", "no-gate", "no-service"])).unwrap();
    assert_eq!(balance.clone().oneshot("x").await.unwrap(), "good");
    let snapshot = balance.snapshot();
    let failing: Vec<_> = snapshot.failing.iter().map(|f| f.error.to_string()).collect();
    assert_eq!(failing, ["gate panicked: no limit", "connect panicked: no config for no-service"]);
    assert_eq!((snapshot.failed_connects, snapshot.following), (2, Following::Running));

    mends.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    tx.send(Update::Remove("good".into())).unwrap();
    settle().await;
    assert_eq!(ids(&balance), ["no-gate", "no-service"], "they are tried again, updates go on");
}

#[tokio::test(start_paused = true)]
async fn a_failing_endpoint_is_not_dialled_more_because_discovery_repeats_itself() {
    let world = World::default();
    world.refuse_connects(true);
    let (tx, updates) = feed();
    let _balance = Balance::builder(updates, world.connect(), AnyError).build();
    for _ in 0..50 {
        tx.send(reset(&["a"])).unwrap();
        settle().await;
    }
    assert_eq!(world.connects("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn stale_and_failed_keep_the_set_and_are_shown() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    tx.send(reset(&["a"])).unwrap();
    tx.send(Update::Stale(Duration::from_secs(30))).unwrap();
    tx.send(Update::Failed(Arc::from(Box::from("registry unreachable")))).unwrap();
    settle().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    let snapshot = balance.snapshot();
    assert_eq!(snapshot.stale_for, Some(Duration::from_secs(35)), "it ages");
    assert_eq!(snapshot.failure.unwrap().to_string(), "registry unreachable");
    assert_eq!(balance.clone().oneshot("x").await.unwrap(), "a", "and the set stays in force");
    tx.send(Update::Upsert(endpoint("b"))).unwrap();
    settle().await;
    let snapshot = balance.snapshot();
    assert!(snapshot.stale_for.is_none() && snapshot.failure.is_none(), "{snapshot:?}");
}

#[test]
fn a_client_whose_runtime_is_gone_gets_an_error() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let world = World::default();
    let (tx, updates) = feed();
    let first = runtime();
    let balance = first.block_on(async {
        let balance = Balance::builder(updates, world.connect(), AnyError).build();
        tx.send(reset(&["a"])).unwrap();
        assert_eq!(balance.clone().oneshot("x").await.unwrap(), "a");
        balance
    });
    drop(first);
    assert_eq!(balance.snapshot().following, Following::Gone);
    let error = runtime().block_on(balance.oneshot("x")).unwrap_err();
    assert!(error.is::<Orphaned>(), "{error:?}");
    let kind = Rejected::find(&*error).map(Rejected::kind);
    assert_eq!(kind, Some(Kind::NoEndpoints), "and it is a refusal like any other");
}

#[test]
fn a_finished_list_outlives_the_runtime_that_read_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let world = World::default();
    let first = runtime();
    let balance = first.block_on(async {
        let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError).build();
        settle().await;
        balance
    });
    drop(first);
    assert_eq!(balance.snapshot().following, Following::Ended);
    assert_eq!(runtime().block_on(balance.oneshot("x")).unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_never_run_wakes_those_who_wait_for_it() {
    let world = World::default();
    let (_tx, updates) = feed();
    let (balance, follow) = Balance::builder(updates, world.connect(), AnyError).pair();
    let mut call = task::spawn(balance.oneshot("x"));
    assert_pending!(call.poll());
    drop(follow);
    assert!(call.is_woken());
    assert!(call.await.unwrap_err().is::<Orphaned>());
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    let other = balance.clone();
    drop(balance);
    settle().await;
    assert!(!tx.is_closed(), "a clone still needs it");
    drop(other);
    settle().await;
    assert!(tx.is_closed(), "nobody needs the updates any more");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_without_a_word_is_an_empty_set() {
    let world = World::default();
    let (tx, updates) = feed();
    drop(tx);
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    settle().await;
    let before = tokio::time::Instant::now();
    let error = balance.oneshot("x").await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::NoEndpoints));
    assert_eq!(before.elapsed(), Duration::ZERO, "there is nothing to wait for");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_endpoints_one_by_one() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    for i in 0..10_000 {
        tx.send(Update::Upsert(endpoint(&format!("e{i}")))).unwrap();
    }
    while balance.snapshot().endpoints.len() < 10_000 {
        settle().await;
    }
    balance.oneshot("x").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn clones_share_endpoints_and_load() {
    let world = World::default();
    world.set("a", Act::Hang);
    let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError).build();
    settle().await;
    let (mut one, two) = (balance.clone(), balance.clone());
    let call = one.call("x");
    assert_eq!(two.snapshot().endpoints[0].in_flight, 1);
    drop((one, call));
    assert_eq!(balance.snapshot().endpoints[0].in_flight, 0);
}

#[test]
fn handle_and_future_go_anywhere() {
    fn shared<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let (mut balance, follow) =
        Balance::builder(fixed([endpoint("a")]), World::default().connect(), AnyError).pair();
    shared(&balance);
    sent(&follow);
    sent(&balance.call("x"));
    let boxed = BoxCloneSyncService::new(balance);
    let _: BoxCloneSyncService<&'static str, String, orlop_lb::core::BoxError> = boxed.clone();
    let _: Option<Host> = None;
}
