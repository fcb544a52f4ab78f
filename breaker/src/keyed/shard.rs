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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Pinned,
    Used,
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
    /// So many more where there is no room: the lock is held meanwhile, so the number must not grow with the cap. The next
    /// call without room goes on where this one stopped.
    const LOOKS_FOR_ROOM: usize = 32;

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
            gone.extend(self.look(idle, now, |look| look == Look::Idle).1);
        }
        if self.entries.len() >= cap {
            gone.extend(self.make_room(idle, now));
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
        (0..looks).filter_map(|_| self.look(idle, now, |look| look == Look::Idle).1).collect()
    }

    /// Evicts one of the next few: the first unused, else the first that may go at all.
    fn make_room(&mut self, idle: Duration, now: &Now) -> Option<Circuit> {
        let looks = Self::LOOKS_FOR_ROOM.min(self.queue.len());
        let mut second_best = None;
        for nth in 0..looks {
            let unused = |look| matches!(look, Look::Unused | Look::Idle);
            match self.look(idle, now, unused) {
                (_, Some(gone)) => return Some(gone),
                (Some(Look::Used), None) if second_best.is_none() => second_best = Some(nth),
                _ => {}
            }
        }
        // All that were looked at stand at the back, in order.
        let key = self.queue.remove(self.queue.len() - looks + second_best?)?;
        self.entries.remove(&key).map(|entry| entry.circuit)
    }

    /// Looks at the entry in front, and evicts it or moves it to the back.
    fn look(
        &mut self,
        idle: Duration,
        now: &Now,
        evict: impl Fn(Look) -> bool,
    ) -> (Option<Look>, Option<Circuit>) {
        let Some(key) = self.queue.pop_front() else { return (None, None) };
        let Some(entry) = self.entries.get_mut(&key) else { return (None, None) };
        let look = entry.look(idle, now);
        if evict(look) {
            return (Some(look), self.entries.remove(&key).map(|entry| entry.circuit));
        }
        self.queue.push_back(key);
        (Some(look), None)
    }
}

impl Entry {
    fn look(&mut self, idle: Duration, now: &Now) -> Look {
        let used = std::mem::take(self.used.get_mut());
        let pinned = self.circuit.machine().is_pinned(now);
        if used || pinned {
            self.idle_since = Some(now.get());
            return if pinned { Look::Pinned } else { Look::Used };
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
