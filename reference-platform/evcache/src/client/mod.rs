//! One multiplexed connection to one node.
//!
//! Many tasks share it: their commands leave in one write, in the order they were asked, and the replies are handed
//! out in that order. It speaks the meta protocol only: memcached batches its replies, where it sends one packet for
//! each classic `get`.
//!
//! ```text
//!  get, set, ... --> queue --> write --+            +--> waiter 1
//!   (at most n in flight)              node -- read +--> (gone: its reply is thrown away)
//!                                                   +--> waiter 3
//! ```
//!
//! * The queue never grows past [`Settings::max_in_flight`]; what does not fit is refused at once.
//! * A waiter that leaves before its command is written takes it back. After that its reply is read and thrown away,
//!   and the slot is free only then.
//! * A connection on which something is in flight and nothing comes back for [`Settings::reply_timeout`] is closed:
//!   its node is frozen, or the way to it is gone.
//! * After a failure it is dialled again with capped exponential back-off and full jitter. Until a node has answered
//!   `mn`, everything is refused at once (`Down`), except before the first connection, when it waits.

mod backoff;
mod driver;
mod error;
mod flight;
mod settings;

use std::{
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use orlop_core::Endpoint;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use self::{
    driver::Driver,
    flight::{Op, Request, Slot},
};
pub use self::{
    error::{ClientError, ClientErrorKind},
    settings::Settings,
};
use crate::{
    Value,
    protocol::{Expiry, Key, Mode, Reply, ReplyFlag, Status},
};

/// A handle on the connection to one node. Clones share the connection; it closes when the last is dropped.
#[derive(Clone)]
pub struct Client {
    ops: mpsc::UnboundedSender<Op>,
    shared: Arc<Shared>,
}

/// How to open a connection to an endpoint. Closures `Fn(&Endpoint) -> Future<Output = io::Result<IO>>` are it.
pub trait Dial: Send + Sync + 'static {
    /// What comes of it.
    type Io: AsyncRead + AsyncWrite + Send + 'static;

    /// Opens a connection.
    fn dial(&self, endpoint: &Endpoint) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Being opened for the first time; commands wait.
    Connecting,
    /// Open, and the node has answered.
    Connected,
    /// Lost or not to be had; commands are refused until it is back.
    Down,
    /// The runtime that ran it has gone, so it never comes back.
    Closed,
}

/// What a connection did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Where it is in its life.
    pub state: ConnectionState,
    /// Commands asked and not yet answered.
    pub in_flight: usize,
    /// How often it was opened.
    pub connects: u64,
    /// How often it could not be opened, or broke.
    pub failures: u64,
}

/// What handles and driver share. All of it is for reports but `in_flight`, which is the bound: a slot is taken by
/// a read-modify-write, which alone makes it exact, so every access is Relaxed.
struct Shared {
    endpoint: Endpoint,
    settings: Settings,
    state: AtomicU8,
    in_flight: AtomicUsize,
    connects: AtomicU64,
    failures: AtomicU64,
}

// ===== impl Client =====

impl Client {
    /// Connects to an endpoint, and keeps at it; the connection runs as a task on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: use [`pair`](Client::pair) there.
    pub fn new<D: Dial>(
        endpoint: Endpoint,
        dial: D,
        settings: Settings,
        rng: fastrand::Rng,
    ) -> Self {
        let (client, run) = Self::pair(endpoint, dial, settings, rng);
        tokio::spawn(run);
        client
    }

