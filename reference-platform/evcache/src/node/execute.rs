//! One command against the store, and its reply.

use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::{
    FLUSH_AT, Moment, Node, Step,
    store::{Change, Item, Put},
};
use crate::protocol::{
    Command, CommandParser, Expiry, Key, Limits, MetaFlag, Mode, ParseError, ParseErrorKind, Reply,
    ReplyFlag, Status, Store,
};

/// Where one connection is.
pub(super) struct Session {
    parser: CommandParser,
    /// A `get` under way: its keys are answered one by one, because together their values may be of any size.
    get: Option<Get>,
}

struct Get {
    keys: std::vec::IntoIter<Key>,
    cas: bool,
}

impl Session {
    pub(super) fn new(limits: Limits) -> Self {
        Self { parser: CommandParser::new(limits), get: None }
    }
}

impl Node {
    /// Answers what is complete in `input`, until there is enough output to send.
    pub(super) fn answer(
        &self,
        session: &mut Session,
        input: &mut BytesMut,
        output: &mut BytesMut,
    ) -> Step {
        while output.len() < FLUSH_AT {
            if let Some(get) = &mut session.get {
                match get.keys.next() {
                    Some(key) => self.get_one(key, get.cas, output),
                    None => {
                        Reply::End.encode(output);
                        session.get = None;
                    }
                }
                continue;
            }
            match session.parser.next(input) {
                Ok(Some(Command::Quit)) => return Step::Close,
                Ok(Some(Command::Get { keys, cas })) => {
                    session.get = Some(Get { keys: keys.into_iter(), cas })
                }
                Ok(Some(command)) => self.execute(command, output),
                Ok(None) => return Step::Read,
                Err(error) => {
                    self.inner.counts.errors.fetch_add(1, Ordering::Relaxed);
                    if let Some(key) = error.key() {
                        // As memcached: a value that cannot be stored must not leave an older one behind.
                        self.delete(key, None, self.moment());
                    }
                    refusal(&error).encode(output);
                    if error.is_fatal() {
                        return Step::Close;
                    }
                }
            }
        }
        Step::Again
    }

    fn execute(&self, command: Command, out: &mut BytesMut) {
        let at = self.moment();
        match command {
            Command::MetaGet { key, flags } => self.meta_get(key, &flags, at, out),
            Command::MetaSet { key, flags, value } => self.meta_set(key, &flags, &value, at, out),
            Command::MetaDelete { key, flags } => self.meta_delete(key, &flags, at, out),
            Command::MetaNoop => {
                Reply::Meta { status: Status::Mn, flags: vec![], value: None }.encode(out)
            }
            Command::Store { verb, key, flags, expiry, value, noreply } => {
                let mode = match verb {
                    Store::Set => Mode::Set,
                    Store::Add => Mode::Add,
                    Store::Replace => Mode::Replace,
                };
                let reply = match self.put(&key, &value, flags, expiry, mode, None, at) {
                    Change::Done(_) => Reply::Stored,
                    Change::TooLarge => no_room(),
                    _ => Reply::NotStored,
                };
                say(reply, noreply, out);
            }
            Command::Delete { key, noreply } => {
                let there = matches!(self.delete(&key, None, at), Change::Done(_));
                say(if there { Reply::Deleted } else { Reply::NotFound }, noreply, out);
            }
            Command::Touch { key, expiry, noreply } => {
                let there = self.touch(&key, expiry, at).is_some();
                say(if there { Reply::Touched } else { Reply::NotFound }, noreply, out);
            }
            Command::FlushAll { noreply } => {
                self.clear();
                say(Reply::Ok, noreply, out);
            }
            Command::Version => {
                Reply::Version(Bytes::from_static(
                    concat!("orlop-", env!("CARGO_PKG_VERSION")).as_bytes(),
                ))
                .encode(out);
            }
            // answer() keeps these two: they are not one reply each.
            Command::Get { .. } | Command::Quit => {}
        }
    }

    fn get_one(&self, key: Key, cas: bool, out: &mut BytesMut) {
        if let Some(item) = self.read(&key, None, self.moment()) {
            let cas = cas.then_some(item.cas);
            Reply::Value { key, flags: item.flags, cas, value: item.value }.encode(out);
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: Instant::now(), wall: (self.inner.wall)() }
    }

    fn meta_get(&self, key: Key, flags: &[MetaFlag], at: Moment, out: &mut BytesMut) {
        let expiry = flags
            .iter()
            .find_map(|flag| if let MetaFlag::SetTtl(e) = flag { Some(*e) } else { None });
        let Some(item) = self.read(&key, expiry, at) else {
            if !flags.contains(&MetaFlag::Quiet) {
                meta(Status::En, &key, flags, None, at, out);
            }
            return;
        };
        let status = if flags.contains(&MetaFlag::Value) { Status::Va } else { Status::Hd };
        meta(status, &key, flags, Some(&item), at, out);
    }

    fn meta_set(
        &self,
        key: Key,
        flags: &[MetaFlag],
        value: &Bytes,
        at: Moment,
        out: &mut BytesMut,
    ) {
        let (mut client_flags, mut expiry, mut mode, mut compare) =
            (0, Expiry::NEVER, Mode::Set, None);
        for flag in flags {
            match flag {
                MetaFlag::SetFlags(flags) => client_flags = *flags,
                MetaFlag::SetTtl(at) => expiry = *at,
                MetaFlag::Mode(how) => mode = *how,
                MetaFlag::Compare(cas) => compare = Some(*cas),
                _ => {}
            }
        }
        let change = self.put(&key, value, client_flags, expiry, mode, compare, at);
        changed(change, &key, flags, at, out);
    }

