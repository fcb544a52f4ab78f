//! Who is picked, and who never is.

mod support;

use orlop_lb::{
    AllRefused, Balance, EndpointError, Policy, Settings, Tried,
    core::{
        AnyError, Attempt, BoxError, CallContext, Endpoint, Health, Kind, Rejected, Update, Verdict,
    },
    fixed,
};
use proptest::prelude::*;
use std::{collections::BTreeSet, time::Duration};
use support::{Act, Switches, World, endpoint, feed, in_zone, reset, settle, with_health};
use tower::{Service, ServiceExt};

type Request = (&'static str, Option<CallContext>);

fn context(req: &Request) -> Option<&CallContext> {
    req.1.as_ref()
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_to_an_endpoint_and_comes_back() {
    let world = World::default();
    let balance =
        Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError).seeded(1).build();
    assert_eq!(balance.oneshot("request").await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_gate_refuses_is_passed_over_with_no_request_consumed() {
    let (world, switches) = (World::default(), Switches::default());
    switches.of("a").refuse(Duration::from_secs(9));
    let balance = Balance::builder(fixed(["a", "b", "c"].map(endpoint)), world.connect(), AnyError)
        .gate(switches.factory())
        .seeded(2)
        .build();
    // Not `Clone`: a request that is consumed by a refusal would be lost.
    struct Once;
    for _ in 0..100 {
        balance.clone().oneshot(Once).await.expect("others admit");
    }
    assert_eq!(world.calls("a"), 0, "its gate refuses");
    assert!(world.calls("b") > 20 && world.calls("c") > 20, "the others share");
    let refused = balance.snapshot().endpoints.iter().map(|e| e.refused).sum::<u64>();
    assert!(refused > 20, "refusals are counted: {refused}");
}

#[tokio::test(start_paused = true)]
async fn all_refused_names_the_earliest_time_to_come_back() {
    let (world, switches) = (World::default(), Switches::default());
    for (id, secs) in [("a", 9), ("b", 3), ("c", 5)] {
        switches.of(id).refuse(Duration::from_secs(secs));
    }
    let balance = Balance::builder(fixed(["a", "b", "c"].map(endpoint)), world.connect(), AnyError)
        .gate(switches.factory())
        .context(context)
        .name("playback")
        .build();
    settle().await;
    let attempt = Attempt::single();
    let id = attempt.id();
    let call = CallContext::new().with_attempt(attempt);
    let error = balance.oneshot(("x", Some(call))).await.unwrap_err();
    let rejected = Rejected::find(&*error).expect("a refusal of ours");
    assert_eq!(rejected.kind(), Kind::AllRefused);
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(3)), "b comes back first");
    assert_eq!(rejected.name(), Some("playback"));
    assert!(Rejected::unsent(&*error, id), "nothing of this attempt was sent");

    let refused: &AllRefused = error.downcast_ref().expect("it says who refused");
    assert_eq!(refused.endpoint().id().as_str(), "b");
    assert_eq!(refused.by().kind(), Kind::Circuit, "the gate's own refusal");
    assert_eq!(refused.by().attempt(), Some(id));
    assert_eq!(refused.to_string(), "b refused: circuit open, retry after 3s");
}

#[tokio::test(start_paused = true)]
async fn an_empty_set_refuses_at_once() {
    let world = World::default();
    let balance =
        Balance::builder(fixed(Vec::new()), world.connect(), AnyError).context(context).build();
    settle().await;
    let attempt = Attempt::single();
    let id = attempt.id();
    let before = tokio::time::Instant::now();
    let call = CallContext::new().with_attempt(attempt);
    let error = balance.oneshot(("x", Some(call))).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::NoEndpoints));
    assert!(Rejected::unsent(&*error, id));
    assert_eq!(before.elapsed(), Duration::ZERO, "it did not wait");
}

