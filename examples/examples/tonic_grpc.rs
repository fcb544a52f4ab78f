//! A gRPC server that refuses with UNAVAILABLE, and a gRPC client behind a circuit.

use orlop_breaker::{BreakerLayer, Circuit, Settings, core::grpc};
use orlop_bulkhead::{BulkheadLayer, Limit};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::{
    Code,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, ServiceBuilder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The server: one limit over all methods; a refusal is a gRPC status, with pushback where the time is known.
    let limit = Limit::new(8).named("server");
    let (_reporter, health) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = Server::builder()
        .layer(
            ServiceBuilder::new()
                .layer(BulkheadLayer::grpc(limit.clone()).respond(grpc::unavailable)),
        )
        .add_service(health)
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);

    // The client: the stub's transport is the channel behind a circuit; the status in the trailers decides.
    let circuit = Circuit::new(Settings::default()).named("health");
    let channel = Channel::from_shared(format!("http://{addr}"))?
        .timeout(Duration::from_secs(2))
        .connect_lazy();
    let guarded = BreakerLayer::grpc(circuit.clone()).respond(grpc::unavailable).layer(channel);
    let mut client = HealthClient::new(guarded);

    let answer = client.check(HealthCheckRequest { service: String::new() }).await?;
    println!("healthy: {:?}", answer.into_inner().status());

    limit.set_limit(0);
    for _ in 0..5 {
        let status = client.check(HealthCheckRequest { service: String::new() }).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        println!("server is full: {:?}: {}", status.code(), status.message());
    }
    let status = client.check(HealthCheckRequest { service: String::new() }).await.unwrap_err();
    println!("client gives up: {:?}: {}", status.code(), status.message());
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("circuit open"));
    Ok(())
}
