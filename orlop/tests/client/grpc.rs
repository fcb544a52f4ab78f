//! The client as the transport of a tonic stub.

use crate::support::{in_flight, nobody, settings};
use orlop::{
    Client, Endpoint,
    breaker::State,
    connect::{self, Http},
    discovery,
};
use std::num::NonZeroU32;
use tokio::net::TcpListener;
use tonic::{
    Code,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

async fn health_server() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Endpoint::new("alive", addr)
}

fn over(endpoints: Vec<Endpoint>, settings: orlop::Settings) -> Client {
    orlop::client("health")
        .settings(settings)
        .discover(discovery::fixed(endpoints))
        .connect(connect::hyper(Http::Two))
        .grpc()
        .seeded(1)
        .build()
        .unwrap()
}

fn whole() -> HealthCheckRequest {
    HealthCheckRequest { service: String::new() }
}

#[tokio::test]
async fn a_stub_calls_through_the_client() {
    /// A stub in a struct, as an application keeps it.
    #[derive(Clone)]
    struct App {
        health: HealthClient<Client>,
    }
    let nobody = nobody();
    let dead = Endpoint::new("dead", nobody.addr);
    let client = over(vec![health_server().await, dead], settings(Some(20_000), None));
    let mut app = App { health: HealthClient::new(client.clone()) };
    for _ in 0..10 {
        let answer = app.health.check(whole()).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "serving");
    }
    let snapshot = client.snapshot();
    assert!(snapshot.retries.unsent > 0, "the dead endpoint was tried: {:?}", snapshot.retries);
    assert_eq!(in_flight(&snapshot), 0);

    // A status of the service's own comes through as it is, and is no failure of the endpoint.
    for _ in 0..10 {
        let request = HealthCheckRequest { service: "nobody's".into() };
        assert_eq!(app.health.check(request).await.unwrap_err().code(), Code::NotFound);
    }
    let alive = client.snapshot().endpoints.into_iter().find(|e| e.id.as_str() == "alive");
    assert_eq!(alive.unwrap().circuit, Some(State::Closed));
}

#[tokio::test]
async fn an_open_stream_keeps_its_permit_until_it_is_dropped() {
    let mut settings = settings(Some(20_000), None);
    settings.limit = Some(NonZeroU32::MIN);
    let client = over(vec![health_server().await], settings);
    let mut stub = HealthClient::new(client.clone());
    let mut stream = stub.watch(whole()).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);
    assert_eq!(in_flight(&client.snapshot()), 1);

    let status = stub.check(whole()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.message().contains("health: all endpoints refused"), "{status:?}");
    drop(stream);
    assert_eq!(in_flight(&client.snapshot()), 0);
    stub.check(whole()).await.unwrap();
}

// Paused, since the third call's retry waits until the circuit lets a probe pass.
#[tokio::test(start_paused = true)]
async fn what_no_server_said_has_a_status_too() {
    let mut none = HealthClient::new(over(vec![], settings(None, None)));
    let status = none.check(whole()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().ends_with("health: no endpoints"), "{status:?}");

    let nobody = nobody();
    let dead = Endpoint::new("dead", nobody.addr);
    let client = over(vec![dead], settings(None, None));
    let mut stub = HealthClient::new(client.clone());
    let status = stub.check(whole()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("request not sent"), "{status:?}");
    // Three attempts a call: the second call's second failure is the fifth.
    assert_eq!(stub.check(whole()).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(client.snapshot().endpoints[0].circuit, Some(State::Open));
    let status = stub.check(whole()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("all endpoints refused"), "{status:?}");
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_deadline_exceeded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let frozen = Endpoint::new("frozen", listener.local_addr().unwrap());
    let mut stub = HealthClient::new(over(vec![frozen], settings(Some(300), Some(100))));
    let status = stub.check(whole()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(status.message().contains("no answer after"), "{status:?}");
}
