//! Buckets by key: bounded, sharded, and no key is kept.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::gcra::{Rate, Tat};

/// Enough that two threads rarely meet at one lock.
const SHARDS: usize = 16;

/// 128 bits of two hashes with random keys. Two keys share a bucket with a chance of 2^-128 a pair, and nobody
/// outside can make them; in return a key costs the same memory however long it is.
type Print = (u64, u64);

pub(crate) struct Buckets {
    rate: Rate,
    start: Instant,
    hashers: [RandomState; 2],
    /// Each lock guards the buckets whose print it is chosen by. Never two at a time.
    shards: Box<[Mutex<Shard>]>,
    /// For keys that find no room.
    overflow: Mutex<Tat>,
    overflowed: AtomicU64,
}

struct Shard {
    tats: HashMap<Print, Tat>,
    room: usize,
    /// Before this no bucket is full, or looking again is not yet worth it.
    sweep_at: Tat,
}

// ===== impl Buckets =====

impl Buckets {
    pub(crate) fn new(rate: Rate, keys: NonZeroUsize, start: Instant) -> Self {
        let shards = SHARDS.min(keys.get());
        let shard = |at: usize| {
            // The first ones take what does not divide: the sum is exactly `keys`.
            let room = keys.get() / shards + usize::from(at < keys.get() % shards);
            Mutex::new(Shard { tats: HashMap::new(), room, sweep_at: Tat::default() })
        };
        Self {
            rate,
            start,
            hashers: [RandomState::new(), RandomState::new()],
            shards: (0..shards).map(shard).collect(),
            overflow: Mutex::new(Tat::default()),
            overflowed: AtomicU64::new(0),
        }
    }

    /// Takes one call from this key's bucket.
    pub(crate) fn take(&self, key: &[u8], now: Instant) -> Result<(), Duration> {
        let now = u64::try_from((now - self.start).as_nanos()).unwrap_or(u64::MAX);
        let print = (self.hashers[0].hash_one(key), self.hashers[1].hash_one(key));
        let shard = &self.shards[(print.0 % self.shards.len() as u64) as usize];
        if let Some(taken) = lock(shard).take(&self.rate, print, now) {
            return taken;
        }
        // Relaxed: a count that orders nothing else.
        self.overflowed.fetch_add(1, Ordering::Relaxed);
        self.rate.take(&mut lock(&self.overflow), now)
    }

    /// Calls that went to the overflow bucket.
    pub(crate) fn overflowed(&self) -> u64 {
        // Relaxed: a count that orders nothing else.
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Buckets that take memory now.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).tats.len()).sum()
    }
}

/// A bucket is right after each step, so a panic elsewhere under the lock has broken nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ===== impl Shard =====

impl Shard {
    /// `None`: there is no room for this key.
    fn take(&mut self, rate: &Rate, print: Print, now: u64) -> Option<Result<(), Duration>> {
        if let Some(tat) = self.tats.get_mut(&print) {
            return Some(rate.take(tat, now));
        }
        if self.tats.len() >= self.room {
            self.sweep(rate, now);
        }
        if self.tats.len() >= self.room {
            return None;
        }
        let mut tat = Tat::default();
        let taken = rate.take(&mut tat, now);
        self.tats.insert(print, tat);
        Some(taken)
    }

    /// Forgets the buckets that are full: nobody can tell them from new ones.
    fn sweep(&mut self, rate: &Rate, now: u64) {
        let at = rate.scale(now);
        if at < self.sweep_at {
            return;
        }
        self.tats.retain(|_, tat| *tat > at);
        // Under a flood of new keys a bucket fills up every moment, and sweeping for one would cost as much as for all.
        // With eight sweeps an interval the cost of a call stays constant on average (a key that called once is idle an
        // interval later), and an idle bucket stays an eighth longer.
        let again = rate.scale(now.saturating_add(rate.interval() / 8));
        let soonest = self.tats.values().min().copied().unwrap_or_default();
        let full = self.tats.len() >= self.room;
        self.sweep_at = if full { soonest.max(again) } else { again };
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, num::NonZeroU32};

    use proptest::prelude::*;

    use super::*;

    fn per_second(count: u32) -> Rate {
        Rate::new(NonZeroU32::new(count).unwrap(), Duration::from_secs(1))
    }

    #[test]
    fn keys_have_buckets_of_their_own() {
        let start = Instant::now();
        let buckets = Buckets::new(per_second(2), NonZeroUsize::new(100).unwrap(), start);
        for key in ["a", "b"] {
            assert_eq!(buckets.take(key.as_bytes(), start), Ok(()));
            assert_eq!(buckets.take(key.as_bytes(), start), Ok(()));
            let wait = buckets.take(key.as_bytes(), start);
            assert_eq!(wait, Err(Duration::from_millis(500)), "two a second, and two are gone");
        }
        assert_eq!((buckets.len(), buckets.overflowed()), (2, 0));
    }

    #[test]
    fn keys_beyond_the_cap_share_one_bucket_until_another_is_idle() {
        let start = Instant::now();
        let buckets = Buckets::new(per_second(1), NonZeroUsize::MIN, start);
        assert_eq!(buckets.take(b"first", start), Ok(()));
        assert_eq!(buckets.take(b"second", start), Ok(()), "the overflow bucket's only call");
        assert!(buckets.take(b"third", start).is_err(), "shares the overflow bucket");
        assert_eq!((buckets.len(), buckets.overflowed()), (1, 2));

        let later = start + Duration::from_secs(1);
        assert_eq!(
            buckets.take(b"third", later),
            Ok(()),
            "the first one is idle: its room is free"
        );
        assert!(buckets.take(b"third", later).is_err());
        assert_eq!((buckets.len(), buckets.overflowed()), (1, 2));
    }

    proptest! {
        /// Below the cap it is one bucket a key; with any cap it never holds more than the cap, and eviction gives nobody
        /// more than the rate.
        #[test]
        fn is_a_map_of_buckets(
            keys in 1usize..20,
            calls in proptest::collection::vec((0u8..12, 0u64..900), 1..200),
        ) {
            let start = Instant::now();
            let rate = per_second(3);
            let buckets = Buckets::new(rate, NonZeroUsize::new(keys).unwrap(), start);
            let mut model: HashMap<u8, Tat> = HashMap::new();
            let mut now = 0;
            for (key, pause) in calls {
                now += pause * 1_000_000;
                let before = buckets.overflowed();
                let taken = buckets.take(&[key], start + Duration::from_nanos(now));
                prop_assert!(buckets.len() <= keys);
                if buckets.overflowed() == before {
                    let tat = model.entry(key).or_default();
                    prop_assert_eq!(taken, rate.take(tat, now));
                }
            }
        }
    }
}
