//! What is left of a call that is given up, fails or panics: nothing.

mod support;

use orlop_lb::{
    Balance, Settings,
    core::{AnyError, Attempt, CallContext, Endpoint, NotSent, Rejected, cause},
    fixed,
};
use std::{panic::AssertUnwindSafe, time::Duration};
use support::{Act, Host, Switch, Switches, World, endpoint, feed, settle};
use tokio_test::{assert_pending, task};
use tower::{Service, ServiceExt};

type Request = (&'static str, Option<CallContext>);

fn context(req: &Request) -> Option<&CallContext> {
    req.1.as_ref()
}

type Tested = Balance<Host, Switch>;

async fn one(world: &World, switches: &Switches, ids: &[&str]) -> Tested {
    let list: Vec<_> = ids.iter().map(|id| endpoint(id)).collect();
    let balance = Balance::builder(fixed(list), world.connect(), AnyError)
        .gate(switches.factory())
        .seeded(1)
        .build();
    settle().await;
    balance
}

fn in_flight(balance: &Tested) -> u64 {
    balance.snapshot().endpoints.iter().map(|endpoint| endpoint.in_flight).sum()
}

#[tokio::test(start_paused = true)]
async fn in_flight_returns_to_zero_wherever_a_call_is_dropped() {
    let (world, switches) = (World::default(), Switches::default());
    let mut balance = one(&world, &switches, &["a"]).await;
    // Unpolled; waiting for readiness; waiting for the answer.
    for (act, polls) in [(Act::Answer, 0), (Act::Pending, 1), (Act::Hang, 1)] {
        world.set("a", act);
        let mut future = task::spawn(balance.call("x"));
        assert_eq!((in_flight(&balance), switches.of("a").inside()), (1, 1), "{act:?}");
        for _ in 0..polls {
            assert_pending!(future.poll());
        }
        drop(future);
        assert_eq!((in_flight(&balance), switches.of("a").inside()), (0, 0), "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_a_call_up_learns_where_it_was() {
    let (world, switches) = (World::default(), Switches::default());
    let mut balance = one(&world, &switches, &["a"]).await;
    for act in [Act::Pending, Act::Hang] {
        world.set("a", act);
        let mut future = task::spawn(balance.call("x"));
        assert_pending!(future.poll());
        let at = cause::given_up(|| drop(future)).map(|endpoint| endpoint.id().to_string());
        assert_eq!(at.as_deref(), Some("a"), "{act:?}");
    }
    // Over already: there was nothing to give up.
    world.set("a", Act::Answer);
    let mut future = task::spawn(balance.call("x"));
    assert!(future.poll().is_ready());
    assert!(cause::given_up(|| drop(future)).is_none());
}

#[tokio::test(start_paused = true)]
async fn in_flight_returns_to_zero_after_success_failure_and_panic() {
    let (world, switches) = (World::default(), Switches::default());
    let mut balance = one(&world, &switches, &["a"]).await;
    for act in [Act::Answer, Act::Fail, Act::Panic] {
        world.set("a", act);
        let call = AssertUnwindSafe(balance.call("x"));
        let ended = tokio::spawn(call.0).await;
        assert_eq!(ended.is_err(), act == Act::Panic, "{act:?}");
        assert_eq!((in_flight(&balance), switches.of("a").inside()), (0, 0), "{act:?}");
    }
    let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
    assert!(estimate >= Duration::from_secs(4), "a panic is a failure: {estimate:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_from_outside_counts_the_time_it_took() {
    let (world, switches) = (World::default(), Switches::default());
    let mut balance = one(&world, &switches, &["a"]).await;
    world.set("a", Act::Hang);
    let given_up = tokio::time::timeout(Duration::from_millis(300), balance.call("x")).await;
    assert!(given_up.is_err());
    let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
    assert!(
        estimate.abs_diff(Duration::from_millis(300)) < Duration::from_millis(2),
        "{estimate:?}"
    );
    // One that is given up sooner has not shown that the endpoint is any faster.
    let _ = tokio::time::timeout(Duration::from_millis(5), balance.call("x")).await;
    assert_eq!(balance.snapshot().endpoints[0].estimate, Some(estimate));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_its_deadline_is_a_failure() {
    let world = World::default();
    world.set("a", Act::Pending);
    let mut balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .context(context)
        .build();
    settle().await;
    let wait = Duration::from_millis(300);
    let call = balance.call(("x", Some(CallContext::new().timeout(wait))));
    assert!(tokio::time::timeout(wait, call).await.is_err());
    let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
    assert!(
        estimate > Duration::from_secs(4),
        "the penalty, also before it is ready: {estimate:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_readiness_error_does_not_evict_an_endpoint() {
    let (world, switches) = (World::default(), Switches::default());
    let ids = ["a", "b", "c", "d"];
    let mut balance = one(&world, &switches, &ids).await;
    for id in ids {
        world.set(id, Act::Unready);
    }
    for _ in 0..8 {
        let _ = balance.call("x").await;
    }
    assert_eq!(balance.snapshot().endpoints.len(), 4, "all are still there");
    // Four blips cost at most four calls; a call that met one moved on where it could.
    for _ in 0..20 {
        balance.call("x").await.expect("all answer now");
    }
    for id in ids {
        assert_eq!((world.connects(id), switches.of(id).inside()), (1, 0), "{id} kept its service");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_moves_on_from_an_endpoint_that_fails_to_become_ready() {
    let (world, switches) = (World::default(), Switches::default());
    let mut balance = one(&world, &switches, &["a", "b"]).await;
    for _ in 0..10 {
        world.set("a", Act::Unready);
        assert!(balance.call("x").await.is_ok(), "the other one has it");
    }
    assert_eq!(
        (in_flight(&balance), switches.of("a").inside(), switches.of("b").inside()),
        (0, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_failed_to_become_ready_was_not_sent() {
    let world = World::default();
    let mut balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .context(context)
        .build();
    settle().await;
    world.set("a", Act::Unready);
    let attempt = Attempt::recorded();
    let id = attempt.id();
    let call = balance.call(("x", Some(CallContext::new().with_attempt(attempt))));
    let error = call.await.unwrap_err();
    assert!(NotSent::is_in(&*error) && Rejected::unsent(&*error, id), "{error:?}");
    let named = orlop_lb::EndpointError::find(&*error).map(Endpoint::id);
    assert_eq!(named, Some(endpoint("a").id()));
    assert_eq!(world.calls("a"), 0);
    let estimate = balance.snapshot().endpoints[0].estimate.unwrap();
    assert!(estimate > Duration::from_secs(4), "no connection is a failure: {estimate:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pending_endpoint_is_waited_for_or_passed_over_as_the_settings_say() {
    let (world, switches) = (World::default(), Switches::default());
    world.set("a", Act::Pending);
    let waits = one(&world, &switches, &["a", "b"]).await;
    let made = |settings: Settings| {
        Balance::builder(fixed(["a", "b"].map(endpoint)), world.connect(), AnyError)
            .gate(switches.factory())
            .settings(settings)
            .seeded(2)
            .build()
    };
    let passes = made(Settings::new().pass_over_pending(true));
    settle().await;
    let (mut waiting, mut passed) = (0, 0);
    for _ in 0..20 {
        waiting += u32::from(task::spawn(waits.clone().call("x")).poll().is_pending());
        passed += u32::from(task::spawn(passes.clone().call("x")).poll().is_ready());
    }
    assert!(waiting > 0, "some calls wait for the endpoint they chose");
    assert_eq!(passed, 20, "none waits while another is ready");
    assert!(switches.of("a").refunded() > 0, "what is passed over is refunded");
    assert_eq!((switches.of("a").inside(), switches.of("b").inside()), (0, 0));
    // Where nobody else admits, it stays and is served when ready.
    switches.of("b").refuse(Duration::from_secs(1));
    let mut call = task::spawn(passes.clone().call("x"));
    assert_pending!(call.poll());
    world.set("a", Act::Answer);
    assert!(call.poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_is_dropped_leaves_nothing_behind() {
    let (world, switches) = (World::default(), Switches::default());
    switches.of("a").refuse(Duration::from_secs(1));
    let settings = Settings::new().wait_when_refused(Duration::from_secs(5));
    let mut balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .gate(switches.factory())
        .settings(settings)
        .build();
    settle().await;
    let mut call = task::spawn(balance.call("x"));
    assert_pending!(call.poll());
    drop(call);
    switches.of("a").admit();
    assert_eq!((in_flight(&balance), switches.of("a").entered()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_waits_and_is_woken_by_the_gate() {
    let (world, switches) = (World::default(), Switches::default());
    switches.of("a").refuse(Duration::from_secs(1));
    let settings = Settings::new().wait_when_refused(Duration::from_secs(5));
    let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .gate(switches.factory())
        .settings(settings)
        .build();
    settle().await;
    let mut call = task::spawn(balance.clone().call("x"));
    assert_pending!(call.poll());
    switches.of("a").admit();
    assert!(call.is_woken(), "the gate woke it, not the clock");
    assert_eq!(call.await.unwrap(), "a");

    switches.of("a").refuse(Duration::from_secs(1));
    let before = tokio::time::Instant::now();
    let error = balance.oneshot("x").await.unwrap_err();
    assert!(Rejected::find(&*error).is_some());
    let took = before.elapsed();
    assert!(took.abs_diff(Duration::from_secs(5)) < Duration::from_millis(60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_before_the_first_update_waits_for_it() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).build();
    let mut call = task::spawn(balance.clone().call("x"));
    assert_pending!(call.poll());
    tx.send(support::reset(&["a"])).unwrap();
    assert_eq!(call.await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn no_update_at_all_is_a_refusal_not_a_hang() {
    let (_tx, updates) = feed();
    let balance = Balance::builder(updates, World::default().connect(), AnyError).build();
    let before = tokio::time::Instant::now();
    let error = balance.clone().oneshot("x").await.unwrap_err();
    assert_eq!(Rejected::find(&*error).unwrap().kind(), orlop_lb::core::Kind::NoEndpoints);
    assert_eq!(before.elapsed().as_secs(), 1, "the default wait");
    assert!(!balance.snapshot().resolved);
}
