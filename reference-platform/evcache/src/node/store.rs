//! Items in bounded memory: least recently used goes first, expired ones go when they are met.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use lru::LruCache;
use tokio::time::Instant;

use super::Settings;
use crate::protocol::{Lifetime, Mode};

/// What an item costs besides key and value, in bytes: its list node, its table slot, two buffers. An estimate.
const OVERHEAD: usize = 192;

/// All items, in shards by key.
pub(super) struct Shards {
    shards: Box<[Mutex<Shard>]>,
    /// The last CAS number given. Relaxed: only uniqueness counts, and a read-modify-write alone gives it.
    cas: AtomicU64,
}

/// One part. Its lock is held for a look-up or a store, never across I/O.
struct Shard {
    items: LruCache<Bytes, Item>,
    /// The sum of the costs of `items`; `bytes <= budget`.
    bytes: usize,
    budget: usize,
    evicted: u64,
    expired: u64,
}

/// A stored value.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) value: Bytes,
    pub(super) flags: u32,
    pub(super) cas: u64,
    /// `None` lives until evicted.
    pub(super) expires: Option<Instant>,
}

/// What is to be stored.
pub(super) struct Put<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) flags: u32,
    pub(super) lifetime: Lifetime,
    pub(super) mode: Mode,
    pub(super) compare: Option<u64>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Done; the item has this CAS number.
    Done(u64),
    NotStored,
    Exists,
    NotFound,
    TooLarge,
}

/// Sums over all shards.
#[derive(Default)]
pub(super) struct Held {
    pub(super) items: u64,
    pub(super) bytes: u64,
    pub(super) evicted: u64,
    pub(super) expired: u64,
}

// ===== impl Shards =====

impl Shards {
    pub(super) fn new(settings: &Settings) -> Self {
        // A share must hold some of the largest values, or they would throw everything else out.
        let roomy = settings.max_bytes
            / (settings.limits.value.saturating_add(OVERHEAD).saturating_mul(4)).max(1);
        let count = settings.shards.clamp(1, roomy.max(1));
        let budget = settings.max_bytes / count;
        Self {
            shards: (0..count).map(|_| Mutex::new(Shard::new(budget))).collect(),
            cas: AtomicU64::new(0),
        }
    }

    /// The live item, which now counts as used.
    pub(super) fn get(&self, key: &[u8], now: Instant) -> Option<Item> {
        self.shard(key).live(key, now).cloned()
    }

    /// Gives the live item a new end and returns it.
    pub(super) fn touch(&self, key: &[u8], lifetime: Lifetime, now: Instant) -> Option<Item> {
        let mut shard = self.shard(key);
        let item = shard.live(key, now)?;
        let mut touched = item.clone();
        match lifetime {
            Lifetime::Forever => item.expires = None,
            Lifetime::Until(at) => item.expires = Some(at),
            Lifetime::Past => {
                shard.remove(key);
            }
        }
        touched.expires = match lifetime {
            Lifetime::Forever => None,
            Lifetime::Until(at) => Some(at),
            Lifetime::Past => Some(now),
        };
        Some(touched)
    }

    pub(super) fn put(&self, put: &Put<'_>, now: Instant) -> Change {
        let mut shard = self.shard(put.key);
        let there = shard.live(put.key, now).map(|item| item.cas);
        match (put.compare, there) {
            (Some(_), None) => return Change::NotFound,
            (Some(asked), Some(cas)) if asked != cas => return Change::Exists,
            _ => {}
        }
        match (put.mode, there) {
            (Mode::Add, Some(_)) | (Mode::Replace, None) => return Change::NotStored,
            _ => {}
        }
        if cost(put.key, put.value) > shard.budget {
            // As memcached: a value that cannot be stored must not leave an older one behind.
            shard.remove(put.key);
            return Change::TooLarge;
        }
        let cas = self.cas.fetch_add(1, Ordering::Relaxed) + 1;
        let expires = match put.lifetime {
            Lifetime::Forever => None,
            Lifetime::Until(at) => Some(at),
            Lifetime::Past => {
                shard.remove(put.key);
                return Change::Done(cas);
            }
        };
        // Copies: a slice of the read buffer would keep the whole buffer alive.
        let item =
            Item { value: Bytes::copy_from_slice(put.value), flags: put.flags, cas, expires };
        shard.insert(Bytes::copy_from_slice(put.key), item, now);
        Change::Done(cas)
    }

