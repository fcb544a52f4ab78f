//! The cache over three zones: who is read, who is written, and what faults change.

mod support;
#[path = "support/net.rs"]
mod support_net;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Duration,
};

use futures_core::Stream;
use orlop_core::{
    Again, CallContext, Class, End, Endpoint, Gate, Health, Kind, Note, Now, Rejected, Sent,
    Settle, Update,
};
use orlop_evcache::{
    App, CacheErrorKind, EvCache, Fallback, Latch, Settings, Value, WriteOutcome,
    client::ConnectionState,
    protocol::{Expiry, Key},
    ring::{self, Ring},
};
use support::{State, endpoint, wall};
use support_net::Net;
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tokio_test::{assert_pending, task};

const TTL: Duration = Duration::from_secs(900);

fn builder() -> orlop_evcache::Builder {
    EvCache::builder(App::new("app").unwrap())
        .local_zone("a")
        .rng(fastrand::Rng::with_seed(1))
        .wall_clock(wall)
}

async fn three_zones(settings: Settings) -> (Net, EvCache) {
    let net = Net::new(["a1", "b1", "c1"]);
    let cache = builder().settings(settings).fixed(net.dial(), ["a1", "b1", "c1"].map(endpoint));
    connected(&cache, 3).await;
    (net, cache)
}

/// Lets the connections come up: turns of the scheduler, no time.
async fn connected<G>(cache: &EvCache<G>, nodes: usize)
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    for _ in 0..1000 {
        let up =
            states(cache).values().filter(|state| **state == ConnectionState::Connected).count();
        if up == nodes {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("not connected: {:?}", states(cache));
}

fn states<G>(cache: &EvCache<G>) -> BTreeMap<String, ConnectionState>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    let snapshot = cache.snapshot();
    let nodes = snapshot.zones.iter().flat_map(|zone| &zone.nodes);
    nodes.map(|node| (node.endpoint.id().to_string(), node.connection.state)).collect()
}

/// What a node holds under a key, asked of the node itself.
async fn held(net: &Net, name: &str, key: &str) -> Option<Value> {
    let peer = net.peer(name).clone();
    let dial = move |_: &Endpoint| {
        let peer = peer.clone();
        async move { peer.dial(1024) }
    };
    let client = orlop_evcache::client::Client::new(
        endpoint(name),
        dial,
        orlop_evcache::client::Settings::default(),
        fastrand::Rng::with_seed(2),
    );
    client.get(&Key::new(key.to_owned()).unwrap()).await.unwrap()
}

fn counts(outcome: &WriteOutcome) -> (usize, usize, usize) {
    (outcome.successes, outcome.failures, outcome.pending)
}

