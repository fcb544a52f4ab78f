//! Nodes in the same process that can be killed, frozen and brought back.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use orlop_core::Endpoint;
use orlop_evcache::node::{Node, Settings};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    sync::watch,
};

/// A process that runs a node, as far as its clients can tell.
#[derive(Clone)]
pub struct Peer {
    pub node: Node,
    state: watch::Sender<State>,
    dials: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    /// As after SIGSTOP: connections are accepted, by the kernel, and nothing is ever answered.
    Frozen,
    /// Connections are refused, open ones closed, and what was cached is lost.
    Dead,
}

pub fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

impl Peer {
    pub fn new() -> Self {
        let node = Node::new(Settings::default(), wall);
        Self { node, state: watch::Sender::new(State::Up), dials: Arc::default() }
    }

    pub fn set(&self, state: State) {
        if state == State::Dead {
            self.node.clear();
        }
        self.state.send_replace(state);
    }

    pub fn dials(&self) -> u64 {
        self.dials.load(Ordering::Relaxed)
    }

    pub fn dial(&self, buffer: usize) -> io::Result<DuplexStream> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        if *self.state.borrow() == State::Dead {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = tokio::io::duplex(buffer);
        tokio::spawn(serve(self.node.clone(), far, self.state.subscribe()));
        Ok(near)
    }
}

async fn serve(node: Node, far: impl AsyncRead + AsyncWrite, mut state: watch::Receiver<State>) {
    let mut serving = std::pin::pin!(node.serve(far));
    loop {
        let now = *state.borrow_and_update();
        match now {
            State::Dead => return,
            State::Frozen => {
                if state.changed().await.is_err() {
                    return;
                }
            }
            State::Up => tokio::select! {
                biased;
                changed = state.changed() => if changed.is_err() {
                    return;
                },
                _ = &mut serving => return,
            },
        }
    }
}

/// An endpoint named like its zone and number: `a1` is in zone `a`.
pub fn endpoint(name: &str) -> Endpoint {
    let last = name.as_bytes()[name.len() - 1] - b'0';
    Endpoint::builder(name.to_owned(), ([127, 0, name.as_bytes()[0] - b'a' + 1, last], 11211))
        .zone(name[..1].to_owned())
        .build()
}
