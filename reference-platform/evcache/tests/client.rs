//! The multiplexed connection: order, cancellation, bounds, frozen and dead nodes.

// Real sockets on loopback, and memcached itself: outside any simulation.
#![allow(clippy::disallowed_methods)]

mod support;

use std::{
    io,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::BytesMut;
use orlop_core::Endpoint;
use orlop_evcache::{
    Value,
    client::{Client, ClientErrorKind, ConnectionState, Settings},
    node::{self, Node},
    protocol::{Command, CommandParser, Expiry, Key, Limits, MetaFlag, Reply, ReplyFlag, Status},
};
use support::{Peer, State, endpoint, wall};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc,
    time::{self, Instant},
};
use tokio_test::{assert_pending, task};

fn key(text: &str) -> Key {
    Key::new(text.to_owned()).unwrap()
}

fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(1)
}

fn to_peer(peer: &Peer, settings: Settings) -> Client {
    let peer = peer.clone();
    let dial = move |_: &Endpoint| {
        let peer = peer.clone();
        async move { peer.dial(1024) }
    };
    Client::new(endpoint("a1"), dial, settings, rng())
}

/// A client whose connections a test answers by hand; the probe is answered already.
fn by_hand(settings: Settings) -> (Client, mpsc::UnboundedReceiver<Hand>) {
    let (hands, taken) = mpsc::unbounded_channel();
    let dial = move |_: &Endpoint| {
        let hands = hands.clone();
        async move {
            let (near, far) = tokio::io::duplex(1 << 16);
            hands.send(Hand::new(far)).map_err(io::Error::other)?;
            Ok(near)
        }
    };
    (Client::new(endpoint("a1"), dial, settings, rng()), taken)
}

/// The far end of a connection.
struct Hand {
    io: DuplexStream,
    parser: CommandParser,
    buf: BytesMut,
}

impl Hand {
    fn new(io: DuplexStream) -> Self {
        Self { io, parser: CommandParser::new(Limits::default()), buf: BytesMut::new() }
    }

    /// The next command; `None` when the client has closed.
    async fn read(&mut self) -> Option<Command> {
        loop {
            if let Some(command) =
                self.parser.next(&mut self.buf).expect("clients send valid commands")
            {
                return Some(command);
            }
            if self.io.read_buf(&mut self.buf).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn probe(&mut self) {
        assert_eq!(self.read().await, Some(Command::MetaNoop));
        self.write("MN\r\n").await;
    }

    async fn write(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }
}

/// The key and opaque of a `mg`.
fn asked(command: Option<Command>) -> (Key, String) {
    let Some(Command::MetaGet { key, flags }) = command else { panic!("not a get: {command:?}") };
    let opaque = flags.iter().find_map(|flag| match flag {
        MetaFlag::Opaque(token) => Some(String::from_utf8(token.to_vec()).unwrap()),
        _ => None,
    });
    (key, opaque.expect("every command carries an opaque"))
}

/// All that a client can ask, in an order in which each answer depends on those before.
async fn script(client: &Client) {
    let (k, none) = (key("k"), key("none"));
    let value = |text: &'static str| Value::new(text).with_flags(7);
    assert_eq!(client.get(&k).await.unwrap(), None);
    assert!(!client.replace(&k, &value("0"), Expiry::NEVER).await.unwrap(), "nothing to replace");
    assert!(client.add(&k, &value("1"), Expiry::NEVER).await.unwrap());
    assert!(!client.add(&k, &value("2"), Expiry::NEVER).await.unwrap(), "something is there");
    assert_eq!(client.get(&k).await.unwrap(), Some(value("1")));
    client.set(&k, &value("3"), Expiry::from_wire(100)).await.unwrap();
    assert!(
        client
            .replace(&k, &Value::new(vec![b'\n'; 100_000]), Expiry::from_wire(100))
            .await
            .unwrap()
    );
    assert_eq!(client.get(&k).await.unwrap(), Some(Value::new(vec![b'\n'; 100_000])));
    assert!(client.touch(&k, Expiry::from_wire(200)).await.unwrap());
    assert!(!client.touch(&none, Expiry::from_wire(200)).await.unwrap());
    client.set(&k, &Value::new(""), Expiry::NEVER).await.unwrap();
    assert_eq!(client.get(&k).await.unwrap(), Some(Value::new("")), "an empty value is a value");
    assert!(client.delete(&k).await.unwrap());
    assert!(!client.delete(&k).await.unwrap());
    client.set(&k, &value("past"), Expiry::from_wire(-1)).await.unwrap();
    assert_eq!(client.get(&k).await.unwrap(), None, "stored and past");
    let large = Value::new(vec![0; (1 << 20) + 1]);
    let error = client.set(&k, &large, Expiry::NEVER).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused, "{error}");
    assert_eq!(client.get(&k).await.unwrap(), None, "and the connection goes on");
}

#[tokio::test(start_paused = true)]
async fn each_command_over_duplex() {
    let peer = Peer::new();
    let client = to_peer(&peer, Settings::default());
    script(&client).await;
    assert_eq!(peer.dials(), 1);
    assert_eq!(client.stats().in_flight, 0);
}

#[tokio::test]
async fn each_command_over_tcp() {
    let node = Node::new(node::Settings::default(), wall);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        node.serve(socket).await
    });
    let dial = |endpoint: &Endpoint| {
        let address = endpoint.addr().to_string();
        tokio::net::TcpStream::connect(address)
    };
    let client = Client::new(Endpoint::new("n", address), dial, Settings::default(), rng());
    script(&client).await;
    drop(client);
    server
        .await
        .unwrap()
        .expect("the last handle closes the connection, and the node sees its end");
}

