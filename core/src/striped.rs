//! A shared value whose handles do not meet at one reference count.

use crate::Handle;
use std::{
    cell::Cell,
    fmt,
    ops::Deref,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// How many stripes there are: threads beyond that share them.
pub const STRIPES: usize = 8;

/// The stripe of the calling thread, below [`STRIPES`].
///
/// For counters that all threads write: with one for each stripe, on a cache line of its own, threads do not wait for
/// each other. As long as there are no more threads that ask than stripes, each has one to itself: a thread takes the lowest
/// number that is free, and gives it back when it ends.
#[inline]
pub fn stripe() -> usize {
    const NONE: usize = usize::MAX;
    // Without a destructor, so that reading it is one load. The number's end is `Number`'s business.
    thread_local!(static STRIPE: Cell<usize> = const { Cell::new(NONE) });
    STRIPE.with(|stripe| {
        if stripe.get() == NONE {
            stripe.set(Number::of_this_thread() % STRIPES);
        }
        stripe.get()
    })
}

/// The number of a thread, taken until the thread ends.
struct Number(usize);

/// A bit for each number that is taken. Relaxed: any number will do, and a read-modify-write alone keeps it from two threads.
static TAKEN: AtomicU64 = AtomicU64::new(0);

impl Number {
    #[cold]
    #[inline(never)]
    fn of_this_thread() -> usize {
        thread_local!(static NUMBER: Number = Number::take());
        // A thread that is ending may have lost its own; then it shares one for what is left.
        NUMBER.try_with(|number| number.0).unwrap_or_default()
    }

    fn take() -> Self {
        let lowest = |taken: u64| (taken != u64::MAX).then(|| taken | (taken + 1));
        match TAKEN.fetch_update(Relaxed, Relaxed, lowest) {
            Ok(taken) => Self(taken.trailing_ones() as usize),
            // More than 64 threads: they share stripes anyway.
            Err(_) => {
                static NEXT: AtomicUsize = AtomicUsize::new(64);
                Self(NEXT.fetch_add(1, Relaxed).max(64))
            }
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        if self.0 < 64 {
            TAKEN.fetch_and(!(1 << self.0), Relaxed);
        }
    }
}

/// An `Arc` with a reference count for each stripe, so that handles taken and dropped on several threads do not pass one
/// cache line around.
///
/// A clone keeps the counts of all stripes alive; [`lend`](Handle::lend) gives a handle that counts in the calling thread's
/// stripe and is meant for a call, or for a clone of a service. When all clones are gone, lent handles keep the value alive
/// and lend further ones, which then count where the lender counts, as an `Arc` would.
///
/// # Cost
///
/// To lend: a thread-local number, a comparison, and one uncontended read-modify-write; to drop: another. On a thread whose
/// stripe is not the lender's, one more read-modify-write and a few loads. Reading goes through two pointers. 128 bytes for
/// each stripe in use.
///
/// # Examples
///
/// ```
/// use orlop_core::{Handle, Striped};
///
/// let owner = Striped::new(7);
/// let lent = owner.lend();
/// drop(owner);
/// assert_eq!(*lent, 7);
/// ```
pub struct Striped<T> {
    stripe: Arc<Stripe<T>>,
}

/// Its `Arc`'s count is the only thing that is written for each call, so that has a cache line to itself.
#[repr(align(64))]
struct Stripe<T> {
    /// [`OWNERS`] in the stripe in which clones count.
    number: usize,
    whole: Arc<Whole<T>>,
    /// The stripes of lent handles: in the stripe in which clones count.
    others: Option<Box<Others<T>>>,
}

struct Whole<T> {
    value: T,
    /// The way from a lent handle to other stripes. It keeps none of them alive, else the value would keep itself alive.
    /// `None`: all handles count in one place.
    table: Option<Box<Table<T>>>,
}

struct Table<T> {
    stripes: [OnceLock<Weak<Stripe<T>>>; STRIPES],
    owners: OnceLock<Weak<Stripe<T>>>,
}

/// Each stripe, once made, for as long as there is a clone.
struct Others<T> {
    stripes: [OnceLock<Arc<Stripe<T>>>; STRIPES],
}

/// The number of no thread's stripe.
const OWNERS: usize = STRIPES;

impl<T> Striped<T> {
    /// A value with a count for each stripe, made when a thread first needs it.
    pub fn new(value: T) -> Self {
        let table =
            Table { stripes: [const { OnceLock::new() }; STRIPES], owners: OnceLock::new() };
        let whole = Arc::new(Whole { value, table: Some(Box::new(table)) });
        let others = Others { stripes: [const { OnceLock::new() }; STRIPES] };
        let others = Some(Box::new(others));
        let stripe = Arc::new(Stripe { number: OWNERS, whole, others });
        if let Some(table) = &stripe.whole.table {
            // It is empty: we made it.
            let _ = table.owners.set(Arc::downgrade(&stripe));
        }
        Self { stripe }
    }

    /// A value with one count, as an `Arc` has: small, for values of which there are many.
    pub fn single(value: T) -> Self {
        let whole = Arc::new(Whole { value, table: None });
        Self { stripe: Arc::new(Stripe { number: OWNERS, whole, others: None }) }
    }

    /// Whether two handles are of one value.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stripe.whole, &other.stripe.whole)
    }

    /// The stripe of this number, if it can be had.
    #[inline(never)]
    fn elsewhere(&self, number: usize) -> Arc<Stripe<T>> {
        let stripe = &*self.stripe;
        let whole = &stripe.whole;
        let found = match (&stripe.others, &whole.table) {
            (Some(others), _) => Some(others.stripe(number, whole)),
            (None, Some(table)) => match table.stripes[number].get() {
                Some(stripe) => stripe.upgrade(),
                None => table.made(number, whole),
            },
            (None, None) => None,
        };
        found.unwrap_or_else(|| Arc::clone(&self.stripe))
    }
}

impl<T> Table<T> {
    #[cold]
    fn made(&self, number: usize, whole: &Arc<Whole<T>>) -> Option<Arc<Stripe<T>>> {
        let owners = self.owners.get().and_then(Weak::upgrade)?;
        owners.others.as_ref().map(|others| others.stripe(number, whole))
    }
}

impl<T> Others<T> {
    #[inline]
    fn stripe(&self, number: usize, whole: &Arc<Whole<T>>) -> Arc<Stripe<T>> {
        match self.stripes[number].get() {
            Some(stripe) => Arc::clone(stripe),
            None => self.make(number, whole),
        }
    }

    #[cold]
    fn make(&self, number: usize, whole: &Arc<Whole<T>>) -> Arc<Stripe<T>> {
        let make = || Arc::new(Stripe { number, whole: Arc::clone(whole), others: None });
        let stripe = self.stripes[number].get_or_init(make);
        if let Some(table) = &whole.table {
            // An error only says that another thread was faster with the same one.
            let _ = table.stripes[number].set(Arc::downgrade(stripe));
        }
        Arc::clone(stripe)
    }
}

impl<T> Handle for Striped<T> {
    #[inline(always)]
    fn lend(&self) -> Self {
        let number = stripe();
        let stripe = if self.stripe.number == number {
            Arc::clone(&self.stripe)
        } else {
            self.elsewhere(number)
        };
        Self { stripe }
    }
}

impl<T> Clone for Striped<T> {
    fn clone(&self) -> Self {
        Self { stripe: Arc::clone(&self.stripe) }
    }
}

impl<T> Deref for Striped<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.stripe.whole.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Striped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    struct Dropped(Arc<AtomicUsize>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn the_value_goes_with_its_last_handle_whatever_the_order() {
        for (owner_first, single) in [(true, false), (false, false), (true, true)] {
            let drops = Arc::new(AtomicUsize::new(0));
            let value = Dropped(Arc::clone(&drops));
            let owner = if single { Striped::single(value) } else { Striped::new(value) };
            let other = owner.clone();
            let lent: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| owner.lend())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let again: Vec<_> = lent.iter().map(Striped::lend).collect();
            if owner_first {
                drop((owner, other));
                let orphans: Vec<_> = again.iter().map(Striped::lend).collect();
                drop(lent);
                drop(again);
                assert_eq!(drops.load(Relaxed), 0, "a lent handle keeps it");
                drop(orphans);
            } else {
                drop((lent, again, owner));
                assert_eq!(drops.load(Relaxed), 0, "a clone keeps it");
                drop(other);
            }
            assert_eq!(drops.load(Relaxed), 1);
        }
    }

    #[test]
    fn a_handle_lent_on_another_thread_counts_in_that_threads_stripe() {
        let owner = Striped::new(());
        let here = owner.lend();
        thread::scope(|scope| {
            scope.spawn(|| {
                let (first, second) = (owner.lend(), here.lend());
                assert_eq!(first.stripe.number, stripe());
                assert!(Arc::ptr_eq(&first.stripe, &second.stripe), "the same by either way");
            });
        });
        assert_eq!(here.stripe.number, stripe());
        assert_eq!(owner.stripe.number, OWNERS);
    }

    #[test]
    fn few_threads_at_a_time_have_a_stripe_each_however_many_there_were() {
        // Other tests' threads hold numbers, too, so only this is certain: two that live at once differ while few do.
        for _ in 0..50 {
            let barrier = std::sync::Barrier::new(2);
            let both = thread::scope(|scope| {
                let ask = || {
                    let number = Number::of_this_thread();
                    barrier.wait();
                    number
                };
                let (one, other) = (scope.spawn(ask), scope.spawn(ask));
                (one.join().unwrap(), other.join().unwrap())
            });
            assert_ne!(both.0, both.1);
            assert!(both.0.max(both.1) < 64, "numbers come back: {both:?}");
        }
    }

    #[test]
    fn a_value_of_one_count_has_one() {
        let owner = Striped::single(());
        thread::scope(|scope| {
            scope.spawn(|| assert!(Arc::ptr_eq(&owner.stripe, &owner.lend().stripe)));
        });
    }
}
