//! The life of a connection: dial, converse, break, wait, dial again.

use std::{io, sync::Arc};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc::UnboundedReceiver,
    time::{self, Instant},
};

use super::{
    ClientError, ClientErrorKind, Dial, Shared, backoff,
    flight::{Flight, Op},
};
use crate::protocol::{Reply, ReplyParser, Status};

/// Commands taken from the queue at once.
const BATCH: usize = 256;

/// Encoded commands this many bytes long are written before more are encoded.
const WRITE_AT: usize = 64 * 1024;

/// Room for replies, in bytes.
const READ_ROOM: usize = 16 * 1024;

pub(super) struct Driver {
    queue: UnboundedReceiver<Op>,
    shared: Arc<Shared>,
    rng: fastrand::Rng,
}

/// Why a conversation is over.
enum Over {
    /// No handle is left.
    Done,
    Broken(io::Error),
}

// ===== impl Driver =====

impl Driver {
    pub(super) fn new(
        queue: UnboundedReceiver<Op>,
        shared: Arc<Shared>,
        rng: fastrand::Rng,
    ) -> Self {
        Self { queue, shared, rng }
    }

    pub(super) async fn run<D: Dial>(mut self, dial: D) {
        let mut failures = 0_u32;
        let mut first = true;
        loop {
            match self.connect(&dial, first).await {
                None => return,
                Some(Err(_)) => {}
                Some(Ok(io)) => {
                    self.shared.connected();
                    let flight = Flight::new(Instant::now());
                    let over = converse(io, &mut self.queue, &flight, &self.shared).await;
                    // Down before anybody hears of it, so that who asks again is not told to wait here.
                    self.shared.down();
                    match over {
                        Over::Done => return,
                        Over::Broken(error) => {
                            flight.fail(&ClientError::new(ClientErrorKind::Lost, error))
                        }
                    }
                    // Only a reply is recovery: a node that accepts and then drops everyone must be left alone too.
                    if flight.any_answered() {
                        failures = 0;
                    }
                }
            }
            first = false;
            failures = failures.saturating_add(1);
            if !self.pause(failures).await {
                return;
            }
        }
    }

    /// Opens a connection and has it answer. `None` when no handle is left.
    async fn connect<D: Dial>(&mut self, dial: &D, first: bool) -> Option<io::Result<Io<D::Io>>> {
        let settings = self.shared.settings;
        let shared = Arc::clone(&self.shared);
        let opening = async {
            time::timeout(settings.connect_timeout, async {
                let (mut read, mut write) = tokio::io::split(dial.dial(&shared.endpoint).await?);
                probe(&mut read, &mut write, ReplyParser::new(settings.limits)).await?;
                Ok((read, write))
            })
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        let mut opening = std::pin::pin!(opening);
        let opened = loop {
            tokio::select! {
                biased;
                opened = &mut opening => break opened,
                // Before the first connection commands stay queued: it is most likely about to be there.
                op = self.queue.recv(), if !first => drop(op?),
            }
        };
        if opened.is_err() {
            self.shared.down();
            while self.queue.try_recv().is_ok() {}
        }
        Some(opened)
    }

    /// Waits before the next dial, refusing (by drop) what is asked meanwhile. False when no handle is left.
    async fn pause(&mut self, failures: u32) -> bool {
        let settings = self.shared.settings;
        let wait =
            backoff::wait(failures, settings.backoff_base, settings.backoff_max, &mut self.rng);
        let mut pause = std::pin::pin!(time::sleep(wait));
        loop {
            tokio::select! {
                biased;
                () = &mut pause => return true,
                op = self.queue.recv() => if op.is_none() {
                    return false;
                },
            }
        }
    }
}

type Io<IO> = (ReadHalf<IO>, WriteHalf<IO>);

/// Asks `mn` and waits for `MN`. A frozen process still accepts connections: the kernel does it for it.
async fn probe<IO>(
    read: &mut ReadHalf<IO>,
    write: &mut WriteHalf<IO>,
    mut parser: ReplyParser,
) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite,
{
    write.write_all(b"mn\r\n").await?;
    write.flush().await?;
    let mut buf = BytesMut::with_capacity(64);
    loop {
        match parser.next(&mut buf).map_err(io::Error::other)? {
            Some(Reply::Meta { status: Status::Mn, .. }) if buf.is_empty() => return Ok(()),
            Some(reply) => {
                return Err(io::Error::other(format!("unexpected reply {reply:?} to mn")));
            }
            None => {}
        }
        if read.read_buf(&mut buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn converse<IO>(
    (read, write): Io<IO>,
    queue: &mut UnboundedReceiver<Op>,
    flight: &Flight,
    shared: &Shared,
) -> Over
where
    IO: AsyncRead + AsyncWrite,
{
    // Three parts of one task. Biased: the order of events must not depend on a random branch.
    tokio::select! {
        biased;
        error = receive(read, flight, ReplyParser::new(shared.settings.limits)) => Over::Broken(error),
        over = send(write, queue, flight) => over,
        error = watch(flight, shared.settings.reply_timeout) => Over::Broken(error),
    }
}

/// Writes commands as they come, all that are waiting in one write.
async fn send<IO: AsyncWrite>(
    mut write: WriteHalf<IO>,
    queue: &mut UnboundedReceiver<Op>,
    flight: &Flight,
) -> Over {
    let mut batch = Vec::with_capacity(BATCH);
    let mut out = BytesMut::new();
    loop {
        if queue.recv_many(&mut batch, BATCH).await == 0 {
            return Over::Done;
        }
        let mut ops = batch.drain(..).peekable();
        while ops.peek().is_some() {
            while out.len() < WRITE_AT
                && let Some(op) = ops.next()
            {
                flight.depart(op, &mut out);
            }
            if let Err(error) = write.write_all(&out).await {
                return Over::Broken(error);
            }
            out.clear();
        }
        if let Err(error) = write.flush().await {
            return Over::Broken(error);
        }
    }
}

/// Reads replies and hands them out, until something is wrong.
async fn receive<IO: AsyncRead>(
    mut read: ReadHalf<IO>,
    flight: &Flight,
    mut parser: ReplyParser,
) -> io::Error {
    let mut buf = BytesMut::new();
    loop {
        if buf.capacity() == buf.len() {
            buf.reserve(READ_ROOM);
        }
        match read.read_buf(&mut buf).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
        let now = Instant::now();
        loop {
            match parser.next(&mut buf) {
                Ok(Some(reply)) => {
                    if let Err(error) = flight.arrive(reply, now) {
                        return io::Error::other(error);
                    }
                }
                Ok(None) => break,
                Err(error) => return io::Error::other(error),
            }
        }
    }
}

/// Ends when something is in flight and nothing has come back for `limit`. Sleeps for good while nothing is.
async fn watch(flight: &Flight, limit: std::time::Duration) -> io::Error {
    loop {
        let Some(since) = flight.waiting_since() else {
            flight.busy.notified().await;
            continue;
        };
        let waited = since.elapsed();
        if waited >= limit {
            return io::Error::new(io::ErrorKind::TimedOut, "no reply for too long");
        }
        time::sleep(limit - waited).await;
    }
}
