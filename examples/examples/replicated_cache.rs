//! A cache with a copy in each of three zones: written to all, read from the nearest, one zone dead.

use orlop_evcache::{
    App, EvCache, Latch,
    core::{Addr, Endpoint},
    node::{Node, Settings},
};
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut nodes = Vec::new();
    let mut endpoints = Vec::new();
    for zone in ["a", "b", "c"] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = Endpoint::builder(format!("cache-{zone}"), listener.local_addr()?);
        endpoints.push(endpoint.zone(zone).build());
        nodes.push(tokio::spawn(serve(listener)));
    }
    let dial = |endpoint: &Endpoint| {
        let addr = endpoint.addr().clone();
        async move {
            match addr {
                Addr::Ip(addr) => TcpStream::connect(addr).await,
                other => Err(std::io::Error::other(format!("{other} is no address"))),
            }
        }
    };
    let cache = EvCache::builder(App::new("home")?).local_zone("a").fixed(dial, endpoints);

    let rows: &[u8] = b"rows of ada";
    let written = cache.set("ada", rows.to_vec(), Duration::from_secs(60), Latch::All).await?;
    println!("written to {} of 3 zones", written.successes);
    println!("read: {:?}", cache.get("ada").await?.map(|value| value.into_data()));

    // The local zone dies; reads go to another one.
    nodes.remove(0).abort();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let value = cache.get("ada").await?.map(|value| value.into_data());
    println!("read with zone a dead: {value:?}");
    assert_eq!(value.as_deref(), Some(rows));
    let written = cache.set("ada", rows.to_vec(), Duration::from_secs(60), Latch::Quorum).await?;
    assert!(written.is_satisfied(), "two of three are a quorum");
    Ok(())
}

async fn serve(listener: TcpListener) {
    let node = Node::new(Settings::default(), SystemTime::now);
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let node = node.clone();
        // Dropped with this task, so that a node that dies takes its connections along.
        connections.spawn(async move { drop(node.serve(stream).await) });
    }
}