    /// The client, and the future that runs its connection; it ends when the last handle is dropped.
    pub fn pair<D: Dial>(
        endpoint: Endpoint,
        dial: D,
        settings: Settings,
        rng: fastrand::Rng,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        // Unbounded, but every op in it holds one of `max_in_flight` slots.
        let (ops, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            endpoint,
            settings,
            state: AtomicU8::new(CONNECTING),
            in_flight: AtomicUsize::new(0),
            connects: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let driver = Driver::new(queue, Arc::clone(&shared), rng);
        (Self { ops, shared }, driver.run(dial))
    }

    /// The value of a key; `None` if the node does not have it.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when there was no answer, or none that says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the connection usable.
    pub async fn get(&self, key: &Key) -> Result<Option<Value>, ClientError> {
        match self.ask(Request::Get(key.clone())).await? {
            Reply::Meta { status: Status::Va, flags, value: Some(data) } => {
                let flags = flags
                    .iter()
                    .find_map(|f| if let ReplyFlag::Flags(n) = f { Some(*n) } else { None });
                Ok(Some(Value::new(data).with_flags(flags.unwrap_or(0))))
            }
            Reply::Meta { status: Status::En, .. } => Ok(None),
            other => Err(ClientError::unexpected(&other)),
        }
    }

    /// Stores a value.
    ///
    /// # Errors
    ///
    /// As [`get`](Client::get); also when the node refuses it, for example as too large.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the connection usable. The value may or may not be stored.
    pub async fn set(&self, key: &Key, value: &Value, expiry: Expiry) -> Result<(), ClientError> {
        self.store(key, value, expiry, Mode::Set).await.map(|_| ())
    }

    /// Stores a value if nothing is there; says whether it did.
    ///
    /// # Errors
    ///
    /// As [`set`](Client::set).
    ///
    /// # Cancel safety
    ///
    /// As [`set`](Client::set).
    pub async fn add(&self, key: &Key, value: &Value, expiry: Expiry) -> Result<bool, ClientError> {
        self.store(key, value, expiry, Mode::Add).await
    }

    /// Stores a value if something is there; says whether it did.
    ///
    /// # Errors
    ///
    /// As [`set`](Client::set).
    ///
    /// # Cancel safety
    ///
    /// As [`set`](Client::set).
    pub async fn replace(
        &self,
        key: &Key,
        value: &Value,
        expiry: Expiry,
    ) -> Result<bool, ClientError> {
        self.store(key, value, expiry, Mode::Replace).await
    }

    /// Removes a key; says whether it was there.
    ///
    /// # Errors
    ///
    /// As [`get`](Client::get).
    ///
    /// # Cancel safety
    ///
    /// As [`set`](Client::set).
    pub async fn delete(&self, key: &Key) -> Result<bool, ClientError> {
        match self.ask(Request::Delete(key.clone())).await? {
            Reply::Meta { status: Status::Hd, .. } => Ok(true),
            Reply::Meta { status: Status::Nf, .. } => Ok(false),
            other => Err(ClientError::unexpected(&other)),
        }
    }

    /// Gives a key a new expiry time; says whether it was there.
    ///
    /// # Errors
    ///
    /// As [`get`](Client::get).
    ///
    /// # Cancel safety
    ///
    /// As [`set`](Client::set).
    pub async fn touch(&self, key: &Key, expiry: Expiry) -> Result<bool, ClientError> {
        match self.ask(Request::Touch(key.clone(), expiry)).await? {
            Reply::Meta { status: Status::Hd, .. } => Ok(true),
            Reply::Meta { status: Status::En, .. } => Ok(false),
            other => Err(ClientError::unexpected(&other)),
        }
    }

    /// The endpoint it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// Where the connection is in its life.
    pub fn state(&self) -> ConnectionState {
        if self.ops.is_closed() {
            return ConnectionState::Closed;
        }
        match self.shared.state.load(Ordering::Relaxed) {
            CONNECTING => ConnectionState::Connecting,
            CONNECTED => ConnectionState::Connected,
            _ => ConnectionState::Down,
        }
    }

    /// What the connection did.
    pub fn stats(&self) -> ClientStats {
        ClientStats {
            state: self.state(),
            in_flight: self.shared.in_flight.load(Ordering::Relaxed),
            connects: self.shared.connects.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
        }
    }

    async fn store(
        &self,
        key: &Key,
        value: &Value,
        expiry: Expiry,
        mode: Mode,
    ) -> Result<bool, ClientError> {
        let request = Request::Set { key: key.clone(), value: value.clone(), expiry, mode };
        match self.ask(request).await? {
            Reply::Meta { status: Status::Hd, .. } => Ok(true),
            Reply::Meta { status: Status::Ns, .. } if mode != Mode::Set => Ok(false),
            other => Err(ClientError::unexpected(&other)),
        }
    }

    async fn ask(&self, request: Request) -> Result<Reply, ClientError> {
        let Some(slot) = Slot::take(&self.shared) else {
            return Err(ClientErrorKind::Full.into());
        };
        let (op, answer) = Op::new(request, slot);
        self.ops.send(op).map_err(|_| ClientError::from(ClientErrorKind::Closed))?;
        // Dropped without an answer: the driver is gone, and with it whoever would have told.
        answer.await.unwrap_or_else(|_| Err(ClientErrorKind::Closed.into()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", self.endpoint())
            .field("stats", &self.stats())
            .finish()
    }
}

// ===== impl Dial =====

impl<F, Fut, IO> Dial for F
where
    F: Fn(&Endpoint) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<IO>> + Send,
    IO: AsyncRead + AsyncWrite + Send + 'static,
{
    type Io = IO;

    fn dial(&self, endpoint: &Endpoint) -> impl Future<Output = io::Result<IO>> + Send {
        self(endpoint)
    }
}

// ===== impl Shared =====

const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
const DOWN: u8 = 2;

impl Shared {
    fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.state.store(CONNECTED, Ordering::Relaxed);
    }

    fn down(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.state.store(DOWN, Ordering::Relaxed);
    }
}