    pub(super) fn delete(&self, key: &[u8], compare: Option<u64>, now: Instant) -> Change {
        let mut shard = self.shard(key);
        match shard.live(key, now).map(|item| item.cas) {
            None => Change::NotFound,
            Some(cas) if compare.is_some_and(|asked| asked != cas) => Change::Exists,
            Some(cas) => {
                shard.remove(key);
                Change::Done(cas)
            }
        }
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.items.clear();
            shard.bytes = 0;
        }
    }

    pub(super) fn held(&self) -> Held {
        self.shards.iter().map(lock).fold(Held::default(), |sum, shard| Held {
            items: sum.items + shard.items.len() as u64,
            bytes: sum.bytes + shard.bytes as u64,
            evicted: sum.evicted + shard.evicted,
            expired: sum.expired + shard.expired,
        })
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        // FNV-1a: the same key is in the same shard in every process, so runs with the same input are alike.
        let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let at = usize::try_from(hash % self.shards.len() as u64).unwrap_or(0);
        lock(&self.shards[at])
    }
}

// A shard is whole between any two of its methods, and none of them panics halfway.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

// ===== impl Shard =====

impl Shard {
    fn new(budget: usize) -> Self {
        Self { items: LruCache::unbounded(), bytes: 0, budget, evicted: 0, expired: 0 }
    }

    fn live(&mut self, key: &[u8], now: Instant) -> Option<&mut Item> {
        if self.items.peek(key)?.is_over(now) {
            self.remove(key);
            self.expired += 1;
            return None;
        }
        self.items.get_mut(key)
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some((key, item)) = self.items.pop_entry(key) {
            self.bytes -= cost(&key, &item.value);
        }
    }

    fn insert(&mut self, key: Bytes, item: Item, now: Instant) {
        self.remove(&key);
        let cost = cost(&key, &item.value);
        while self.bytes + cost > self.budget {
            let Some((old_key, old)) = self.items.pop_lru() else { break };
            self.bytes -= self::cost(&old_key, &old.value);
            if old.is_over(now) {
                self.expired += 1;
            } else {
                self.evicted += 1;
            }
        }
        self.bytes += cost;
        self.items.put(key, item);
    }
}

