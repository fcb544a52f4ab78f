//! An axum router with one limit over several routes. A full house answers 503 with `Retry-After`.

use axum::{Router, routing::get};
use orlop_bulkhead::{BulkheadLayer, Limit, core::http};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limit = Limit::new(2).named("api");

    // The layer is applied once per route by axum; the limit is the value, so all routes share it.
    let app = Router::new()
        .route("/slow", get(slow))
        .route("/fast", get(async || "fast"))
        .layer(BulkheadLayer::http(limit.clone()).respond(http::unavailable));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app).into_future());

    // Two slow calls take all slots; a third, on another route, is refused at once.
    let client = reqwest::Client::new();
    let busy = [client.get(format!("{url}/slow")).send(), client.get(format!("{url}/slow")).send()];
    let busy = tokio::spawn(futures_of(busy));
    while limit.in_flight() < 2 {
        tokio::task::yield_now().await;
    }
    let refused = client.get(format!("{url}/fast")).send().await?;
    println!("with two calls in flight: {}", refused.status());
    assert_eq!(refused.status(), 503);

    for answer in busy.await? {
        println!("a slow call: {}", answer?.status());
    }
    let fast = client.get(format!("{url}/fast")).send().await?;
    println!("afterwards: {} {}", fast.status(), fast.text().await?);
    server.abort();
    Ok(())
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    "slow"
}

async fn futures_of<F: Future>(futures: [F; 2]) -> [F::Output; 2] {
    let [a, b] = futures;
    tokio::join!(a, b).into()
}
