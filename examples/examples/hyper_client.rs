//! A whole client from a name: three servers, of which one fails and one never answers.

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use orlop::{
    Body, BoxError, Endpoint, Settings,
    connect::{self, Http},
    discovery,
};
use std::{collections::BTreeMap, time::Duration};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let endpoints = vec![
        server("good", get(async || "hello from good")).await?,
        server("failing", get(async || StatusCode::INTERNAL_SERVER_ERROR)).await?,
        server("frozen", get(async || std::future::pending::<()>().await)).await?,
    ];

    let mut settings = Settings::default();
    settings.retry.timeout = Some(Duration::from_secs(2));
    settings.retry.attempt_timeout = Some(Duration::from_millis(150));
    let client: orlop::Client = orlop::client("greeter")
        .settings(settings)
        .discover(discovery::fixed(endpoints))
        .connect(connect::hyper(Http::One))
        .build()?;

    let mut answers = BTreeMap::new();
    for _ in 0..60 {
        let request = Request::get("/greeting").body(Body::empty())?;
        let response = client.send(request).await?;
        let status = response.status();
        let text = response.into_body().collect().await?.to_bytes();
        *answers.entry((status.as_u16(), text)).or_insert(0) += 1;
    }
    println!("{answers:#?}");
    for endpoint in client.snapshot().endpoints {
        println!("{endpoint:?}");
    }
    let good: u32 = answers.iter().filter(|((status, _), _)| *status == 200).map(|(_, n)| n).sum();
    assert_eq!(good, 60, "every call is answered by the one server that works");
    Ok(())
}

async fn server(
    name: &'static str,
    answer: axum::routing::MethodRouter,
) -> std::io::Result<Endpoint> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, Router::new().route("/greeting", answer)).into_future());
    Ok(Endpoint::new(name, addr))
}