#[tokio::test(start_paused = true)]
async fn every_zone_has_a_copy_and_the_local_one_is_read() {
    let (net, cache) = three_zones(Settings::default()).await;
    let outcome = cache.set("k", Value::new("v").with_flags(3), TTL, Latch::All).await.unwrap();
    assert_eq!(counts(&outcome), (3, 0, 0));
    for name in ["a1", "b1", "c1"] {
        assert_eq!(held(&net, name, "app:k").await, Some(Value::new("v").with_flags(3)), "{name}");
    }
    assert_eq!(cache.get("k").await.unwrap(), Some(Value::new("v").with_flags(3)));
    let snapshot = cache.snapshot();
    assert_eq!(
        (snapshot.counts.hits_local, snapshot.counts.hits_remote, snapshot.counts.writes),
        (1, 0, 3)
    );
    assert_eq!(snapshot.zones[0].nodes[0].counts.hits_local, 1);
    assert_eq!(snapshot.zones[1].nodes[0].counts.hits_local, 0);
    assert!(cache.delete("k", Latch::All).await.unwrap().is_satisfied());
    assert_eq!(cache.get("k").await.unwrap(), None);
    assert_eq!(held(&net, "c1", "app:k").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_zone_costs_its_time_out_once_and_then_nothing() {
    let (net, cache) = three_zones(Settings::default()).await;
    let _ = cache.set("k", "v", TTL, Latch::All).await.unwrap();
    net.peer("a1").set(State::Frozen);
    let start = Instant::now();
    assert_eq!(cache.get("k").await.unwrap(), Some(Value::new("v")));
    assert_eq!(start.elapsed(), Duration::from_millis(20), "the local time-out");
    time::sleep(Duration::from_millis(600)).await;
    let start = Instant::now();
    assert_eq!(cache.get("k").await.unwrap(), Some(Value::new("v")));
    assert_eq!(start.elapsed(), Duration::ZERO, "the connection is known to be gone");
    assert_eq!(cache.snapshot().counts.hits_remote, 2);
    net.peer("a1").set(State::Up);
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(cache.get("k").await.unwrap(), Some(Value::new("v")));
    assert_eq!(cache.snapshot().counts.hits_local, 1, "the local zone is read again");
}

#[tokio::test(start_paused = true)]
async fn a_dead_zone_costs_nothing_and_comes_back() {
    let (net, cache) = three_zones(Settings::default()).await;
    let _ = cache.set("k", "v", TTL, Latch::All).await.unwrap();
    net.peer("a1").set(State::Dead);
    tokio::task::yield_now().await;
    let start = Instant::now();
    for _ in 0..10 {
        assert_eq!(cache.get("k").await.unwrap(), Some(Value::new("v")));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    let outcome = cache.set("k2", "v2", TTL, Latch::Quorum).await.unwrap();
    assert!(outcome.is_satisfied());
    net.peer("a1").set(State::Up);
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(states(&cache)["a1"], ConnectionState::Connected);
    assert_eq!(cache.get("k").await.unwrap(), None, "it came back empty, and a miss is an answer");
}

#[tokio::test(start_paused = true)]
async fn with_all_zones_dead_a_read_says_so_at_once() {
    let (net, cache) = three_zones(Settings::default()).await;
    for name in ["a1", "b1", "c1"] {
        net.peer(name).set(State::Dead);
    }
    tokio::task::yield_now().await;
    let start = Instant::now();
    let error = cache.get("k").await.unwrap_err();
    assert_eq!(*error.kind(), CacheErrorKind::Unavailable);
    assert!(std::error::Error::source(&error).is_some(), "and why");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let outcome = cache.set("k", "v", TTL, Latch::One).await.unwrap();
    assert_eq!((counts(&outcome), outcome.is_satisfied()), ((0, 3, 0), false));
}

#[tokio::test(start_paused = true)]
async fn with_all_zones_frozen_a_read_ends_by_its_deadline() {
    let settings = Settings::default().fallback_zones(5).remote_timeout(Duration::from_millis(50));
    let (net, cache) = three_zones(settings).await;
    for name in ["a1", "b1", "c1"] {
        net.peer(name).set(State::Frozen);
    }
    let start = Instant::now();
    cache.get("k").await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(100), "20 + 50 + the 30 that were left");
    let start = Instant::now();
    let call = CallContext::new().timeout(Duration::from_millis(25));
    cache.get_in("k", Some(&call)).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(25), "the call's own deadline is earlier");
}

#[tokio::test(start_paused = true)]
async fn one_other_zone_is_asked_by_default() {
    let (net, cache) = three_zones(Settings::default()).await;
    for name in ["a1", "b1", "c1"] {
        net.peer(name).set(State::Frozen);
    }
    let start = Instant::now();
    cache.get("k").await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(60), "20 at home, 40 elsewhere");
}

#[tokio::test(start_paused = true)]
async fn a_miss_goes_on_only_where_the_policy_says() {
    for (fallback, found) in
        [(Fallback::OnError, None), (Fallback::OnErrorOrMiss, Some(Value::new("v")))]
    {
        let (net, cache) = three_zones(Settings::default().fallback(fallback)).await;
        let _ = cache.set("k", "v", TTL, Latch::All).await.unwrap();
        net.peer("a1").node.clear();
        assert_eq!(cache.get("k").await.unwrap(), found, "{fallback:?}");
    }
    let (net, cache) = three_zones(Settings::default().fallback(Fallback::OnErrorOrMiss)).await;
    for name in ["b1", "c1"] {
        net.peer(name).set(State::Frozen);
    }
    assert_eq!(cache.get("k").await.unwrap(), None, "a miss here and an error there is a miss");
}