    fn meta_delete(&self, key: Key, flags: &[MetaFlag], at: Moment, out: &mut BytesMut) {
        let compare = flags
            .iter()
            .find_map(|flag| if let MetaFlag::Compare(cas) = flag { Some(*cas) } else { None });
        let change = self.delete(&key, compare, at);
        changed(change, &key, flags, at, out);
    }

    /// Reads, and touches if there is an expiry time.
    fn read(&self, key: &Key, expiry: Option<Expiry>, at: Moment) -> Option<Item> {
        let item = match expiry {
            None => self.inner.shards.get(key.as_bytes(), at.now),
            Some(expiry) => self.touch(key, expiry, at),
        };
        let count =
            if item.is_some() { &self.inner.counts.hits } else { &self.inner.counts.misses };
        count.fetch_add(1, Ordering::Relaxed);
        item
    }

    fn touch(&self, key: &Key, expiry: Expiry, at: Moment) -> Option<Item> {
        let item =
            self.inner.shards.touch(key.as_bytes(), expiry.lifetime(at.now, at.wall), at.now)?;
        self.inner.counts.touches.fetch_add(1, Ordering::Relaxed);
        Some(item)
    }

    #[allow(clippy::too_many_arguments)] // They are the fields of a storage command, classic or meta.
    fn put(
        &self,
        key: &Key,
        value: &[u8],
        flags: u32,
        expiry: Expiry,
        mode: Mode,
        compare: Option<u64>,
        at: Moment,
    ) -> Change {
        let lifetime = expiry.lifetime(at.now, at.wall);
        let put = Put { key: key.as_bytes(), value, flags, lifetime, mode, compare };
        let change = self.inner.shards.put(&put, at.now);
        if matches!(change, Change::Done(_)) {
            self.inner.counts.sets.fetch_add(1, Ordering::Relaxed);
        }
        change
    }

    fn delete(&self, key: &Key, compare: Option<u64>, at: Moment) -> Change {
        let change = self.inner.shards.delete(key.as_bytes(), compare, at.now);
        if matches!(change, Change::Done(_)) {
            self.inner.counts.deletes.fetch_add(1, Ordering::Relaxed);
        }
        change
    }
}

/// Answers `ms` and `md`.
fn changed(change: Change, key: &Key, flags: &[MetaFlag], at: Moment, out: &mut BytesMut) {
    let (status, cas) = match change {
        Change::Done(cas) => (Status::Hd, cas),
        Change::NotStored => (Status::Ns, 0),
        Change::Exists => (Status::Ex, 0),
        Change::NotFound => (Status::Nf, 0),
        Change::TooLarge => return no_room().encode(out),
    };
    // Quiet hides only what was expected, as memcached 1.6.18 does: a missed delete is told.
    if status == Status::Hd && flags.contains(&MetaFlag::Quiet) {
        return;
    }
    let item = Item { value: Bytes::new(), flags: 0, cas, expires: None };
    meta(status, key, flags, Some(&item), at, out);
}

/// A meta reply with the flags that were asked for, in the order asked. A miss has no item to tell of.
fn meta(
    status: Status,
    key: &Key,
    asked: &[MetaFlag],
    item: Option<&Item>,
    at: Moment,
    out: &mut BytesMut,
) {
    let flags = asked.iter().filter_map(|flag| match (flag, item) {
        (MetaFlag::Key, _) => Some(ReplyFlag::Key(key.clone())),
        (MetaFlag::Opaque(token), _) => Some(ReplyFlag::Opaque(token.clone())),
        (MetaFlag::Ttl, Some(item)) => Some(ReplyFlag::Ttl(seconds_left(item, at.now))),
        (MetaFlag::Flags, Some(item)) => Some(ReplyFlag::Flags(item.flags)),
        (MetaFlag::Cas, Some(item)) => Some(ReplyFlag::Cas(item.cas)),
        (MetaFlag::Size, Some(item)) => Some(ReplyFlag::Size(item.value.len() as u64)),
        _ => None,
    });
    let value = item.filter(|_| status == Status::Va).map(|item| item.value.clone());
    Reply::Meta { status, flags: flags.collect(), value }.encode(out);
}

/// Rounded up, so that what is left is never told as nothing; -1 is for ever.
fn seconds_left(item: &Item, now: Instant) -> i64 {
    item.expires.map_or(-1, |at| {
        let left = at.saturating_duration_since(now);
        i64::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(i64::MAX)
    })
}

fn say(reply: Reply, noreply: bool, out: &mut BytesMut) {
    if !noreply {
        reply.encode(out);
    }
}

fn no_room() -> Reply {
    Reply::ServerError(Bytes::from_static(b"object too large for cache"))
}

fn refusal(error: &ParseError) -> Reply {
    match error.kind() {
        ParseErrorKind::UnknownCommand => Reply::Error,
        ParseErrorKind::ValueTooLarge => no_room(),
        _ => Reply::ClientError(error.to_string().into()),
    }
}
