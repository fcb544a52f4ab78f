//! A tonic server behind a limit, a tonic channel behind a circuit.

use crate::support::until;
use futures_util::stream::{self, BoxStream, StreamExt};
use orlop::{
    breaker::{Breaker, BreakerLayer, Circuit, Settings, State},
    bulkhead::{BulkheadLayer, Limit},
    core::{
        OnBodyEnd, grpc,
        http::{FromExtensions, Respond},
    },
};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use tower::Layer;

/// `check` answers, or fails with the status that the request names; `watch` answers twice and then does the same, or
/// never ends.
struct Script;

fn outcome(wanted: &str) -> Option<Status> {
    match wanted {
        "" | "endless" => None,
        "not found" => Some(Status::not_found("no such service")),
        _ => Some(Status::unavailable("as asked")),
    }
}

const SERVING: HealthCheckResponse = HealthCheckResponse { status: 1 };

#[tonic::async_trait]
impl Health for Script {
    async fn check(
        &self,
        req: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        outcome(&req.get_ref().service).map_or(Ok(Response::new(SERVING)), Err)
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        req: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let wanted = req.into_inner().service;
        let twice = stream::iter([Ok(SERVING), Ok(SERVING)]);
        Ok(Response::new(match outcome(&wanted) {
            _ if wanted == "endless" => twice.chain(stream::pending()).boxed(),
            Some(status) => twice.chain(stream::iter([Err(status)])).boxed(),
            None => twice.boxed(),
        }))
    }
}

async fn serve(limit: &Limit) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = Server::builder()
        .layer(BulkheadLayer::grpc(limit.clone()).respond(grpc::unavailable))
        .add_service(HealthServer::new(Script));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    addr
}

fn channel(addr: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{addr}")).unwrap().connect_lazy()
}

fn ask(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn a_full_server_says_unavailable_and_a_stream_holds_its_slot_to_the_end() {
    let limit = Limit::new(1).named("health");
    let mut client = HealthClient::new(channel(serve(&limit).await));
    assert_eq!(client.check(ask("")).await.unwrap().into_inner(), SERVING);
    until("the slot of a call whose trailers are there", || limit.in_flight() == 0).await;

    let mut stream = client.watch(ask("endless")).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap(), Some(SERVING));
    assert_eq!(limit.in_flight(), 1);
    let status = client.check(ask("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "health: limit of calls in flight reached");

    drop(stream);
    until("the slot of a stream that was dropped", || limit.in_flight() == 0).await;
    let mut stream = client.watch(ask("")).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    until("the slot of a stream that ended", || limit.in_flight() == 0).await;
    client.check(ask("")).await.unwrap();
}

#[tokio::test]
async fn a_status_in_trailers_trips_a_circuit_and_an_open_one_says_unavailable() {
    let limit = Limit::new(64);
    let circuit = Circuit::new(Settings::default()).named("health");
    let guarded = BreakerLayer::grpc(circuit.clone())
        .respond(grpc::unavailable)
        .layer(channel(serve(&limit).await));
    let mut client = HealthClient::new(guarded);

    for failures in 0..5 {
        assert_eq!(circuit.snapshot().consecutive_failures(), failures);
        // Head and messages are fine; what came of the call stands in the trailers.
        let mut stream = client.watch(ask("unavailable")).await.unwrap().into_inner();
        assert_eq!(stream.message().await.unwrap(), Some(SERVING));
        assert_eq!(stream.message().await.unwrap(), Some(SERVING));
        assert_eq!(circuit.snapshot().consecutive_failures(), failures, "not before the end");
        assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!(circuit.state(), State::Open);
    let status = client.check(ask("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().starts_with("health: circuit open, retry after"), "{status:?}");
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
    until("all slots of the server", || limit.in_flight() == 0).await;
}

#[tokio::test]
async fn a_status_in_the_head_trips_it_too_and_the_callers_faults_do_not() {
    let limit = Limit::new(64);
    let circuit = Circuit::new(Settings::default());
    let guarded = BreakerLayer::grpc(circuit.clone())
        .respond(grpc::unavailable)
        .layer(channel(serve(&limit).await));
    let mut client = HealthClient::new(guarded);
    for _ in 0..10 {
        assert_eq!(client.check(ask("not found")).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(circuit.state(), State::Closed);
    for _ in 0..5 {
        assert_eq!(client.check(ask("x")).await.unwrap_err().message(), "as asked");
    }
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test]
async fn a_full_servers_refusal_is_an_answer_from_afar_for_the_clients_circuit() {
    // The mark that it is a local refusal does not cross the wire, and should not: the server is unavailable.
    let circuit = Circuit::new(Settings::default());
    let guarded: Breaker<_, Circuit, grpc::GrpcStatus, OnBodyEnd, Respond<_>, FromExtensions> =
        BreakerLayer::grpc(circuit.clone())
            .respond(grpc::unavailable)
            .layer(channel(serve(&Limit::new(0)).await));
    let mut client = HealthClient::new(guarded);
    for _ in 0..5 {
        assert_eq!(client.check(ask("")).await.unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!(circuit.state(), State::Open);
}
