//! Serving a router on a listener: HTTP/1.1 and HTTP/2 on one port, bounded, with a graceful end.

mod first_bytes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;

use self::first_bytes::FirstBytes;
use crate::ctx::Ctx;
use crate::net::{Listener, Stream};

/// Connections one instance holds at a time; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 2_048;

/// How long a head may take to arrive, and how long a kept-alive connection may be idle. Clients must close earlier.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Rest after an accept that failed because the process is out of something, as hyper's own server once had it.
pub const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves `router` until `ctx` says shut down; then refuses new connections, lets running requests end for the drain
/// time of the settings, and returns.
///
/// Works for gRPC too: make the router with `tonic::service::Routes::into_axum_router`.
///
/// # Cancel safety
///
/// Dropping the future closes the listener; connections that were accepted go on until their runtime ends.
pub async fn serve(ctx: Ctx, listener: Listener, router: Router) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(ctx.shutdown());
    loop {
        let accepted = async {
            // Closed never: we hold the semaphore.
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            // Biased: no connection is taken once we are told to end.
            biased;
            () = &mut shutdown => break,
            next = accepted => next,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let connection = connection(stream, router.clone(), &graceful);
                tokio::spawn(async move {
                    let _slot = slot;
                    connection.await;
                });
            }
            Err(error) if of_one_connection(&error) => {}
            Err(_) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
    // Closed first: whoever connects now is refused and goes elsewhere at once.
    drop(listener);
    let deadline = ctx.drain_deadline();
    let _ = tokio::time::timeout_at(deadline, graceful.shutdown()).await;
}

fn connection(
    stream: Stream,
    router: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let io = TokioIo::new(FirstBytes::new(stream, HEAD_TIMEOUT));
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(io, service).into_owned();
    let watched = graceful.watch(connection);
    async move {
        // What ends a connection early (a reset, bad framing) is the peer's; there is nobody here to tell.
        let _ = watched.await;
    }
}

/// Whether accepting failed for this connection only, so that the next may be tried at once.
fn of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
