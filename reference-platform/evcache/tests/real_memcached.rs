//! The cache over three memcached processes, one a zone.

// Real sockets on loopback: outside any simulation.
#![allow(clippy::disallowed_methods)]

use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

use orlop_evcache::{App, EvCache, Latch, Settings, Value, client, core::Endpoint};
use tokio::net::TcpStream;

#[path = "support/memcached.rs"]
mod support_memcached;
use support_memcached::Memcached;

const TTL: Duration = Duration::from_secs(900);

/// Long enough for a busy machine: nothing here is about time.
fn settings() -> Settings {
    let long = Duration::from_secs(10);
    let connection = client::Settings::default()
        .connect_timeout(long)
        .reply_timeout(long)
        .max_in_flight(NonZeroUsize::new(4096).unwrap());
    Settings::default()
        .local_timeout(long)
        .remote_timeout(long)
        .read_deadline(long)
        .write_timeout(long)
        .connection(connection)
}

#[tokio::test]
#[ignore = "needs memcached"]
async fn real_memcached_in_three_zones_outlives_one() {
    let mut nodes = vec![];
    for zone in ["a", "b", "c"] {
        nodes.push((zone, Memcached::child().await));
    }
    let endpoints = nodes.iter().map(|(zone, memcached)| {
        let address: SocketAddr = memcached.address.parse().unwrap();
        Endpoint::builder(format!("cache-{zone}"), address).zone(*zone).build()
    });
    let cache = EvCache::builder(App::new("home").unwrap())
        .local_zone("a")
        .settings(settings())
        .fixed(|node: &Endpoint| TcpStream::connect(node.addr().to_string()), endpoints);
    let long = "k".repeat(1000);
    for key in ["k", "#k", &long] {
        let value = Value::new(format!("value of {key}")).with_flags(7);
        assert_eq!(cache.get(key).await.unwrap(), None);
        assert_eq!(cache.set(key, value.clone(), TTL, Latch::All).await.unwrap().successes, 3);
        assert_eq!(
            cache.touch(key, TTL * 4000, Latch::All).await.unwrap().successes,
            3,
            "an absolute time"
        );
        assert_eq!(cache.get(key).await.unwrap(), Some(value.clone()));
        assert_eq!(cache.delete(key, Latch::All).await.unwrap().successes, 3);
        assert_eq!(cache.get(key).await.unwrap(), None);
        assert!(cache.set(key, value, TTL, Latch::All).await.unwrap().is_satisfied());
    }
    // Many callers on each connection.
    let tasks: Vec<_> = (0..1000)
        .map(|n| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let key = format!("many-{n}");
                assert!(
                    cache.set(&key, key.clone(), TTL, Latch::All).await.unwrap().is_satisfied()
                );
                assert_eq!(cache.get(&key).await.unwrap(), Some(Value::new(key)));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let before = cache.snapshot();
    assert_eq!(before.counts.hits_remote, 0);
    assert!(before.zones.iter().all(|zone| zone.nodes[0].connection.connects == 1));

    drop(nodes.remove(0)); // Zone a's process is killed.
    for key in ["k", "#k", &long] {
        let value = Value::new(format!("value of {key}")).with_flags(7);
        assert_eq!(cache.get(key).await.unwrap(), Some(value), "from another zone");
    }
    let quorum = cache.set("k", "new", TTL, Latch::Quorum).await.unwrap();
    assert!(quorum.is_satisfied() && quorum.successes == 2);
    let all = cache.set("k", "new", TTL, Latch::All).await.unwrap();
    assert!(!all.is_satisfied(), "{all:?}");
    assert_eq!(cache.snapshot().counts.hits_remote, 3);
}
