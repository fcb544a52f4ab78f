//! What is on its way: commands in the order they were written, each with the one who waits for its reply.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use super::{ClientError, ClientErrorKind, Shared};
use crate::{
    Value,
    protocol::{self, Expiry, Key, MetaFlag, Mode, ParseError, ParseErrorKind, Reply, ReplyFlag},
};

/// What a caller asks.
#[derive(Debug)]
pub(super) enum Request {
    Get(Key),
    Set { key: Key, value: Value, expiry: Expiry, mode: Mode },
    Delete(Key),
    Touch(Key, Expiry),
}

/// A command, who waits for it, and its place among those in flight.
#[derive(Debug)]
pub(super) struct Op {
    request: Request,
    /// Who waits, and the slot; taken when the command is written.
    waiter: Option<(Waiter, Slot)>,
}

type Waiter = oneshot::Sender<Result<Reply, ClientError>>;

/// One of `max_in_flight`. Given back by drop: when the reply is there, or when it never will be.
pub(super) struct Slot(Arc<Shared>);

/// Commands written and not yet answered.
pub(super) struct Flight {
    /// Guards the queue, for a few instructions; writer and reader are parts of one task, so it is never contended.
    inner: Mutex<Queue>,
    /// Told when the queue stops being empty, for the watchdog.
    pub(super) busy: Notify,
}

struct Queue {
    waiting: VecDeque<Waiting>,
    /// The last time a reply came, or the queue stopped being empty.
    progress: Instant,
    /// The number of the last command written: its opaque.
    sequence: u64,
    answered: u64,
}

struct Waiting {
    sequence: u64,
    reply: Waiter,
    _slot: Slot,
}

// ===== impl Flight =====

impl Flight {
    pub(super) fn new(now: Instant) -> Self {
        let queue = Queue { waiting: VecDeque::new(), progress: now, sequence: 0, answered: 0 };
        Self { inner: Mutex::new(queue), busy: Notify::new() }
    }

    /// Encodes the command and notes who waits for it; not if nobody waits any more.
    pub(super) fn depart(&self, mut op: Op, out: &mut BytesMut) {
        let Some((reply, slot)) = op.waiter.take().filter(|(reply, _)| !reply.is_closed()) else {
            return;
        };
        let mut queue = self.lock();
        queue.sequence += 1;
        let sequence = queue.sequence;
        op.request.encode(sequence, out);
        if queue.waiting.is_empty() {
            queue.progress = Instant::now();
            self.busy.notify_one();
        }
        queue.waiting.push_back(Waiting { sequence, reply, _slot: slot });
    }

    /// Hands a reply to the one who has waited longest.
    pub(super) fn arrive(&self, reply: Reply, now: Instant) -> Result<(), ParseError> {
        let waiting = {
            let mut queue = self.lock();
            // The order alone says whose reply it is. The opaque makes sure: one reply too many or too few would
            // hand every later caller somebody else's value. The waiter stays in line for the bad news.
            let fits = queue.waiting.front().is_some_and(|waiting| match opaque(&reply) {
                None => true,
                Some(sequence) => sequence == Some(waiting.sequence),
            });
            let next = if fits { queue.waiting.pop_front() } else { None };
            let Some(waiting) = next else {
                return Err(ParseError::fatal(ParseErrorKind::BadReply));
            };
            queue.progress = now;
            queue.answered += 1;
            waiting
        };
        // Err: the caller has left.
        let _ = waiting.reply.send(Ok(reply));
        Ok(())
    }

    /// When something is in flight: when a reply came last.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let queue = self.lock();
        (!queue.waiting.is_empty()).then_some(queue.progress)
    }

    /// Whether any command was answered.
    pub(super) fn any_answered(&self) -> bool {
        self.lock().answered > 0
    }

    /// Tells all that their reply will not come.
    pub(super) fn fail(&self, error: &ClientError) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        for waiting in waiting {
            let _ = waiting.reply.send(Err(error.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The opaque of a meta reply; the inner `None` is one that we never sent.
fn opaque(reply: &Reply) -> Option<Option<u64>> {
    let Reply::Meta { flags, .. } = reply else { return None };
    flags.iter().find_map(|flag| match flag {
        ReplyFlag::Opaque(token) => {
            Some(std::str::from_utf8(token).ok().and_then(|text| text.parse().ok()))
        }
        _ => None,
    })
}

// ===== impl Request =====

impl Request {
    fn encode(&self, sequence: u64, out: &mut BytesMut) {
        let opaque = MetaFlag::Opaque(Bytes::from(sequence.to_string()));
        match self {
            Self::Get(key) => {
                protocol::meta_get(key, &[MetaFlag::Value, MetaFlag::Flags, opaque], out)
            }
            Self::Set { key, value, expiry, mode } => {
                let flags = [
                    MetaFlag::SetTtl(*expiry),
                    MetaFlag::SetFlags(value.flags()),
                    MetaFlag::Mode(*mode),
                    opaque,
                ];
                protocol::meta_set(key, &flags, value.data(), out);
            }
            Self::Delete(key) => protocol::meta_delete(key, &[opaque], out),
            Self::Touch(key, expiry) => {
                protocol::meta_get(key, &[MetaFlag::SetTtl(*expiry), opaque], out);
            }
        }
    }
}

// ===== impl Op =====

impl Op {
    /// A command, and where its reply will be.
    pub(super) fn new(
        request: Request,
        slot: Slot,
    ) -> (Self, oneshot::Receiver<Result<Reply, ClientError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { request, waiter: Some((reply, slot)) }, answer)
    }
}

/// A command that is dropped before it was written was provably not sent, and its waiter is told so.
impl Drop for Op {
    fn drop(&mut self) {
        if let Some((reply, _slot)) = self.waiter.take() {
            let _ = reply.send(Err(ClientErrorKind::Down.into()));
        }
    }
}

// ===== impl Slot =====

impl Slot {
    pub(super) fn take(shared: &Arc<Shared>) -> Option<Self> {
        let max = shared.settings.max_in_flight.get();
        shared
            .in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1))
            .ok()
            .map(|_| Self(Arc::clone(shared)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}
