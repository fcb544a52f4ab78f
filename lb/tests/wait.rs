//! A call that waits for a gate: it misses nothing, and does not spin.

mod support;

use orlop_lb::{
    Balance, Settings,
    core::{
        Again, AnyError, CallContext, End, Endpoint, Gate, Handle, Kind, Note, Now, Rejected,
        Settle,
    },
    fixed,
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};
use support::{World, endpoint, settle};
use tokio::time::{Instant, sleep};
use tokio_test::{assert_ready_ok, task};
use tower::{Service, ServiceExt};

/// A gate that wakes nobody, as a circuit, a limit or a throttle may that is not refusing when it is asked to.
#[derive(Clone, Default)]
struct Quiet(Arc<Told>);

#[derive(Default)]
struct Told {
    refuses: AtomicBool,
    /// It admits from then on, as if a slot had been freed just before.
    admits_when_asked_to_wake: AtomicBool,
    asked: AtomicU64,
}

impl Quiet {
    fn refusing() -> Self {
        let gate = Self::default();
        gate.0.refuses.store(true, Relaxed);
        gate
    }

    fn admit(&self) {
        self.0.refuses.store(false, Relaxed);
    }

    fn asked(&self) -> u64 {
        self.0.asked.load(Relaxed)
    }
}

impl Handle for Quiet {}

impl Settle for Quiet {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), _: End<'_>, _: &Now) {}
}

impl<Req: ?Sized> Gate<Req> for Quiet {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
        self.0.asked.fetch_add(1, Relaxed);
        match self.0.refuses.load(Relaxed) {
            true => Err(Rejected::new(Kind::Limit)),
            false => Ok(()),
        }
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        if self.0.admits_when_asked_to_wake.load(Relaxed) {
            self.admit();
        }
        Again::Never
    }
}

/// Two endpoints, "a" behind `a` and "b" behind `b`, both behind a gate before it that admits.
async fn balance(a: &Quiet, b: &Quiet, wait: Duration) -> impl Caller {
    let (a, b) = (a.clone(), b.clone());
    let balance =
        Balance::builder(fixed(["a", "b"].map(endpoint)), World::default().connect(), AnyError)
            .gate(move |endpoint: &Endpoint| {
                let own = if endpoint.id().as_str() == "a" { &a } else { &b };
                (Quiet::default(), own.clone())
            })
            .settings(Settings::new().wait_when_refused(wait))
            .seeded(1)
            .build();
    settle().await;
    balance
}

trait Caller:
    Service<&'static str, Response = String, Error = orlop_lb::core::BoxError, Future: Send> + Clone
{
}

impl<S> Caller for S where
    S: Service<&'static str, Response = String, Error = orlop_lb::core::BoxError, Future: Send>
        + Clone
{
}

/// What came of it, and how often it was polled.
async fn counted<F: Future>(future: F) -> (F::Output, u32) {
    let (mut future, mut polls) = (pin!(future), 0);
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    })
    .await;
    (output, polls)
}

#[tokio::test(start_paused = true)]
async fn what_is_freed_between_refusal_and_registration_is_not_missed() {
    let (full, freed) = (Quiet::refusing(), Quiet::refusing());
    freed.0.admits_when_asked_to_wake.store(true, Relaxed);
    let mut balance = balance(&full, &freed, Duration::from_secs(1)).await;
    let mut call = task::spawn(balance.call("x"));
    // Nobody would wake it: it must have asked all once more before it waits.
    assert_eq!(assert_ready_ok!(call.poll()), "b");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_wakes_asks_every_50_ms() {
    let (full, freed) = (Quiet::refusing(), Quiet::refusing());
    let balance = balance(&full, &freed, Duration::from_secs(5)).await;
    let started = Instant::now();
    let later = freed.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(975)).await;
        later.admit();
    });
    let (went, polls) = counted(balance.oneshot("x")).await;
    assert_eq!(went.unwrap(), "b");
    let waited = started.elapsed();
    // 975 ms, and until the next look; the timer's resolution may add 1 ms to each.
    assert!(waited >= Duration::from_millis(975), "{waited:?}");
    assert!(waited <= Duration::from_millis(1_046), "{waited:?}");
    assert!(polls <= 21, "{polls} polls: one at first, and one each 50 ms");
    assert!(full.asked() <= 85, "asked {} times: 4 times a poll, and at the call", full.asked());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_to_the_end_does_not_spin() {
    let (a, b) = (Quiet::refusing(), Quiet::refusing());
    let balance = balance(&a, &b, Duration::from_millis(300)).await;
    let (refused, polls) = counted(balance.oneshot("x")).await;
    assert_eq!(Rejected::find(&*refused.unwrap_err()).map(Rejected::kind), Some(Kind::AllRefused));
    assert!((2..=7).contains(&polls), "{polls} polls in 300 ms");
}

/// A limit of one whose slot is free whenever it is asked to wake somebody, and taken by somebody else before the caller
/// asks again: as often as the test says.
#[derive(Clone, Default)]
struct Contended(Arc<Slot>);

#[derive(Default)]
struct Slot {
    free: AtomicBool,
    races_lost: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Settle for Contended {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), _: End<'_>, _: &Now) {}
}

impl Handle for Contended {}

impl<Req: ?Sized> Gate<Req> for Contended {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
        match self.0.free.load(Relaxed) {
            true => Ok(()),
            false => Err(Rejected::new(Kind::Limit)),
        }
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, waker: &Waker, _: &Now) -> Again {
        let lost = self.0.races_lost.load(Relaxed);
        if lost > 0 {
            self.0.races_lost.store(lost - 1, Relaxed);
            return Again::Never;
        }
        *self.0.waker.lock().unwrap() = Some(waker.clone());
        Again::Registered
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_lost_to_another_caller_leaves_a_waker_behind() {
    for races_lost in [1, 2] {
        let gate = Contended::default();
        gate.0.races_lost.store(races_lost, Relaxed);
        let own = gate.clone();
        let mut balance =
            Balance::builder(fixed([endpoint("a")]), World::default().connect(), AnyError)
                .gate(move |_: &Endpoint| own.clone())
                .settings(Settings::new().wait_when_refused(Duration::from_secs(1)))
                .build();
        settle().await;
        let mut call = task::spawn(balance.call("x"));
        assert!(call.poll().is_pending());
        let waker = gate.0.waker.lock().unwrap().take();
        gate.0.free.store(true, Relaxed);
        waker.expect("registered, though it had room when it was asked first").wake();
        assert!(call.is_woken(), "without its timer");
        assert_eq!(assert_ready_ok!(call.poll()), "a");
    }
}
