//! A small node that speaks memcached's protocol, for demos and tests. Beyond one machine, run memcached.
//!
//! It keeps what fits in a given number of bytes and forgets the least recently used; it persists nothing. Differences
//! from memcached 1.6 are in the crate's README.

mod execute;
mod settings;
mod store;

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::Instant,
};

pub use self::settings::Settings;
use self::{execute::Session, store::Shards};

/// A reply buffer this full is sent before the next command is looked at, in bytes.
const FLUSH_AT: usize = 64 * 1024;

/// Room for input that a connection starts with, in bytes.
const READ_ROOM: usize = 8 * 1024;

/// A cache node. Clones are the same node.
///
/// # Examples
///
/// ```
/// use orlop_evcache::node::{Node, Settings};
/// use std::time::SystemTime;
///
/// # async fn accept() -> std::io::Result<()> {
/// let node = Node::new(Settings::default().max_bytes(16 << 20), SystemTime::now);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// loop {
///     let (socket, _) = listener.accept().await?;
///     let node = node.clone();
///     tokio::spawn(async move { node.serve(socket).await });
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    shards: Shards,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
    counts: Counts,
}

/// How often what happened. Each is a statistic by itself: Relaxed, nothing is read through them.
#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    sets: AtomicU64,
    deletes: AtomicU64,
    touches: AtomicU64,
    errors: AtomicU64,
}

/// What a node did and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections open now.
    pub connections: u64,
    /// Reads that found something.
    pub hits: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Values stored.
    pub sets: u64,
    /// Keys deleted that were there.
    pub deletes: u64,
    /// Keys touched that were there.
    pub touches: u64,
    /// Commands answered with an error.
    pub errors: u64,
    /// Live items forgotten for want of room.
    pub evicted: u64,
    /// Items found expired.
    pub expired: u64,
    /// Items held.
    pub items: u64,
    /// Bytes they count for, overhead included.
    pub bytes: u64,
}

/// One moment on both clocks, read once per command.
#[derive(Clone, Copy)]
struct Moment {
    now: Instant,
    wall: SystemTime,
}

// ===== impl Node =====

impl Node {
    /// An empty node. `wall` is the wall clock: expiry times over 30 days are absolute.
    pub fn new(settings: Settings, wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let inner = Inner {
            shards: Shards::new(&settings),
            settings,
            wall: Box::new(wall),
            counts: Counts::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Serves one connection until the peer closes it, says `quit`, or breaks the protocol beyond repair.
    ///
    /// It reads no further while the peer does not take its replies, so a connection holds at most one command and
    /// about 64 KiB of replies besides one value.
    ///
    /// # Errors
    ///
    /// What reading or writing says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection. A command is either done or not begun.
    pub async fn serve<IO>(&self, io: IO) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite,
    {
        let _open = Open::new(&self.inner.counts.connections);
        let mut io = std::pin::pin!(io);
        let mut session = Session::new(self.inner.settings.limits);
        let mut input = BytesMut::with_capacity(READ_ROOM);
        let mut output = BytesMut::new();
        loop {
            let go_on = self.answer(&mut session, &mut input, &mut output);
            // Replies to a batch of pipelined commands leave together.
            if !output.is_empty() {
                io.write_all(&output).await?;
                io.flush().await?;
                output.clear();
            }
            match go_on {
                Step::Again => continue,
                Step::Close => return io.shutdown().await,
                Step::Read => {}
            }
            if input.capacity() == input.len() {
                input.reserve(READ_ROOM);
            }
            if io.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
    }

    /// What it did and holds.
    pub fn stats(&self) -> Stats {
        let counts = &self.inner.counts;
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let held = self.inner.shards.held();
        Stats {
            connections: get(&counts.connections),
            hits: get(&counts.hits),
            misses: get(&counts.misses),
            sets: get(&counts.sets),
            deletes: get(&counts.deletes),
            touches: get(&counts.touches),
            errors: get(&counts.errors),
            evicted: held.evicted,
            expired: held.expired,
            items: held.items,
            bytes: held.bytes,
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.inner.shards.clear();
    }
}

/// What a connection does next.
enum Step {
    Read,
    Again,
    Close,
}

/// Counts a connection while it is open.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
