//! A registry behind hyper's server, and the client over hyper's client, on loopback.
// Real sockets and the real clock are what this is about.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client as Http,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use orlop_registry::{
    Registry, Settings,
    client::eureka::{Beat, Client, wire::InstanceInfo},
};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_client_registers_over_a_socket() {
    let registry = Registry::new(Settings::new().empty_wait(Duration::ZERO), [], SystemTime::now);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/eureka/v2", listener.local_addr().unwrap());
    let served = registry.clone();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(served.clone());
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });

    let http: Http<_, Full<Bytes>> = Http::builder(TokioExecutor::new()).build_http();
    let client = Client::new(http, [&url]).unwrap();
    let mut instance = InstanceInfo::new("orders", "host:orders:8080", "127.0.0.1", 8080);
    instance.last_dirty_timestamp = 5;
    client.register(&instance).await.unwrap();
    let status = instance.status;
    let beat = async |id: &str| client.heartbeat("ORDERS", id, status, 5).await.unwrap();
    assert_eq!(beat("host:orders:8080").await, Beat::Renewed);
    assert_eq!(beat("somebody else").await, Beat::Unknown);
    let all = client.fetch_all().await.unwrap();
    assert_eq!(all.hashcode, "UP_1_");
    assert_eq!(client.fetch_delta().await.unwrap().hashcode, "UP_1_");
    client.deregister("ORDERS", "host:orders:8080").await.unwrap();
    assert!(client.fetch_app("orders").await.unwrap().is_none());
    server.abort();
}