#[tokio::test(start_paused = true)]
async fn latches_count_successes_only() {
    // (frozen zones, latch) -> (successes, failures, pending), satisfied
    for (frozen, latch, want, satisfied) in [
        (0, Latch::All, (3, 0, 0), true),
        (0, Latch::None, (0, 0, 3), true),
        (1, Latch::Quorum, (2, 0, 1), true),
        (1, Latch::AllMinusOne, (2, 0, 1), true),
        (1, Latch::All, (2, 1, 0), false),
        (2, Latch::One, (1, 0, 2), true),
        // The second failure decides it only if it is heard first; both come at the same time-out.
        (2, Latch::Quorum, (1, 2, 0), false),
        (3, Latch::One, (0, 3, 0), false),
    ] {
        let (net, cache) = three_zones(Settings::default()).await;
        for name in ["a1", "b1", "c1"].iter().take(frozen) {
            net.peer(name).set(State::Frozen);
        }
        let outcome = cache.set("k", "v", TTL, latch).await.unwrap();
        assert_eq!(
            (counts(&outcome), outcome.is_satisfied()),
            (want, satisfied),
            "{frozen} frozen, {latch:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pending_writes_go_on_in_the_background() {
    let (net, cache) = three_zones(Settings::default()).await;
    net.peer("c1").set(State::Frozen);
    let outcome = cache.set("k", "v", TTL, Latch::Quorum).await.unwrap();
    assert_eq!(counts(&outcome), (2, 0, 1));
    let none = cache.set("k2", "v2", TTL, Latch::None).await.unwrap();
    assert_eq!(counts(&none), (0, 0, 3));
    time::sleep(Duration::from_millis(100)).await;
    net.peer("c1").set(State::Up);
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(held(&net, "c1", "app:k").await, Some(Value::new("v")));
    assert_eq!(held(&net, "c1", "app:k2").await, Some(Value::new("v2")));
    assert_eq!(cache.snapshot().counts.writes, 6, "and their outcome is counted");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_caller_leaves_goes_on() {
    let (net, cache) = three_zones(Settings::default()).await;
    let mut set = task::spawn(cache.set("k", "v", TTL, Latch::All));
    assert_pending!(set.poll());
    drop(set);
    time::sleep(Duration::from_millis(1)).await;
    for name in ["a1", "b1", "c1"] {
        assert_eq!(held(&net, name, "app:k").await, Some(Value::new("v")), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_begun_are_done_after_the_last_handle_is_dropped() {
    let (net, cache) = three_zones(Settings::default()).await;
    let _ = cache.set("k", "v", TTL, Latch::None).await.unwrap();
    drop(cache);
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(held(&net, "a1", "app:k").await, Some(Value::new("v")));
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(net.peer("a1").node.stats().connections, 0, "and then the connection closes");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_read_leaves_the_connection_usable() {
    let (_net, cache) = three_zones(Settings::default()).await;
    let _ = cache.set("k", "v", TTL, Latch::All).await.unwrap();
    for _ in 0..10 {
        let mut get = task::spawn(cache.get("k"));
        assert_pending!(get.poll());
        drop(get);
        assert_eq!(cache.get("k").await.unwrap(), Some(Value::new("v")));
    }
    let snapshot = cache.snapshot();
    let local = &snapshot.zones[0].nodes[0];
    assert_eq!((local.connection.connects, local.connection.failures), (1, 0));
    assert_eq!(local.connection.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn values_live_as_long_as_asked_and_touch_renews_them() {
    let (_net, cache) = three_zones(Settings::default()).await;
    let secs = Duration::from_secs;
    let _ = cache.set("k", "v", secs(10), Latch::All).await.unwrap();
    time::advance(secs(9)).await;
    assert!(cache.touch("k", secs(10), Latch::All).await.unwrap().is_satisfied());
    time::advance(secs(9)).await;
    assert!(cache.get("k").await.unwrap().is_some());
    time::advance(secs(1)).await;
    assert_eq!(cache.get("k").await.unwrap(), None);
    let gone = cache.touch("k", secs(10), Latch::One).await.unwrap();
    assert_eq!(
        (counts(&gone), gone.is_satisfied()),
        ((0, 3, 0), false),
        "nothing was there to touch"
    );
    assert_eq!(cache.snapshot().counts.untouched, 3);
    let _ = cache.set("long", "v", secs(40 * 24 * 3600), Latch::All).await.unwrap();
    time::advance(secs(39 * 24 * 3600)).await;
    assert!(cache.get("long").await.unwrap().is_some(), "over 30 days is sent as an absolute time");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cached_is_refused_before_it_is_sent() {
    let (net, cache) = three_zones(Settings::default()).await;
    let kind = |error: orlop_evcache::CacheError| error.kind().clone();
    assert!(matches!(kind(cache.get("a b").await.unwrap_err()), CacheErrorKind::Key(_)));
    assert!(matches!(kind(cache.get("").await.unwrap_err()), CacheErrorKind::Key(_)));
    let zero = cache.set("k", "v", Duration::ZERO, Latch::All).await.unwrap_err();
    assert_eq!(kind(zero), CacheErrorKind::ZeroTtl);
    let large = cache.set("k", vec![0; (1 << 20) + 1], TTL, Latch::All).await.unwrap_err();
    assert_eq!(kind(large), CacheErrorKind::TooLarge { len: (1 << 20) + 1, max: 1 << 20 });
    assert_eq!(net.peer("a1").node.stats().sets, 0);
    // A long key takes some of the room: its value carries it.
    let long = "k".repeat(1000);
    let fits = (1 << 20) - 3 - "app:".len() - 1000;
    assert!(cache.set(&long, vec![0; fits], TTL, Latch::All).await.unwrap().is_satisfied());
    let over = cache.set(&long, vec![0; fits + 1], TTL, Latch::All).await.unwrap_err();
    assert_eq!(kind(over), CacheErrorKind::TooLarge { len: fits + 1, max: fits });
}

#[tokio::test(start_paused = true)]
async fn a_collision_of_hashed_keys_is_a_counted_miss() {
    let (net, cache) = three_zones(Settings::default()).await;
    let long = "k".repeat(500);
    let _ = cache.set(&long, "v", TTL, Latch::All).await.unwrap();
    assert_eq!(cache.get(&long).await.unwrap(), Some(Value::new("v")));
    // What another key with the same hash would have left there.
    use sha2::{Digest, Sha256};
    let digest: String =
        Sha256::digest(format!("app:{long}")).iter().map(|byte| format!("{byte:02x}")).collect();
    let wire = format!("app:#{digest}");
    assert!(held(&net, "a1", &wire).await.is_some(), "the key on the wire");
    let peer = net.peer("a1").clone();
    let dial = move |_: &Endpoint| {
        let peer = peer.clone();
        async move { peer.dial(1024) }
    };
    let settings = orlop_evcache::client::Settings::default();
    let client = orlop_evcache::client::Client::new(
        endpoint("a1"),
        dial,
        settings,
        fastrand::Rng::with_seed(3),
    );
    let other = Value::new(&b"\x01\x00\x09app:other theirs"[..]);
    client.set(&Key::new(wire).unwrap(), &other, Expiry::NEVER).await.unwrap();
    assert_eq!(cache.get(&long).await.unwrap(), None);
    assert_eq!(cache.snapshot().counts.collisions, 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_where_the_ring_says() {
    let names = ["a1", "a2", "a3", "b1", "b2"];
    let net = Net::new(names);
    let cache = builder().fixed(net.dial(), names.map(endpoint));
    connected(&cache, 5).await;
    let a = Ring::new(["127.0.1.1", "127.0.1.2", "127.0.1.3"].map(|ip| ring::name(ip, ip)));
    let b = Ring::new(["127.0.2.1", "127.0.2.2"].map(|ip| ring::name(ip, ip)));
    for n in 0..100 {
        let key = format!("k{n}");
        assert!(cache.set(&key, key.clone(), TTL, Latch::All).await.unwrap().is_satisfied());
        let wire = format!("app:{key}");
        let in_a = format!("a{}", a.node(wire.as_bytes()).unwrap() + 1);
        let in_b = format!("b{}", b.node(wire.as_bytes()).unwrap() + 1);
        for name in names {
            let want = (name == in_a || name == in_b).then(|| Value::new(key.clone()));
            assert_eq!(held(&net, name, &wire).await, want, "{key} at {name}");
        }
    }
    let items = names.map(|name| net.peer(name).node.stats().items);
    assert!(items.iter().all(|items| *items > 0), "every node has some of 100 keys: {items:?}");
}

// ===== gates =====

/// Remembers what it saw; refuses while told so.
#[derive(Clone, Default)]
struct Recorder {
    shut: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Settle for Recorder {
    type Ticket = String;

    fn note(&self, _: Option<&mut String>, _: Note<'_>, _: &Now) {}

    fn end(&self, ticket: String, end: End<'_>, _: &Now) {
        let text = match end {
            End::Verdict(verdict) => {
                let class = match verdict.class() {
                    Class::Success => "success",
                    Class::Failure => "failure",
                    _ => "neutral",
                };
                let sent = match verdict.sent() {
                    Sent::No => "unsent",
                    Sent::Maybe => "maybe sent",
                    _ => "sent",
                };
                format!("{ticket}: {class}, {sent}")
            }
            _ => format!("{ticket}: refund"),
        };
        self.seen.lock().unwrap().push(text);
    }
}

impl Gate<str> for Recorder {
    fn enter(&self, key: &str, _: Option<&CallContext>, _: &Now) -> Result<String, Rejected> {
        match self.shut.load(Ordering::Relaxed) {
            true => Err(Rejected::new(Kind::Circuit)),
            false => Ok(key.to_owned()),
        }
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        self.shut.load(Ordering::Relaxed).then(|| Rejected::new(Kind::Circuit))
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

async fn guarded() -> (Net, BTreeMap<String, Recorder>, EvCache<Recorder>) {
    let names = ["a1", "b1", "c1"];
    let net = Net::new(names);
    let gates: BTreeMap<_, _> = names.map(|name| (name.to_owned(), Recorder::default())).into();
    let of = gates.clone();
    let cache = builder()
        .gates(move |endpoint: &Endpoint| of[endpoint.id().as_str()].clone())
        .fixed(net.dial(), names.map(endpoint));
    connected(&cache, 3).await;
    (net, gates, cache)
}

#[tokio::test(start_paused = true)]
async fn each_call_settles_at_its_nodes_gate() {
    let (net, gates, cache) = guarded().await;
    let a = &gates["a1"];
    assert_eq!(cache.get("k").await.unwrap(), None);
    assert_eq!(a.take(), ["app:k: success, sent"], "a miss is an answer");
    let _ = cache.set("k", "v", TTL, Latch::All).await.unwrap();
    for gate in gates.values() {
        assert_eq!(gate.take(), ["app:k: success, sent"]);
    }
    net.peer("a1").set(State::Frozen);
    assert!(cache.get("k").await.unwrap().is_some());
    assert_eq!(a.take(), ["app:k: failure, maybe sent"], "timed out");
    let mut get = task::spawn(cache.get("k"));
    assert_pending!(get.poll());
    drop(get);
    assert_eq!(a.take(), ["app:k: neutral, maybe sent"], "the caller left");
    time::sleep(Duration::from_millis(600)).await;
    assert!(cache.get("k").await.unwrap().is_some());
    assert_eq!(a.take(), ["app:k: failure, unsent"], "not connected");
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_gate_refuses_is_passed_over() {
    let (net, gates, cache) = guarded().await;
    let _ = cache.set("k", "v", TTL, Latch::All).await.unwrap();
    gates["a1"].shut.store(true, Ordering::Relaxed);
    gates["b1"].shut.store(true, Ordering::Relaxed);
    let hits = |name: &str| net.peer(name).node.stats().hits;
    let start = Instant::now();
    for _ in 0..10 {
        assert!(cache.get("k").await.unwrap().is_some());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((hits("a1"), hits("b1"), hits("c1")), (0, 0, 10), "only the third was asked");
    let outcome = cache.set("k", "w", TTL, Latch::Quorum).await.unwrap();
    assert!(!outcome.is_satisfied(), "a refusal is no success");
    let snapshot = cache.snapshot();
    assert_eq!(
        snapshot.counts.refused, 12,
        "10 reads and 1 write at a, 1 write at b: b is not even tried for reads"
    );
    assert_eq!(snapshot.zones[0].nodes[0].refusing, Some(Rejected::new(Kind::Circuit)));
    gates["c1"].shut.store(true, Ordering::Relaxed);
    let error = cache.get("k").await.unwrap_err();
    assert_eq!(
        Rejected::find(&error).map(Rejected::kind),
        Some(Kind::Circuit),
        "the refusal is in the chain"
    );
}

// ===== discovery =====

struct Updates(mpsc::UnboundedReceiver<Update>);

impl Stream for Updates {
    type Item = Update;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Update>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_come_and_go_with_discovery() {
    let net = Net::new(["a1", "b1", "c1"]);
    let (tell, updates) = mpsc::unbounded_channel();
    let cache = builder().discover(net.dial(), Updates(updates));
    let error = cache.get("k").await.unwrap_err();
    assert_eq!(Rejected::find(&error).map(Rejected::kind), Some(Kind::NoEndpoints));
    assert_eq!(
        *cache.set("k", "v", TTL, Latch::None).await.unwrap_err().kind(),
        CacheErrorKind::Unavailable
    );

    tell.send(Update::Reset(vec![endpoint("a1"), endpoint("b1")])).unwrap();
    connected(&cache, 2).await;
    assert_eq!(counts(&cache.set("k", "v", TTL, Latch::All).await.unwrap()), (2, 0, 0));
    tell.send(Update::Upsert(endpoint("c1"))).unwrap();
    connected(&cache, 3).await;
    assert_eq!(counts(&cache.set("k", "v", TTL, Latch::All).await.unwrap()), (3, 0, 0));

    // Same id, address and authority: the same connection, with its counters.
    let draining =
        Endpoint::builder("b1", endpoint("b1").addr().clone()).zone("b").health(Health::Draining);
    tell.send(Update::Upsert(draining.build())).unwrap();
    tell.send(Update::Stale(Duration::from_secs(5))).unwrap();
    tell.send(Update::Failed(Arc::new(std::io::Error::other("registry gone")))).unwrap();
    time::sleep(Duration::from_millis(1)).await;
    let snapshot = cache.snapshot();
    assert_eq!(
        snapshot.zones.iter().map(|zone| &*zone.name).collect::<Vec<_>>(),
        ["a", "c"],
        "b drains"
    );
    assert_eq!(snapshot.stale, Some(Duration::from_secs(5)));
    assert_eq!(net.peer("b1").node.stats().connections, 0, "its connection is closed");
    assert_eq!(net.peer("a1").dials(), 1, "a's is kept");
    assert_eq!(snapshot.zones[0].nodes[0].counts.writes, 2);

    tell.send(Update::Remove(endpoint("c1").id().clone())).unwrap();
    drop(tell);
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(cache.snapshot().stale, None);
    assert_eq!(
        counts(&cache.set("k", "v", TTL, Latch::All).await.unwrap()),
        (1, 0, 0),
        "the last list stays"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_moves_gets_a_new_connection() {
    let net = Net::new(["a1"]);
    let (tell, updates) = mpsc::unbounded_channel();
    let cache = builder().discover(net.dial(), Updates(updates));
    tell.send(Update::Upsert(endpoint("a1"))).unwrap();
    connected(&cache, 1).await;
    let moved = Endpoint::builder("a1", ([127, 0, 1, 9], 11211)).zone("a").build();
    tell.send(Update::Upsert(moved.clone())).unwrap();
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(cache.snapshot().zones[0].nodes[0].endpoint, moved);
    assert_eq!(net.peer("a1").dials(), 2);
    assert_eq!(net.peer("a1").node.stats().connections, 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_reads() {
    let run = |seed| async move {
        let names = ["a1", "b1", "c1", "d1", "e1"];
        let net = Net::new(names);
        let cache = EvCache::builder(App::new("app").unwrap())
            .rng(fastrand::Rng::with_seed(seed))
            .fixed(net.dial(), names.map(endpoint));
        connected(&cache, 5).await;
        let mut order = vec![];
        for _ in 0..50 {
            let _ = cache.get("k").await.unwrap();
            let misses = names.map(|name| net.peer(name).node.stats().misses);
            order.push(misses);
        }
        order
    };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
    let last = run(1).await[49];
    assert!(last.iter().all(|reads| *reads > 0), "without a local zone all are read: {last:?}");
}
