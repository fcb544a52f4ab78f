//! A circuit for each host in front of a reqwest client, as a middleware.

use axum::{Router, routing::get};
use http::StatusCode;
use orlop::{
    BoxError, Rejected,
    breaker::{Circuits, Settings},
    reqwest_middleware::GateMiddleware,
};
use reqwest_middleware::ClientBuilder;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let good = server(get(async || "a title")).await?;
    let broken = server(get(async || StatusCode::INTERNAL_SERVER_ERROR)).await?;

    let hosts: Circuits<String> = Circuits::new(Settings::default());
    let gate = hosts.keyed(|req: &reqwest::Request| req.url().authority().to_owned());
    let client = ClientBuilder::new(reqwest::Client::new()).with(GateMiddleware::new(gate)).build();

    for _ in 0..5 {
        println!("{broken}: {}", client.get(&broken).send().await?.status());
    }
    // Five failures in a row opened the circuit of that host.
    let error = client.get(&broken).send().await.unwrap_err();
    let refused = Rejected::find(&error).ok_or("the circuit refuses now")?;
    println!("{broken}: {refused}");
    // And of no other.
    let title = client.get(&good).send().await?.text().await?;
    println!("{good}: {title}");
    assert_eq!(title, "a title");
    Ok(())
}

async fn server(answer: axum::routing::MethodRouter) -> std::io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, Router::new().route("/", answer)).into_future());
    Ok(url)
}
