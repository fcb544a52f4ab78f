//! A cache node: memcached's protocol, bounded memory.

use orlop_evcache::node::{Node, Settings};

use crate::BoxError;
use crate::ctx::Ctx;
use crate::net::Listener;

/// Memory for items. The demo's rows are a few kilobytes a member.
const MEMORY: usize = 64 << 20;

/// Serves connections until it is told to end.
///
/// # Errors
///
/// None: it ends when it is told to.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let wall = ctx.wall().clone();
    let node = Node::new(Settings::default().max_bytes(MEMORY), move || wall.now());
    let mut shutdown = std::pin::pin!(ctx.shutdown());
    loop {
        let accepted = tokio::select! {
            // Biased: no connection is taken once we are told to end.
            biased;
            () = &mut shutdown => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let node = node.clone();
                // What ends a connection early is the peer's; there is nobody here to tell.
                tokio::spawn(async move { drop(node.serve(stream).await) });
            }
            // Out of file descriptors, say: rest instead of spinning.
            Err(_) => tokio::time::sleep(crate::http::ACCEPT_REST).await,
        }
    }
}