#[tokio::test(start_paused = true)]
async fn a_retry_goes_to_another_endpoint() {
    let world = World::default();
    let mut balance =
        Balance::builder(fixed(["a", "b", "c"].map(endpoint)), world.connect(), AnyError)
            .context(context)
            .seeded(3)
            .build();
    for _ in 0..100 {
        let (mut attempt, mut gone) = (Attempt::recorded(), BTreeSet::new());
        for _ in 0..3 {
            let call = CallContext::new().with_attempt(attempt.clone());
            let went = balance.ready().await.unwrap().call(("x", Some(call))).await.unwrap();
            assert!(gone.insert(went.clone()), "{went} was tried already");
            attempt = attempt.following();
        }
        // All are tried: one of them is better than none.
        let call = CallContext::new().with_attempt(attempt.clone());
        balance.ready().await.unwrap().call(("x", Some(call))).await.unwrap();
        assert_eq!(attempt.picks().unwrap().endpoints().len(), 4, "each pick is recorded");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pick_is_recorded_before_the_first_poll() {
    let world = World::default();
    let mut balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .context(context)
        .build();
    settle().await;
    let attempt = Attempt::recorded();
    let future = balance.call(("x", Some(CallContext::new().with_attempt(attempt.clone()))));
    assert_eq!(attempt.picks().unwrap().endpoints(), [endpoint("a")]);
    drop(future);
}

#[tokio::test(start_paused = true)]
async fn a_pick_says_whether_an_untried_endpoint_is_left() {
    let unwell = with_health("ill", Health::Unhealthy);
    let table = [
        (vec![endpoint("a")], &[false, false][..]),
        (vec![endpoint("a"), endpoint("b")], &[true, false, false]),
        (vec![endpoint("a"), endpoint("b"), endpoint("c")], &[true, true, false, false]),
        // Another zone is another endpoint; who takes no calls is none, unless nobody else is there.
        (vec![in_zone("a", "here"), in_zone("b", "there")], &[true, false]),
        (vec![endpoint("a"), unwell.clone()], &[false, false]),
        (vec![with_health("a", Health::Draining), unwell], &[true, false]),
    ];
    for (list, expected) in table {
        let world = World::default();
        let mut balance = Balance::builder(fixed(list.clone()), world.connect(), AnyError)
            .context(context)
            .settings(Settings::new().local_zone("here"))
            .seeded(13)
            .build();
        settle().await;
        let mut attempt = Attempt::recorded();
        for (number, &others) in expected.iter().enumerate() {
            let call = CallContext::new().with_attempt(attempt.clone());
            drop(balance.call(("x", Some(call))));
            let picks = attempt.picks().unwrap();
            assert_eq!(picks.has_others(), others, "{list:?}, pick {number}: {picks:?}");
            attempt = attempt.following();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_moves_on_says_what_is_left_after_its_last_pick() {
    let world = World::default();
    let mut balance = Balance::builder(fixed(["a", "b"].map(endpoint)), world.connect(), AnyError)
        .context(context)
        .build();
    settle().await;
    world.set("a", Act::Unready);
    world.set("b", Act::Unready);
    let attempt = Attempt::recorded();
    let call = CallContext::new().with_attempt(attempt.clone());
    balance.call(("x", Some(call))).await.unwrap_err();
    let picks = attempt.picks().unwrap();
    assert_eq!(picks.endpoints().len(), 2, "one attempt went to both");
    assert!(!picks.has_others());
}

#[tokio::test(start_paused = true)]
async fn where_the_setting_says_never_a_tried_endpoint_is_not_asked_again() {
    let world = World::default();
    let mut balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .context(context)
        .settings(Settings::new().tried(Tried::Never))
        .build();
    settle().await;
    let first = Attempt::recorded();
    let second = CallContext::new().with_attempt(first.following());
    balance.call(("x", Some(CallContext::new().with_attempt(first)))).await.unwrap();
    let error = balance.call(("x", Some(second))).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::AllRefused));
    assert_eq!(world.calls("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_leaves_the_zone_that_failed() {
    let world = World::default();
    let list = [in_zone("a1", "a"), in_zone("a2", "a"), in_zone("a3", "a"), in_zone("b1", "b")];
    let mut balance = Balance::builder(fixed(list), world.connect(), AnyError)
        .context(context)
        .settings(Settings::new().local_zone("a"))
        .seeded(4)
        .build();
    settle().await;
    for _ in 0..50 {
        let first = Attempt::recorded();
        let second = CallContext::new().with_attempt(first.following());
        let went = balance.call(("x", Some(CallContext::new().with_attempt(first)))).await.unwrap();
        assert!(went.starts_with('a'), "the local zone comes first, not {went}");
        assert_eq!(balance.call(("x", Some(second))).await.unwrap(), "b1");
    }
}

#[tokio::test(start_paused = true)]
async fn other_zones_take_what_the_local_one_refuses() {
    let (world, switches) = (World::default(), Switches::default());
    let list = [in_zone("a1", "a"), in_zone("b1", "b"), in_zone("c1", "c")];
    let balance = Balance::builder(fixed(list), world.connect(), AnyError)
        .gate(switches.factory())
        .settings(Settings::new().local_zone("a"))
        .seeded(5)
        .build();
    for _ in 0..20 {
        assert_eq!(balance.clone().oneshot("x").await.unwrap(), "a1");
    }
    switches.of("a1").refuse(Duration::from_secs(1));
    for _ in 0..20 {
        assert_ne!(balance.clone().oneshot("x").await.unwrap(), "a1");
    }
    assert!(world.calls("b1") > 4 && world.calls("c1") > 4, "both others share");
}

#[tokio::test(start_paused = true)]
async fn the_unhealthy_take_calls_only_where_nobody_else_is_there() {
    let world = World::default();
    let (tx, updates) = feed();
    let balance = Balance::builder(updates, world.connect(), AnyError).seeded(6).build();
    let list = [
        with_health("well", Health::Healthy),
        with_health("weak", Health::Degraded),
        with_health("leaving", Health::Draining),
        with_health("ill", Health::Unhealthy),
    ];
    for (gone, want) in [(0, &["well"][..]), (1, &["weak"]), (2, &["leaving", "ill"])] {
        tx.send(Update::Reset(list[gone..].to_vec())).unwrap();
        settle().await;
        let mut went = BTreeSet::new();
        for _ in 0..50 {
            went.insert(balance.clone().oneshot("x").await.unwrap());
        }
        assert_eq!(went, want.iter().map(|&id| id.to_owned()).collect());
    }
}

#[tokio::test(start_paused = true)]
async fn the_unhealthy_are_not_asked_because_the_healthy_refuse() {
    let (world, switches) = (World::default(), Switches::default());
    let list = [with_health("well", Health::Healthy), with_health("ill", Health::Unhealthy)];
    let balance =
        Balance::builder(fixed(list), world.connect(), AnyError).gate(switches.factory()).build();
    settle().await;
    switches.of("well").refuse(Duration::from_secs(1));
    let error = balance.oneshot("x").await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::AllRefused));
    assert_eq!(switches.of("ill").entered(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any set under any updates, gates and tried endpoints: who is picked is in the set, admits, and is as welcome as
    /// can be.
    #[test]
    fn never_picks_removed_refusing_or_tried(
        seed: u64,
        steps in prop::collection::vec((0usize..6, 0u8..5), 1..40),
    ) {
        paused().block_on(async move {
            let ids = ["a", "b", "c", "d", "e", "f"];
            let (world, switches) = (World::default(), Switches::default());
            let (tx, updates) = feed();
            let balance = Balance::builder(updates, world.connect(), AnyError)
                .gate(switches.factory())
                .context(context)
                .seeded(seed)
                .build();
            tx.send(reset(&ids[..3])).unwrap();
            let mut present: BTreeSet<&str> = ids[..3].iter().copied().collect();
            let mut refusing: BTreeSet<&str> = BTreeSet::new();
            for (i, what) in steps {
                let id = ids[i];
                match what {
                    0 => { tx.send(Update::Upsert(endpoint(id))).unwrap(); present.insert(id); }
                    1 => { tx.send(Update::Remove(id.into())).unwrap(); present.remove(id); }
                    2 => { switches.of(id).refuse(Duration::from_secs(1)); refusing.insert(id); }
                    3 => { switches.of(id).admit(); refusing.remove(id); }
                    _ => {
                        tx.send(reset(&ids[i..])).unwrap();
                        present = ids[i..].iter().copied().collect();
                    }
                }
                settle().await;
                let mut open: BTreeSet<&str> = present.difference(&refusing).copied().collect();
                let mut attempt = Attempt::recorded();
                loop {
                    let call = CallContext::new().with_attempt(attempt.clone());
                    attempt = attempt.following();
                    match balance.clone().oneshot(("x", Some(call))).await {
                        Ok(went) if open.is_empty() => {
                            assert!(present.contains(&*went) && !refusing.contains(&*went));
                            break; // all were tried, and one is taken again
                        }
                        Ok(went) => assert!(open.remove(&*went), "{went} is gone, shut or tried"),
                        Err(error) => {
                            let kind = Rejected::find(&*error).unwrap().kind();
                            let none = present.difference(&refusing).next().is_none();
                            assert!(none, "somebody would have admitted it: {error}");
                            let want =
                                if present.is_empty() { Kind::NoEndpoints } else { Kind::AllRefused };
                            assert_eq!(kind, want);
                            break;
                        }
                    }
                }
            }
        });
    }
}

/// 10 endpoints, two of which fail at once while the others take 40 ms; 40 callers. Returns their share of 4,000 calls.
async fn share_of_fast_failing(settings: Settings) -> f64 {
    let world = World::default();
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for id in &ids[2..] {
        world.takes(id, Duration::from_millis(40));
    }
    world.set("a", Act::Fail);
    world.set("b", Act::Fail);
    let balance = Balance::builder(fixed(ids.map(endpoint)), world.connect(), AnyError)
        .settings(settings)
        .seeded(8)
        .build();
    settle().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let mut balance = balance.clone();
        callers.spawn(async move {
            for _ in 0..100 {
                let _ = balance.call("x").await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    callers.join_all().await;
    (world.calls("a") + world.calls("b")) as f64 / 4_000.0
}

#[tokio::test(start_paused = true)]
async fn a_fast_failing_endpoint_does_not_draw_traffic() {
    for policy in [Policy::PeakEwma, Policy::LeastInFlight] {
        let without = Settings::new().policy(policy).penalty(Duration::ZERO);
        let without = share_of_fast_failing(without).await;
        let with = share_of_fast_failing(Settings::new().policy(policy)).await;
        // Two of ten: 20 % is their share. One pair in 45 holds both, so chance alone gives 2 %.
        assert!(without > 0.2, "{policy:?} without a penalty draws traffic: {without}");
        assert!(with < 0.05, "{policy:?}: {with} of the calls went to endpoints that fail");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_endpoint_gets_one_trial_per_penalty_and_comes_back_after_a_good_one() {
    for policy in [Policy::PeakEwma, Policy::LeastInFlight] {
        let world = World::default();
        world.set("a", Act::Fail);
        let balance = Balance::builder(fixed(["a", "b"].map(endpoint)), world.connect(), AnyError)
            .settings(Settings::new().policy(policy))
            .seeded(12)
            .build();
        settle().await;
        for id in ["a", "b"] {
            world.takes(id, Duration::from_millis(30));
        }
        // 50 calls a second, one after the other begun before it ends, for so many seconds.
        let run = |secs: u64| {
            let balance = balance.clone();
            async move {
                let mut calls = tokio::task::JoinSet::new();
                for _ in 0..secs * 50 {
                    calls.spawn(balance.clone().oneshot("x"));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                calls.join_all().await;
            }
        };
        run(60).await;
        let failed = world.calls("a");
        // The first call or two, then one in 5 s: 12.
        assert!((8..=15).contains(&failed), "{policy:?}: {failed} calls in 60 s");
        world.set("a", Act::Answer);
        run(6).await;
        let before = (world.calls("a"), world.calls("b"));
        run(10).await;
        let (a, b) = (world.calls("a") - before.0, world.calls("b") - before.1);
        assert!(a.abs_diff(b) < 100, "{policy:?}: {a} and {b} of 500 after it has recovered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_that_was_idle_is_not_taken_for_the_fastest() {
    let world = World::default();
    world.takes("slow", Duration::from_secs(2));
    world.takes("fast", Duration::from_millis(20));
    let balance =
        Balance::builder(fixed(["fast", "slow"].map(endpoint)), world.connect(), AnyError)
            .seeded(9)
            .build();
    settle().await;
    for _ in 0..200 {
        balance.clone().oneshot("x").await.unwrap();
    }
    let before = world.calls("slow");
    assert!(before < 5, "{before} calls went to the slow host while it was known");
    tokio::time::advance(Duration::from_secs(3600)).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        callers.spawn(balance.clone().oneshot("x"));
    }
    callers.join_all().await;
    let drawn = world.calls("slow") - before;
    // Decay to 0 would send all ten there: (n + 1) times nothing is nothing.
    assert!(drawn <= 5, "{drawn} of 10 calls at once went to a host of which nothing is known");
}

#[tokio::test(start_paused = true)]
async fn calls_spread_evenly_over_equals() {
    let world = World::default();
    let ids = ["a", "b", "c", "d", "e"];
    for id in ids {
        world.takes(id, Duration::from_millis(10));
    }
    let balance =
        Balance::builder(fixed(ids.map(endpoint)), world.connect(), AnyError).seeded(10).build();
    settle().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut balance = balance.clone();
        callers.spawn(async move {
            for _ in 0..250 {
                balance.call("x").await.unwrap();
            }
        });
    }
    callers.join_all().await;
    for id in ids {
        let calls = world.calls(id);
        // 1,000 each on average; two choices keep every endpoint within a few percent of it.
        assert!(calls.abs_diff(1_000) < 150, "{id} got {calls} of 5,000");
    }
}

#[test]
fn the_same_seed_picks_the_same() {
    let run = |seed| {
        paused().block_on(async move {
            let world = World::default();
            let ids = ["a", "b", "c", "d", "e"];
            let balance = Balance::builder(fixed(ids.map(endpoint)), world.connect(), AnyError)
                .seeded(seed)
                .build();
            let (mut one, mut went) = (balance.clone(), Vec::new());
            let mut two = balance.clone();
            for _ in 0..50 {
                went.push(one.call("x").await.unwrap());
                went.push(two.call("x").await.unwrap());
            }
            went
        })
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8), "a hundred picks from five do not agree by chance");
}

#[tokio::test(start_paused = true)]
async fn an_error_names_the_endpoint_and_keeps_its_cause() {
    let world = World::default();
    world.set("a", Act::Fail);
    let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError).build();
    let error: BoxError = balance.oneshot("x").await.unwrap_err();
    assert_eq!(EndpointError::find(&*error).map(Endpoint::id), Some(endpoint("a").id()));
    assert_eq!(error.to_string(), "call to a at 127.0.0.1:9000 failed");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("broken"));
}

#[tokio::test(start_paused = true)]
async fn a_plain_function_picks_and_settles_by_hand() {
    let (world, switches) = (World::default(), Switches::default());
    let balance = Balance::builder(fixed([endpoint("a")]), world.connect(), AnyError)
        .gate(switches.factory())
        .build();
    settle().await;
    let picked = balance.pick("x").unwrap();
    assert_eq!(picked.endpoint.id().as_str(), "a");
    assert_eq!((switches.of("a").inside(), balance.snapshot().endpoints[0].in_flight), (1, 1));
    picked.permit.settle(Verdict::SUCCESS);
    assert_eq!((switches.of("a").inside(), balance.snapshot().endpoints[0].in_flight), (0, 0));
    drop(balance.pick("x").unwrap());
    assert_eq!(switches.of("a").inside(), 0, "a permit that is dropped settles too");
}
