//! Where scripts run.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};
use tokio::{runtime::Builder, task::unconstrained};

/// On the paused clock: a sleep moves it, and takes no time.
pub(crate) fn paused<T>(script: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    // Scripts poll by hand, often; tokio would take that for a task that does not yield.
    runtime.expect("no driver but time").block_on(unconstrained(script))
}

/// On the system's clock, which the peers read.
pub(crate) fn real<T>(script: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("no driver but time").block_on(unconstrained(script))
}

/// Lets spawned tasks run until they have nothing to do.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicU64);

impl Woken {
    pub(crate) fn times(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls as an executor would: once, and again as long as it has been woken; `at_most` so often. How often that was.
pub(crate) fn polls_with_nothing_to_do<T>(
    at_most: u64,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> u64 {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let (mut polls, mut heard) = (0, 0);
    loop {
        assert!(poll(&mut Context::from_waker(&waker)).is_pending(), "there is nothing to get");
        polls += 1;
        if polls == at_most || woken.times() == heard {
            return polls;
        }
        heard = woken.times();
    }
}
