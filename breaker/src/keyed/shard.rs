//! A part of the keys, and who of them must go.

use crate::Circuit;
use orlop_core::Now;
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::Instant;

/// Circuits by key, and the keys in the order in which they are looked at for eviction.
#[derive(Debug)]
pub(crate) struct Shard<K> {
    entries: HashMap<K, Entry>,
    /// Every key of `entries`, once. The next to be looked at is in front.
    queue: VecDeque<K>,
}

#[derive(Debug)]
struct Entry {
    circuit: Circuit,
    /// Used since the last look. A hit writes it only if it is not set, so hot keys share the cache line.
    used: AtomicBool,
    /// The first look after the last use.
    idle_since: Option<Instant>,
}

pub(crate) enum Found {
    Own(Circuit),
    NoRoom,
}

/// What a look at an entry found.
enum Look {
    Stays,
    Unused,
    Idle,
}

impl<K> Shard<K> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn circuits(&self) -> impl Iterator<Item = &Circuit> {
        self.entries.values().map(|entry| &entry.circuit)
    }
}

impl<K: Hash + Eq + Clone> Shard<K> {
    /// So many circuits are looked at for idleness with each new key: two, so that a pool that takes in new keys looks
    /// at each old one before it doubles.
    const LOOKS: usize = 2;

    pub(crate) fn get(&self, key: &K) -> Option<&Circuit> {
        let entry = self.entries.get(key)?;
        if !entry.used.load(Relaxed) {
            entry.used.store(true, Relaxed);
        }
        Some(&entry.circuit)
    }

    pub(crate) fn peek(&self, key: &K) -> Option<&Circuit> {
        self.entries.get(key).map(|entry| &entry.circuit)
    }

    pub(crate) fn entries(&self) -> Vec<(K, Circuit)> {
        self.entries.iter().map(|(key, entry)| (key.clone(), entry.circuit.clone())).collect()
    }

    /// The key's circuit, `made` if it has none and there is or can be room. What was evicted is returned, to be
    /// dropped when the lock is gone.
    pub(crate) fn insert(
        &mut self,
        key: &K,
        made: Circuit,
        cap: usize,
        idle: Duration,
        now: &Now,
    ) -> (Found, Vec<Circuit>) {
        if let Some(circuit) = self.get(key) {
            return (Found::Own(circuit.clone()), Vec::new());
        }
        let mut gone = Vec::new();
        for _ in 0..Self::LOOKS.min(self.queue.len()) {
            gone.extend(self.look(idle, now, |look| matches!(look, Look::Idle)));
        }
        // Twice round: the first round may only clear flags.
        let mut looks = 2 * self.queue.len();
        while self.entries.len() >= cap && looks > 0 {
            looks -= 1;
            gone.extend(self.look(idle, now, |look| !matches!(look, Look::Stays)));
        }
        if self.entries.len() >= cap {
            return (Found::NoRoom, gone);
        }
        let entry = Entry { circuit: made.clone(), used: AtomicBool::new(true), idle_since: None };
        self.entries.insert(key.clone(), entry);
        self.queue.push_back(key.clone());
        (Found::Own(made), gone)
    }

    pub(crate) fn evict_idle(&mut self, idle: Duration, now: &Now) -> Vec<Circuit> {
        let looks = self.queue.len();
        (0..looks).filter_map(|_| self.look(idle, now, |look| matches!(look, Look::Idle))).collect()
    }

    /// Looks at the entry in front, and evicts it or moves it to the back.
    fn look(
        &mut self,
        idle: Duration,
        now: &Now,
        evict: impl Fn(&Look) -> bool,
    ) -> Option<Circuit> {
        let key = self.queue.pop_front()?;
        let entry = self.entries.get_mut(&key)?;
        let look = entry.look(idle, now);
        if evict(&look) {
            return self.entries.remove(&key).map(|entry| entry.circuit);
        }
        self.queue.push_back(key);
        None
    }
}

impl Entry {
    fn look(&mut self, idle: Duration, now: &Now) -> Look {
        let used = std::mem::take(self.used.get_mut());
        if used || self.circuit.machine().is_pinned(now) {
            self.idle_since = Some(now.get());
            return Look::Stays;
        }
        let since = *self.idle_since.get_or_insert_with(|| now.get());
        if now.get().saturating_duration_since(since) >= idle { Look::Idle } else { Look::Unused }
    }
}

impl<K> Default for Shard<K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), queue: VecDeque::new() }
    }
}
