//! Who waits for a slot, in order.

use crate::{
    Limit, Settings, Turn,
    limit::Slot,
    sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering},
};
use orlop_core::{End, Kind, Note, Now, Rejected, Settle};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, PoisonError},
    task::{Wake, Waker},
    time::Duration,
};
use tokio::time::Instant;

/// A bounded line of callers in front of a [`Limit`], served strictly in the order in which they came.
///
/// It is a handle; clones share the line. [`QueueLayer`](crate::QueueLayer) puts it in front of a service;
/// [`turn`](Line::turn) uses it without tower.
///
/// Only the head of the line asks the limit. Who leaves it, whether by being served or by giving up, wakes the next;
/// so a slot is never lost to a caller who has gone. Nobody overtakes: while somebody waits, a new call waits too.
///
/// A call of [`QueueLayer`](crate::QueueLayer) whose time is over has left the line, even if nobody polls its future.
/// A [`Turn`] has no time of its own: kept without being polled, it holds up those behind it.
#[derive(Clone)]
pub struct Line {
    shared: Arc<Shared>,
}

struct Shared {
    limit: Limit,
    max_waiting: AtomicUsize,
    /// Nanoseconds.
    max_wait: AtomicU64,
    /// Guards the order of those who wait. `waiting` is changed only while it is held.
    places: Mutex<Places>,
    /// The length of the line, for those who only want to know whether there is one.
    waiting: AtomicUsize,
}

struct Places {
    /// Sorted by `id`, since ids grow.
    line: VecDeque<Place>,
    next_id: u64,
}

struct Place {
    id: u64,
    waker: Waker,
}

/// What came of asking for a slot.
pub(crate) enum Asked {
    /// It is the caller's.
    Got(Slot),
    /// The caller stands in line, at this place.
    Waits(u64),
    /// The line is full.
    Full,
    /// The time of this place was over.
    TimeOver,
}

/// The waker of a waiting call's timer: it takes the call out of the line.
///
/// The timer fires also when nobody polls the call, so a future that is put aside stops nobody for longer than it may
/// wait itself.
struct Expiry {
    line: Line,
    place: u64,
    until: Instant,
}

impl Line {
    /// A line in front of a limit of its own.
    pub fn new(settings: Settings) -> Self {
        Self::before(Limit::with_settings(&settings), settings)
    }

    /// A line in front of a limit that others use as well. The limit of the settings is ignored.
    pub fn before(limit: Limit, settings: Settings) -> Self {
        let line = Self {
            shared: Arc::new(Shared {
                limit,
                max_waiting: AtomicUsize::new(0),
                max_wait: AtomicU64::new(0),
                places: Mutex::new(Places { line: VecDeque::new(), next_id: 0 }),
                waiting: AtomicUsize::new(0),
            }),
        };
        line.set_waiting(&settings);
        line
    }

