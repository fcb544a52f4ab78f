//! tonic's `Channel::balance_list` and a client of orlop's, over three servers: one serves, one refuses all, one is gone.

use http::Uri;
use orlop::{
    BoxError, Endpoint, Settings,
    connect::{self, Http},
    discovery,
};
use orlop_bulkhead::{BulkheadLayer, Limit, core::grpc};
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    client::GrpcService,
    transport::{self, Channel, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

fn before(servers: &[SocketAddr]) -> Result<HealthClient<Channel>, BoxError> {
    let mut endpoints = Vec::new();
    for server in servers {
        let uri: Uri = format!("http://{server}").parse()?;
        endpoints.push(transport::Endpoint::from(uri).timeout(Duration::from_millis(300)));
    }
    Ok(HealthClient::new(Channel::balance_list(endpoints.into_iter())))
}

fn after(servers: &[SocketAddr]) -> Result<HealthClient<orlop::Client>, BoxError> {
    let mut settings = Settings::default();
    settings.retry = settings
        .retry
        .with_timeout(Duration::from_secs(1))
        .with_attempt_timeout(Duration::from_millis(300))
        .with_idempotent(true);
    let endpoints = servers.iter().map(|&addr| Endpoint::new(addr.to_string().as_str(), addr));
    let client = orlop::client("health")
        .settings(settings)
        .discover(discovery::fixed(endpoints))
        .connect(connect::hyper(Http::Two))
        .grpc()
        .build()?;
    Ok(HealthClient::new(client))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let servers = [serve(64).await?, serve(0).await?, gone];

    let failed = failures(before(&servers)?).await;
    println!("before: {failed} of 100 calls failed");
    assert!(failed > 0);
    let failed = failures(after(&servers)?).await;
    println!("after: {failed} of 100 calls failed");
    assert_eq!(failed, 0);
    Ok(())
}

async fn failures<T>(mut stub: HealthClient<T>) -> u32
where
    T: GrpcService<Body, ResponseBody: Send + 'static, Error: Into<BoxError>>,
    <T::ResponseBody as http_body::Body>::Error: Into<BoxError> + Send,
    T::ResponseBody: http_body::Body<Data = bytes::Bytes>,
{
    let mut failed = 0;
    for _ in 0..100 {
        let answer = stub.check(HealthCheckRequest { service: String::new() }).await;
        failed += u32::from(answer.is_err());
    }
    failed
}

/// A server that lets so many calls in at a time.
async fn serve(limit: usize) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(BulkheadLayer::grpc(Limit::new(limit)).respond(grpc::unavailable))
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(addr)
}
