//! Does an instance answer?

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::BoxError;
use crate::net::Net;
use crate::services::health::INSTANCE_HEADER;
use crate::topology::Instance;

/// How long one question may take: a frozen instance accepts and says nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks an instance once: `/health` where it speaks HTTP, `version` where it speaks memcached's protocol.
///
/// # Errors
///
/// Refused, silent for 500 ms, not healthy, or another program altogether.
pub async fn probe(net: Net, instance: &Instance) -> Result<(), BoxError> {
    tokio::time::timeout(PATIENCE, ask(net, instance)).await.map_err(|_| "does not answer")?
}

async fn ask(net: Net, instance: &Instance) -> Result<(), BoxError> {
    let mut stream = net.dial(instance.addr).await?;
    if !instance.service.speaks_http() {
        // An answer, not a connection: the kernel connects for a process that stands still.
        stream.write_all(b"version\r\n").await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await?;
        return if &answer == b"VERSION " { Ok(()) } else { Err("answers nonsense".into()) };
    }
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/health")
        .header(header::HOST, instance.addr.to_string())
        .header(header::CONNECTION, "close")
        .body(Body::empty())?;
    let driven = async {
        // How the connection ends, the exchange knows too.
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    let response = tokio::select! {
        response = send.send_request(request) => response?,
        never = driven => match never {},
    };
    let who = response.headers().get(INSTANCE_HEADER);
    if who.is_none_or(|who| who.as_bytes() != instance.name.as_bytes()) {
        return Err("another program answers there".into());
    }
    match response.status() {
        StatusCode::OK => Ok(()),
        status => Err(format!("answers {status}").into()),
    }
}