    /// Names the limit behind it; see [`Limit::named`].
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        let _: Limit = self.shared.limit.clone().named(name);
        self
    }

    /// The limit behind it.
    pub fn limit(&self) -> &Limit {
        &self.shared.limit
    }

    /// Calls that wait for a slot now.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Acquire)
    }

    /// Applies new settings, the limit too, for all handles. Who waits already keeps place and time.
    pub fn update(&self, settings: Settings) {
        self.set_waiting(&settings);
        self.shared.limit.set_limit(settings.limit.get().try_into().unwrap_or(Limit::MAX));
    }

    /// Waits for a slot, without a limit of time: the caller drops it when they have waited enough.
    pub fn turn(&self) -> Turn {
        Turn::new(self.clone())
    }

    /// The longest wait that the settings allow. It is up to who waits to respect it.
    pub(crate) fn max_wait(&self) -> Duration {
        Duration::from_nanos(self.shared.max_wait.load(Ordering::Relaxed))
    }

    pub(crate) fn refusal(&self, kind: Kind) -> Rejected {
        self.shared.limit.name_in(Rejected::new(kind))
    }

    /// Asks for a slot: at first without a place, then with the one that was given.
    pub(crate) fn ask(&self, place: Option<u64>, waker: &Waker) -> Asked {
        if place.is_none()
            && self.waiting() == 0
            && let Some(slot) = self.shared.limit.take()
        {
            return Asked::Got(slot);
        }
        let mut places = self.lock();
        if place.is_none()
            && places.line.is_empty()
            && let Some(slot) = self.shared.limit.take()
        {
            return Asked::Got(slot);
        }
        let id = match place {
            Some(id) => id,
            None if places.line.len() >= self.shared.max_waiting.load(Ordering::Relaxed) => {
                return Asked::Full;
            }
            None => self.join(&mut places, waker),
        };
        let Ok(index) = places.find(id) else {
            return Asked::TimeOver;
        };
        if index > 0 {
            places.line[index].waker.clone_from(waker);
            return Asked::Waits(id);
        }
        if let Some(slot) = self.shared.limit.take() {
            // There may be another slot for the next.
            self.remove(places, index);
            return Asked::Got(slot);
        }
        places.line[index].waker.clone_from(waker);
        // The limit may call the waker back at once, and that takes the lock.
        drop(places);
        self.shared.limit.register_line(&Waker::from(Arc::clone(&self.shared)));
        Asked::Waits(id)
    }

    /// Gives up a place.
    pub(crate) fn leave(&self, id: u64) {
        let places = self.lock();
        if let Ok(index) = places.find(id) {
            self.remove(places, index);
        }
    }

    /// The waker for the timer of who waits at this place: it gives the place up, and wakes its caller.
    pub(crate) fn expiry(&self, place: u64, until: Instant) -> Waker {
        Waker::from(Arc::new(Expiry { line: self.clone(), place, until }))
    }

    /// Takes a place at the end.
    fn join(&self, places: &mut Places, waker: &Waker) -> u64 {
        let id = places.next_id;
        places.next_id += 1;
        places.line.push_back(Place { id, waker: waker.clone() });
        self.count(places);
        id
    }

    fn remove(&self, mut places: MutexGuard<'_, Places>, index: usize) -> Option<Waker> {
        let removed = places.line.remove(index);
        self.count(&places);
        let next = (index == 0).then(|| places.head()).flatten();
        drop(places);
        if let Some(next) = next {
            next.wake();
        }
        removed.map(|place| place.waker)
    }

    fn count(&self, places: &Places) {
        // Release: pairs with the Acquire in `waiting`: who comes after a caller that waits, sees that one waits.
        self.shared.waiting.store(places.line.len(), Ordering::Release);
    }

    fn set_waiting(&self, settings: &Settings) {
        let most = settings.max_waiting.try_into().unwrap_or(usize::MAX);
        let wait = settings.max_wait.as_nanos().try_into().unwrap_or(u64::MAX);
        self.shared.max_waiting.store(most, Ordering::Relaxed);
        self.shared.max_wait.store(wait, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.shared.lock()
    }
}

impl Shared {
    // A panic while held cannot leave the line half-changed.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn find(&self, id: u64) -> Result<usize, usize> {
        self.line.binary_search_by_key(&id, |place| place.id)
    }

    fn head(&self) -> Option<Waker> {
        self.line.front().map(|place| place.waker.clone())
    }
}

/// The waker that the line leaves with its limit: it passes the wake-up on to whoever is the head by then.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let head = self.lock().head();
        if let Some(head) = head {
            head.wake();
        }
    }
}

impl Wake for Expiry {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let places = self.line.lock();
        let Ok(index) = places.find(self.place) else { return };
        // A timer may also want to be polled again, as when its task has used up tokio's budget.
        let waker = if self.until <= Instant::now() {
            self.line.remove(places, index)
        } else {
            let waker = places.line[index].waker.clone();
            drop(places);
            Some(waker)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A slot that was waited for goes back to the limit.
impl Settle for Line {
    type Ticket = Slot;

    fn note(&self, _: Option<&mut Slot>, _: Note<'_>, _: &Now) {}

    fn end(&self, slot: Slot, end: End<'_>, now: &Now) {
        self.shared.limit.end(slot, end, now);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("limit", &self.shared.limit)
            .field("waiting", &self.waiting())
            .field("max_waiting", &self.shared.max_waiting.load(Ordering::Relaxed))
            .field("max_wait", &self.max_wait())
            .finish()
    }
}
