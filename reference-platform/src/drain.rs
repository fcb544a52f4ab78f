//! The drain signal: said once, heard by everybody, also by those who ask later.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

/// Tells an instance to finish what it has and end.
#[derive(Debug, Clone)]
pub struct Drain(Arc<watch::Sender<bool>>);

impl Drain {
    /// Not draining yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Starts draining; a second time changes nothing.
    pub fn start(&self) {
        self.0.send_replace(true);
    }

    /// Whether draining has started.
    pub fn started(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when draining starts, at once if it already has.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and asked for again at any time.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut heard = self.0.subscribe();
        // The sender lives here too: without it the wait would end when the last `Drain` goes away.
        let _sender = Arc::clone(&self.0);
        async move {
            let _sender = _sender;
            let _ = heard.wait_for(|started| *started).await;
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}
