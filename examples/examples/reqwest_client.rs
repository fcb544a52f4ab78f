//! The same client over a reqwest client that you set up, with its TLS, proxies and pool.

use axum::{Router, routing::get};
use http::Request;
use http_body_util::BodyExt;
use orlop::{Body, BoxError, Endpoint, connect, discovery};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::new("catalogue-1", listener.local_addr()?);
    let app = Router::new().route("/titles/{id}", get(async || "a title"));
    tokio::spawn(axum::serve(listener, app).into_future());
    // Nobody listens here: port 9 of loopback.
    let dead = Endpoint::new("catalogue-2", ([127, 0, 0, 1], 9));

    let client = orlop::client("catalogue")
        .discover(discovery::fixed(vec![endpoint, dead]))
        .connect(connect::reqwest(reqwest::Client::builder(), "http")?)
        .build()?;

    for id in 1..=10 {
        let request = Request::get(format!("/titles/{id}")).body(Body::empty())?;
        let response = client.send(request).await?;
        let status = response.status();
        let text = response.into_body().collect().await?.to_bytes();
        println!("title {id}: {status} {text:?}");
        assert_eq!(status, 200, "a connection that fails is tried elsewhere");
    }
    Ok(())
}
