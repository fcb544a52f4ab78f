use crate::support::{calls, consecutive, pass, secs};
use orlop_breaker::{
    BreakerLayer, Circuits, State,
    core::{AnyError, Gate, Now, Permit, Verdict},
};
use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    num::NonZeroUsize,
    sync::Barrier,
    thread,
};
use tower::{Layer, ServiceExt, service_fn};

fn pool(cap: usize) -> Circuits<u64> {
    Circuits::new(consecutive(1)).capacity(NonZeroUsize::new(cap).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_key_has_a_circuit_of_its_own() {
    let circuits = pool(10);
    calls(&circuits.get(&1), "F");
    assert_eq!(circuits.get(&1).state(), State::Open);
    assert_eq!(circuits.get(&2).state(), State::Closed);
    assert!(circuits.peek(&3).is_none());
    assert_eq!(circuits.len(), 2, "looking makes none");
}

#[tokio::test(start_paused = true)]
async fn the_gate_finds_the_circuit_by_the_request() {
    let circuits = pool(10).named("hosts");
    let gate = circuits.keyed(|req: &u64| *req);
    let permit = Permit::enter(gate.clone(), &7, None, &Now::lazy()).unwrap();
    permit.settle(Verdict::FAILURE);
    let rejected = gate.enter(&7, None, &Now::lazy()).unwrap_err();
    assert_eq!((rejected.name(), rejected.retry_after()), (Some("hosts"), Some(secs(5))));
    assert!(gate.enter(&8, None, &Now::lazy()).is_ok());
    assert!(gate.refusing(&Now::lazy()).is_none(), "not without a request");
}

#[tokio::test(start_paused = true)]
async fn a_layer_breaks_by_key() {
    let circuits = pool(10);
    let service = BreakerLayer::new(circuits.keyed(|req: &u64| *req), AnyError)
        .layer(service_fn(async |req: u64| if req == 1 { Err("down") } else { Ok(req) }));
    assert!(service.clone().oneshot(1).await.is_err());
    assert_eq!(circuits.get(&1).state(), State::Open);
    assert_eq!(service.oneshot(2).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_million_keys_never_make_more_circuits_than_the_cap_and_an_open_one_stays() {
    let circuits = pool(10_000);
    calls(&circuits.get(&u64::MAX), "F");
    for key in 0..1_000_000 {
        // A hot key among them is never forgotten, for it is used between two looks.
        if key % 64 == 0 {
            let hot = circuits.get(&(u64::MAX - 1));
            assert!(key == 0 || hot.snapshot().consecutive_failures() == 0);
        }
        assert!(circuits.get(&key).try_enter().is_ok());
    }
    assert!(circuits.len() <= 10_000, "{}", circuits.len());
    assert!(circuits.len() > 9_000, "the cap is used: {}", circuits.len());
    let open =
        circuits.peek(&u64::MAX).expect("an open circuit is not forgotten before its wait ends");
    assert_eq!(open.state(), State::Open);
    let snapshot = circuits.snapshot();
    assert_eq!(snapshot.overflowed, 0);
    assert_eq!(snapshot.evicted + circuits.len() as u64, 1_000_002);
}

#[tokio::test(start_paused = true)]
async fn after_its_wait_an_open_circuit_may_be_forgotten() {
    let circuits = pool(4);
    calls(&circuits.get(&100), "F");
    (0..100).for_each(|key| drop(circuits.get(&key)));
    assert!(circuits.peek(&100).is_some());
    pass(secs(5)).await;
    (100..200).for_each(|key| drop(circuits.get(&(key + 1))));
    assert!(circuits.peek(&100).is_none());
}

#[tokio::test(start_paused = true)]
async fn keys_without_room_share_the_overflow_circuit_and_are_counted() {
    let circuits = pool(3);
    (0..3).for_each(|key| drop(calls(&circuits.get(&key), "F")));
    calls(&circuits.get(&10), "F");
    assert_eq!(circuits.overflow().state(), State::Open, "key 10 found no room");
    assert_eq!(calls(&circuits.get(&11), "S"), "x", "and 11 shares its circuit");
    assert_eq!(circuits.snapshot().overflowed, 2);
    assert_eq!(circuits.len(), 3);
    pass(secs(5)).await;
    assert_eq!(calls(&circuits.get(&10), "S"), "S");
    assert_eq!(circuits.snapshot().overflowed, 2, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn forced_and_probing_circuits_are_pinned() {
    let circuits = pool(2);
    circuits.get(&0).force_open();
    calls(&circuits.get(&1), "F");
    pass(secs(5)).await;
    let probe = circuits.get(&1).try_enter().unwrap();
    (10..50).for_each(|key| drop(circuits.get(&key)));
    assert_eq!(circuits.peek(&0).unwrap().state(), State::ForcedOpen);
    assert_eq!(circuits.peek(&1).unwrap().state(), State::HalfOpen);
    drop(probe);
    (10..50).for_each(|key| drop(circuits.get(&key)));
    assert!(circuits.peek(&1).is_none(), "no probe is in flight any more");
}

#[tokio::test(start_paused = true)]
async fn a_circuit_in_use_outlives_its_entry() {
    let circuits = pool(1);
    let gate = circuits.keyed(|req: &u64| *req);
    let circuit = circuits.get(&1);
    let permit = Permit::enter(gate, &1, None, &Now::lazy()).unwrap();
    (2..5).for_each(|key| drop(circuits.get(&key)));
    assert!(circuits.peek(&1).is_none());
    permit.settle(Verdict::FAILURE);
    assert_eq!(circuit.state(), State::Open, "the call settles where it entered");
}

#[tokio::test(start_paused = true)]
async fn unused_circuits_go_after_the_idle_time() {
    let circuits = pool(100).idle(secs(60));
    (0..10).for_each(|key| drop(circuits.get(&key)));
    assert_eq!(circuits.evict_idle(), 0, "the first look only begins the time");
    pass(secs(59)).await;
    assert_eq!(circuits.evict_idle(), 0);
    let _ = circuits.get(&3);
    pass(secs(1)).await;
    assert_eq!(circuits.evict_idle(), 9);
    assert!(circuits.peek(&3).is_some(), "used meanwhile");
}

#[tokio::test(start_paused = true)]
async fn an_update_reaches_all_circuits() {
    let circuits = pool(2);
    let old = circuits.get(&1);
    circuits.update(consecutive(2));
    assert_eq!(old.settings(), consecutive(2));
    assert_eq!(circuits.get(&2).settings(), consecutive(2));
    assert_eq!(circuits.overflow().settings(), consecutive(2));
}

thread_local! {
    static HASHED: Cell<u32> = const { Cell::new(0) };
}

/// A key that counts how often one is hashed: a look at a circuit begins with that.
#[derive(Clone, PartialEq, Eq)]
struct Counted(u64);

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HASHED.set(HASHED.get() + 1);
        self.0.hash(state);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_among_pinned_circuits_costs_the_same_however_many_they_are() {
    let cost = |pinned: u64| {
        let cap = NonZeroUsize::new(pinned as usize).unwrap();
        let circuits: Circuits<Counted> = Circuits::new(consecutive(1)).capacity(cap);
        (0..pinned).for_each(|key| circuits.get(&Counted(key)).force_open());
        assert_eq!(circuits.len() as u64, pinned);
        HASHED.set(0);
        drop(circuits.get(&Counted(pinned)));
        assert_eq!(circuits.snapshot().overflowed, 1);
        HASHED.get()
    };
    assert_eq!(cost(100), cost(250));
    assert!(cost(250) <= 40, "{}", cost(250));
}

#[tokio::test(start_paused = true)]
async fn room_between_pinned_circuits_is_found_by_later_calls() {
    let circuits = pool(200);
    (0..200).for_each(|key| drop(circuits.get(&key)));
    (0..200).filter(|key| *key != 120).for_each(|key| circuits.get(&key).force_open());
    let overflowed = (0..20)
        .take_while(|_| {
            drop(circuits.get(&1000));
            circuits.peek(&1000).is_none()
        })
        .count();
    assert!(circuits.peek(&1000).is_some(), "each call looks further than the one before");
    assert!(circuits.peek(&120).is_none(), "the only one that may go");
    assert!(overflowed <= 200 / 32, "{overflowed}");
}

#[tokio::test(start_paused = true)]
async fn circuits_all_in_use_make_room_for_a_new_key() {
    let circuits = pool(200);
    for round in 0..3 {
        (0..200).for_each(|key| drop(circuits.get(&key)));
        drop(circuits.get(&(1000 + round)));
        assert!(circuits.peek(&(1000 + round)).is_some(), "none is pinned");
    }
    assert_eq!((circuits.len(), circuits.snapshot().overflowed), (200, 0));
}

/// A circuit made while settings change ends with the last ones, whoever was faster.
#[test]
fn settings_that_change_while_a_circuit_is_made_reach_it() {
    let start = Barrier::new(3);
    let pools: Vec<_> = (0..5_000).map(|_| pool(4)).collect();
    thread::scope(|scope| {
        for key in 0..2 {
            let (start, pools) = (&start, &pools);
            scope.spawn(move || {
                for circuits in pools {
                    start.wait();
                    drop(circuits.get(&key));
                }
            });
        }
        for circuits in &pools {
            start.wait();
            (2..6).for_each(|failures| circuits.update(consecutive(failures)));
        }
    });
    for circuits in &pools {
        for key in 0..2 {
            assert_eq!(circuits.peek(&key).unwrap().settings(), circuits.settings());
        }
    }
}

#[test]
fn circuits_that_start_in_shadow_make_room_for_each_other() {
    for initial in [orlop_breaker::Initial::Shadow, orlop_breaker::Initial::Disabled] {
        let settings = consecutive(1).initial(initial);
        let circuits: Circuits<u32> =
            Circuits::new(settings).capacity(std::num::NonZeroUsize::new(10).unwrap());
        (0..1_000).for_each(|key| drop(circuits.get(&key).try_enter().unwrap()));
        let snapshot = circuits.snapshot();
        assert_eq!((circuits.len(), snapshot.overflowed), (10, 0), "{initial:?}");
    }
}
