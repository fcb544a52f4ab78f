//! Whether a second thread with a handle of its own gets more done.

use crate::{
    path::{Handle, Ready},
    statistics::Spread,
    timing,
};
use std::{
    hint,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};
use tokio::time::Instant;

/// One window: long beside the start of two threads, short beside a time slice of the scheduler.
const WINDOW: Duration = Duration::from_micros(400);

/// How often to look for windows in which both threads ran, on a machine that does other things too.
const ROUNDS: usize = 20;

/// What a second thread brings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scaling {
    /// The throughput of two threads beside that of one, and the time that passes for each call of either.
    Times { times: f64, nanoseconds: f64 },
    /// There is only one handle.
    NotShared,
    /// The machine had other work: the threads hardly ever ran at the same time.
    TooNoisy,
}

/// Compares two threads, a handle each, with one. Medians of so many windows.
pub(crate) fn scaling(path: &Ready, one: &mut Handle, windows: usize) -> Scaling {
    let Some(mut two) = path.another() else { return Scaling::NotShared };
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Scaling::TooNoisy;
    }
    let (calls, alone) = alone(one, windows);
    let mut both = Vec::new();
    for _ in 0..ROUNDS {
        let pairs = pairs(one, &mut two, calls, windows);
        both.extend(pairs.iter().filter_map(|pair| pair.length(path.waits)));
        if both.len() >= windows / 4 {
            let both = Spread::of(both).median;
            let nanoseconds = both * 1e9 / (2 * calls) as f64;
            return Scaling::Times { times: 2.0 * alone / both, nanoseconds };
        }
    }
    Scaling::TooNoisy
}

/// How many calls fill a window, and how long they take while nobody else calls.
///
/// On a thread of its own, as both threads below. This one has built the path, so what it allocates at each call would lie
/// between the parts of the path that another thread reads: they would meet on cache lines by chance.
fn alone(one: &mut Handle, windows: usize) -> (u64, f64) {
    let run = || {
        let calls = timing::calls_in(one, WINDOW);
        let lengths = (0..windows).map(|_| window(one, calls).length()).collect();
        (calls, Spread::of(lengths).median)
    };
    thread::scope(|scope| scope.spawn(run).join()).expect(TOLD)
}

/// A panic in a thread is printed there.
const TOLD: &str = "the thread has told why";

/// When either thread made its calls, window by window.
fn pairs(one: &mut Handle, two: &mut Handle, calls: u64, windows: usize) -> Vec<Pair> {
    let gate = Gate::default();
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| in_step(&gate, one, calls, windows));
        let two = scope.spawn(|| in_step(&gate, two, calls, windows));
        (one.join().expect(TOLD), two.join().expect(TOLD))
    });
    one.into_iter().zip(two).map(|(a, b)| Pair(a, b)).collect()
}

/// When a batch of calls ran.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

impl Window {
    fn length(self) -> f64 {
        (self.to - self.from).as_secs_f64()
    }
}

/// What two threads did at about the same time.
struct Pair(Window, Window);

impl Pair {
    /// From the first start to the last end, in seconds; if both ran for most of it, or wait for each other: a window in
    /// which one thread had to wait for a processor says nothing of what they cost each other.
    fn length(&self, waits: bool) -> Option<f64> {
        let Self(a, b) = self;
        let common = a.to.min(b.to).saturating_duration_since(a.from.max(b.from));
        let union = Window { from: a.from.min(b.from), to: a.to.max(b.to) }.length();
        (waits || common.as_secs_f64() > 0.7 * union).then_some(union)
    }
}

fn window(handle: &mut Handle, calls: u64) -> Window {
    let from = Instant::now();
    handle.make(calls);
    Window { from, to: Instant::now() }
}

fn in_step(gate: &Gate, handle: &mut Handle, calls: u64, windows: usize) -> Vec<Window> {
    let _open = OpenOnPanic(gate);
    let one = |round| {
        gate.pass(round);
        window(handle, calls)
    };
    (0..windows).map(one).collect()
}

/// Lets two threads through at the same time, again and again. It spins: a thread that is woken is late.
#[derive(Default)]
struct Gate {
    arrived: AtomicUsize,
}

impl Gate {
    fn pass(&self, round: usize) {
        self.arrived.fetch_add(1, SeqCst);
        while self.arrived.load(SeqCst) < 2 * (round + 1) {
            hint::spin_loop();
        }
    }
}

/// If one thread panics, the other must not wait for it.
struct OpenOnPanic<'a>(&'a Gate);

impl Drop for OpenOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Above any count of arrivals, so that every round is open.
            self.0.arrived.store(usize::MAX / 2, SeqCst);
        }
    }
}