/// `ORLOP_MEMCACHED=host:port`, or the `memcached` binary as a child.
#[tokio::test]
#[ignore = "needs memcached"]
async fn real_memcached_takes_each_command() {
    let memcached = support_memcached::Memcached::start().await;
    let address = memcached.address.clone();
    let dial = move |_: &Endpoint| tokio::net::TcpStream::connect(address.clone());
    let client = Client::new(endpoint("a1"), dial, Settings::default(), rng());
    for name in ["k", "none"] {
        client.delete(&key(name)).await.unwrap();
    }
    script(&client).await;
    assert_eq!(client.stats().connects, 1, "no reply surprised the client");
}

#[path = "support/memcached.rs"]
mod support_memcached;

#[tokio::test(start_paused = true)]
async fn a_value_ends_with_its_time() {
    let client = to_peer(&Peer::new(), Settings::default());
    let k = key("k");
    client.set(&k, &Value::new("v"), Expiry::from_wire(10)).await.unwrap();
    time::advance(Duration::from_millis(9_999)).await;
    assert!(client.get(&k).await.unwrap().is_some());
    client.touch(&k, Expiry::from_wire(20)).await.unwrap();
    time::advance(Duration::from_millis(19_999)).await;
    assert!(client.get(&k).await.unwrap().is_some(), "touched");
    time::advance(Duration::from_millis(1)).await;
    assert!(client.get(&k).await.unwrap().is_none());
    let absolute = Expiry::after(Duration::from_secs(31 * 24 * 3600), wall());
    client.set(&k, &Value::new("v"), absolute).await.unwrap();
    assert!(client.get(&k).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_reply_nobody_waits_for_is_thrown_away() {
    let (client, mut hands) = by_hand(Settings::default());
    let mut hand = hands.recv().await.unwrap();
    hand.probe().await;
    let (k1, k2) = (key("k1"), key("k2"));
    let mut first = task::spawn(client.get(&k1));
    assert_pending!(first.poll());
    let (_, opaque1) = asked(hand.read().await);
    drop(first);
    assert_eq!(client.stats().in_flight, 1, "its slot is free only when its reply has come");
    let mut second = task::spawn(client.get(&k2));
    assert_pending!(second.poll());
    let (_, opaque2) = asked(hand.read().await);
    hand.write(&format!("VA 2 f0 O{opaque1}\r\nv1\r\nVA 2 f0 O{opaque2}\r\nv2\r\n")).await;
    assert_eq!(second.await.unwrap(), Some(Value::new("v2")));
    let stats = client.stats();
    assert_eq!((stats.in_flight, stats.connects, stats.failures), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_early_takes_the_command_back() {
    let (client, mut hands) = by_hand(Settings::default());
    let (k1, k2) = (key("k1"), key("k2"));
    // Before the connection is there, both commands wait.
    let mut first = task::spawn(client.get(&k1));
    let mut second = task::spawn(client.get(&k2));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(first);
    let mut hand = hands.recv().await.unwrap();
    hand.probe().await;
    let (key, opaque) = asked(hand.read().await);
    assert_eq!(key, k2, "k1 was never written");
    hand.write(&format!("EN O{opaque}\r\n")).await;
    assert_eq!(second.await.unwrap(), None);
    assert_eq!(client.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused_at_once() {
    let settings = Settings::default().max_in_flight(NonZeroUsize::new(2).unwrap());
    let (client, mut hands) = by_hand(settings);
    let mut hand = hands.recv().await.unwrap();
    hand.probe().await;
    let k = key("k");
    let mut one = task::spawn(client.get(&k));
    let mut two = task::spawn(client.get(&k));
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    let (_, opaque) = asked(hand.read().await);
    assert_eq!(client.get(&k).await.unwrap_err().kind(), ClientErrorKind::Full);
    drop(one);
    assert_eq!(
        client.get(&k).await.unwrap_err().kind(),
        ClientErrorKind::Full,
        "written, so not yet free"
    );
    hand.write(&format!("EN O{opaque}\r\n")).await;
    let (_, opaque) = asked(hand.read().await);
    hand.write(&format!("EN O{opaque}\r\n")).await;
    assert_eq!(two.await.unwrap(), None);
    assert_eq!(client.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_node_is_left_and_found_again() {
    let peer = Peer::new();
    let client = to_peer(&peer, Settings::default());
    let k = key("k");
    client.set(&k, &Value::new("v"), Expiry::NEVER).await.unwrap();
    peer.set(State::Frozen);
    let start = Instant::now();
    assert_eq!(client.get(&k).await.unwrap_err().kind(), ClientErrorKind::Lost);
    assert_eq!(start.elapsed(), Duration::from_millis(500), "the reply time-out, in virtual time");
    assert_eq!(client.state(), ConnectionState::Down);
    // It still accepts connections. They do not count until it answers, so callers do not wait for it again.
    time::advance(Duration::from_millis(200)).await;
    let again = Instant::now();
    assert_eq!(client.get(&k).await.unwrap_err().kind(), ClientErrorKind::Down);
    assert_eq!(again.elapsed(), Duration::ZERO);
    peer.set(State::Up);
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(client.state(), ConnectionState::Connected);
    assert_eq!(client.get(&k).await.unwrap(), Some(Value::new("v")));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_to_a_frozen_node_is_not_a_failure() {
    let peer = Peer::new();
    let client = to_peer(&peer, Settings::default());
    client.get(&key("k")).await.unwrap();
    peer.set(State::Frozen);
    time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(client.stats().failures, 0, "nothing was in flight");
    peer.set(State::Up);
    client.get(&key("k")).await.unwrap();
    assert_eq!(peer.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_node_that_makes_progress_is_kept() {
    let (client, mut hands) = by_hand(Settings::default());
    let mut hand = hands.recv().await.unwrap();
    hand.probe().await;
    let k = key("k");
    let mut gets: Vec<_> = (0..5).map(|_| task::spawn(client.get(&k))).collect();
    for get in &mut gets {
        assert_pending!(get.poll());
    }
    for get in gets {
        let (_, opaque) = asked(hand.read().await);
        time::sleep(Duration::from_millis(400)).await;
        hand.write(&format!("EN O{opaque}\r\n")).await;
        assert_eq!(get.await.unwrap(), None, "each reply within 500 ms of the one before");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_dialled_with_back_off_and_found_again() {
    let peer = Peer::new();
    let client = to_peer(&peer, Settings::default());
    let k = key("k");
    client.get(&k).await.unwrap();
    peer.set(State::Dead);
    tokio::task::yield_now().await;
    assert!(client.get(&k).await.is_err());
    time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.get(&k).await.unwrap_err().kind(), ClientErrorKind::Down);
    // Even draws from 0..=2 s average 1 s: 60 more in a minute; 30 and 150 are some twelve deviations away.
    let dials = peer.dials();
    assert!((30..=150).contains(&dials), "{dials} dials in a minute");
    peer.set(State::Up);
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(client.get(&k).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_first_connection_hears_that_there_is_none() {
    let peer = Peer::new();
    peer.set(State::Dead);
    let client = to_peer(&peer, Settings::default());
    assert_eq!(client.state(), ConnectionState::Connecting);
    assert_eq!(client.get(&key("k")).await.unwrap_err().kind(), ClientErrorKind::Down);

    let frozen = Peer::new();
    frozen.set(State::Frozen);
    let client = to_peer(&frozen, Settings::default());
    let start = Instant::now();
    assert_eq!(client.get(&key("k")).await.unwrap_err().kind(), ClientErrorKind::Down);
    assert_eq!(
        start.elapsed(),
        Duration::from_millis(500),
        "the connect time-out covers the probe"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_fits_no_command_breaks_the_connection() {
    for bad in ["VA 1 O999\r\nx\r\n", "EN Ojunk\r\n", "what\r\n", "VA 9999999\r\n"] {
        let (client, mut hands) = by_hand(Settings::default());
        let mut hand = hands.recv().await.unwrap();
        hand.probe().await;
        let k = key("k");
        let mut get = task::spawn(client.get(&k));
        assert_pending!(get.poll());
        asked(hand.read().await);
        hand.write(bad).await;
        assert_eq!(get.await.unwrap_err().kind(), ClientErrorKind::Lost, "after {bad:?}");
        assert_eq!(hand.read().await, None, "the client has closed");
    }
    let (client, mut hands) = by_hand(Settings::default());
    let mut hand = hands.recv().await.unwrap();
    hand.probe().await;
    hand.write("EN\r\n").await;
    assert_eq!(hand.read().await, None, "a reply to nothing");
    assert_eq!(client.stats().failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_node_with_full_buffers_is_left_too() {
    let peer = Peer::new();
    let client = to_peer(&peer, Settings::default());
    let k = key("k");
    client.get(&k).await.unwrap();
    peer.set(State::Frozen);
    // Far more than the pipe takes: the writer is stuck, and more commands wait behind it.
    let large = Value::new(vec![0; 100_000]);
    let (a, b, c) = tokio::join!(
        client.set(&k, &large, Expiry::NEVER),
        client.set(&k, &large, Expiry::NEVER),
        client.get(&k)
    );
    assert_eq!(a.unwrap_err().kind(), ClientErrorKind::Lost);
    for later in [b.map(|()| None), c] {
        let kind = later.unwrap_err().kind();
        assert!(matches!(kind, ClientErrorKind::Lost | ClientErrorKind::Down), "{kind:?}");
    }
    assert_eq!(client.stats().in_flight, 0);
}

#[test]
fn a_client_outlives_its_runtime_with_an_error() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let client = first.block_on(async {
        let client = to_peer(&Peer::new(), Settings::default());
        client.get(&key("k")).await.unwrap();
        client
    });
    drop(first);
    assert_eq!(client.state(), ConnectionState::Closed);
    let error = runtime().block_on(client.get(&key("k"))).unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Closed);
}

/// Answers each get with its key, after a while, a few bytes at a time.
async fn echo(mut hand: Hand, mut rng: fastrand::Rng, answered: Arc<Mutex<u64>>) {
    while let Some(command) = hand.read().await {
        if command == Command::MetaNoop {
            hand.write("MN\r\n").await;
            continue;
        }
        let (key, opaque) = asked(Some(command));
        time::sleep(Duration::from_micros(rng.u64(..2000))).await;
        let flags = vec![ReplyFlag::Flags(0), ReplyFlag::Opaque(opaque.into())];
        let mut out = BytesMut::new();
        let value = Some(key.as_bytes().to_vec().into());
        Reply::Meta { status: Status::Va, flags, value }.encode(&mut out);
        while !out.is_empty() {
            let piece = out.split_to(rng.usize(1..=out.len()));
            hand.io.write_all(&piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        *answered.lock().unwrap() += 1;
    }
}

/// Whoever gets an answer gets his own, whoever else gave up when.
#[test]
fn replies_find_their_callers_under_random_cancellation() {
    for seed in 0..40 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (client, mut hands) = by_hand(Settings::default());
            let answered = Arc::new(Mutex::new(0));
            tokio::spawn(echo(hands.recv().await.unwrap(), rng.fork(), Arc::clone(&answered)));
            let callers = (0..100).map(|n| {
                let (client, start, patience) = (client.clone(), rng.u64(..50), rng.u64(..100));
                tokio::spawn(async move {
                    time::sleep(Duration::from_millis(start)).await;
                    let k = key(&format!("key-{n}"));
                    match time::timeout(Duration::from_millis(patience), client.get(&k)).await {
                        Ok(got) => {
                            let got = got.unwrap().expect("every key is there");
                            assert_eq!(got.data()[..], *k.as_bytes(), "seed {seed}");
                            true
                        }
                        Err(_) => false,
                    }
                })
            });
            let callers: Vec<_> = callers.collect();
            let mut heard = 0;
            for caller in callers {
                heard += u64::from(caller.await.unwrap());
            }
            // Until the replies that nobody waits for have come too.
            time::sleep(Duration::from_secs(1)).await;
            let answered = *answered.lock().unwrap();
            let stats = client.stats();
            assert_eq!((stats.in_flight, stats.failures, stats.connects), (0, 0, 1), "seed {seed}");
            assert!(
                0 < heard && heard < answered,
                "seed {seed}: {heard} heard of {answered}: some must have left"
            );
        });
    }
}