impl Item {
    fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

fn cost(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::Limits;

    fn shards(max_bytes: usize) -> Shards {
        Shards::new(
            &Settings::default().shards(1).max_bytes(max_bytes).limits(Limits::default().value(64)),
        )
    }

    fn put<'a>(key: &'a [u8], value: &'a [u8], lifetime: Lifetime) -> Put<'a> {
        Put { key, value, flags: 0, lifetime, mode: Mode::Set, compare: None }
    }

    #[test]
    fn least_recently_used_goes_first() {
        let now = Instant::now();
        let three = shards(3 * (OVERHEAD + 2));
        for key in [b"a", b"b", b"c"] {
            three.put(&put(key, b"1", Lifetime::Forever), now);
        }
        assert!(three.get(b"a", now).is_some(), "reading a makes b the oldest");
        three.put(&put(b"d", b"1", Lifetime::Forever), now);
        assert!(three.get(b"b", now).is_none());
        for key in [b"a", b"c", b"d"] {
            assert!(three.get(key, now).is_some(), "{} stays", key.escape_ascii());
        }
        assert_eq!(three.held().evicted, 1);
    }

    #[test]
    fn an_expired_item_is_not_counted_as_evicted() {
        let now = Instant::now();
        let one = shards(OVERHEAD + 2);
        one.put(&put(b"a", b"1", Lifetime::Until(now + Duration::from_secs(1))), now);
        one.put(&put(b"b", b"1", Lifetime::Forever), now + Duration::from_secs(2));
        let held = one.held();
        assert_eq!((held.evicted, held.expired, held.items), (0, 1, 1));
    }

    #[test]
    fn a_refused_value_leaves_no_older_one_behind() {
        let now = Instant::now();
        let small = shards(OVERHEAD + 8);
        small.put(&put(b"a", b"old", Lifetime::Forever), now);
        assert_eq!(
            small.put(&put(b"a", b"much too long", Lifetime::Forever), now),
            Change::TooLarge
        );
        assert!(small.get(b"a", now).is_none());
    }

    #[derive(Clone, Debug)]
    enum Op {
        Put(u8, u8, Option<u8>),
        Get(u8),
        Delete(u8),
        Touch(u8, Option<u8>),
        Pass(u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        let key = 0..6u8;
        prop_oneof![
            (key.clone(), any::<u8>(), proptest::option::of(0..8u8))
                .prop_map(|(k, v, t)| Op::Put(k, v, t)),
            key.clone().prop_map(Op::Get),
            key.clone().prop_map(Op::Delete),
            (key, proptest::option::of(0..8u8)).prop_map(|(k, t)| Op::Touch(k, t)),
            (0..4u8).prop_map(Op::Pass),
        ]
    }

    proptest! {
        /// Against a map with a recency list that does everything the slow, obvious way.
        #[test]
        fn store_matches_a_plain_model(ops in proptest::collection::vec(op(), 0..200)) {
            let capacity = 4;
            let store = shards(capacity * (OVERHEAD + 2));
            let mut model: BTreeMap<u8, (u8, Option<Instant>)> = BTreeMap::new();
            let mut recency: Vec<u8> = Vec::new();
            let mut now = Instant::now();
            let end = |now: Instant, ttl: Option<u8>| ttl.map(|s| now + Duration::from_secs(u64::from(s)));
            let life = |at: Option<Instant>| at.map_or(Lifetime::Forever, Lifetime::Until);
            for op in ops {
                let live = |model: &BTreeMap<u8, (u8, Option<Instant>)>, k: u8, now: Instant| {
                    model.get(&k).filter(|(_, at)| at.is_none_or(|at| at > now)).copied()
                };
                match op {
                    Op::Put(k, v, ttl) => {
                        let at = end(now, ttl);
                        store.put(&put(&[k], &[v], life(at)), now);
                        model.remove(&k);
                        recency.retain(|r| *r != k);
                        while model.len() >= capacity {
                            let oldest = recency.remove(0);
                            model.remove(&oldest);
                        }
                        model.insert(k, (v, at));
                        recency.push(k);
                    }
                    Op::Get(k) => {
                        let got = store.get(&[k], now).map(|item| item.value[0]);
                        let want = live(&model, k, now);
                        prop_assert_eq!(got, want.map(|(v, _)| v));
                        recency.retain(|r| *r != k);
                        if want.is_some() { recency.push(k) } else { model.remove(&k); }
                    }
                    Op::Delete(k) => {
                        let got = store.delete(&[k], None, now) != Change::NotFound;
                        prop_assert_eq!(got, live(&model, k, now).is_some());
                        model.remove(&k);
                        recency.retain(|r| *r != k);
                    }
                    Op::Touch(k, ttl) => {
                        let at = end(now, ttl);
                        let got = store.touch(&[k], life(at), now).is_some();
                        let want = live(&model, k, now);
                        prop_assert_eq!(got, want.is_some());
                        recency.retain(|r| *r != k);
                        if let Some((v, _)) = want { model.insert(k, (v, at)); recency.push(k) } else { model.remove(&k); }
                    }
                    Op::Pass(secs) => now += Duration::from_secs(u64::from(secs)),
                }
                let held = store.held();
                prop_assert_eq!(held.items as usize, model.len());
                prop_assert_eq!(held.bytes as usize, model.len() * (OVERHEAD + 2));
            }
        }
    }
}
