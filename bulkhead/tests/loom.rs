//! Every interleaving of admissions, ends and wake-ups. Run by `RUSTFLAGS="--cfg orlop_loom"`.
#![cfg(orlop_loom)]

use loom::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};
use orlop_bulkhead::{
    Limit, Line, Settings, Turn,
    core::{Again, Gate, Now, Permit, Rejected},
};
use std::{
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

struct Woken(AtomicBool);

impl Woken {
    fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self(AtomicBool::new(false)));
        (Arc::clone(&woken), woken.into())
    }

    fn is(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

fn poll(turn: &mut Turn, waker: &Waker) -> Poll<Result<Permit<Line>, Rejected>> {
    Pin::new(turn).poll(&mut Context::from_waker(waker))
}

fn line(limit: u32) -> Line {
    let limit = NonZeroU32::new(limit).unwrap();
    Line::new(Settings::default().with_limit(limit).with_max_waiting(8))
}

#[test]
fn never_more_than_the_limit() {
    loom::model(|| {
        let limit = Limit::new(1);
        let inside = Arc::new(AtomicUsize::new(0));
        let enter = {
            let (limit, inside) = (limit.clone(), Arc::clone(&inside));
            move || {
                if let Ok(permit) = limit.try_enter() {
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "the slot is one caller's");
                    inside.fetch_sub(1, SeqCst);
                    drop(permit);
                }
            }
        };
        let other = thread::spawn(enter.clone());
        enter();
        other.join().unwrap();
        assert_eq!(limit.in_flight(), 0);
    });
}

#[test]
fn who_registers_while_a_slot_frees_is_woken() {
    loom::model(|| {
        let limit = Limit::new(1);
        let permit = limit.try_enter().unwrap();
        let ends = thread::spawn(move || drop(permit));
        let (woken, waker) = Woken::new();
        let again = Gate::<()>::wake(&limit, &waker, &Now::lazy());
        ends.join().unwrap();
        // Never: there was room already, which the caller learns by asking once more.
        assert!(
            again == Again::Never || woken.is(),
            "the slot is free, so whoever asked must know"
        );
    });
}

#[test]
fn who_registers_while_the_limit_is_raised_is_woken() {
    loom::model(|| {
        let limit = Limit::new(0);
        let raises = {
            let limit = limit.clone();
            thread::spawn(move || limit.set_limit(1))
        };
        let (woken, waker) = Woken::new();
        let again = Gate::<()>::wake(&limit, &waker, &Now::lazy());
        raises.join().unwrap();
        assert!(again == Again::Never || woken.is());
    });
}

#[test]
fn who_asks_until_registered_misses_no_slot() {
    loom::model(|| {
        let limit = Limit::new(1);
        let permit = limit.try_enter().unwrap();
        let others = {
            let limit = limit.clone();
            thread::spawn(move || {
                drop(permit);
                drop(limit.try_enter());
            })
        };
        let (woken, waker) = Woken::new();
        // Never: there was room. If another took it before the caller asked, the caller goes round again.
        let served = loop {
            if limit.try_enter().is_ok() {
                break true;
            }
            if Gate::<()>::wake(&limit, &waker, &Now::lazy()) == Again::Registered {
                break false;
            }
        };
        others.join().unwrap();
        assert!(served || woken.is(), "the slot is free, so whoever waits for it must know");
    });
}

#[test]
fn who_joins_the_line_while_a_slot_frees_is_served() {
    loom::model(|| {
        let line = line(1);
        let permit = line.limit().try_enter().unwrap();
        let ends = thread::spawn(move || drop(permit));
        let (woken, waker) = Woken::new();
        let mut turn = line.turn();
        let first = poll(&mut turn, &waker);
        ends.join().unwrap();
        if first.is_pending() {
            assert!(woken.is());
            assert!(matches!(poll(&mut turn, &waker), Poll::Ready(Ok(_))));
        }
    });
}

#[test]
fn a_slot_is_not_lost_to_a_head_that_leaves() {
    loom::model(|| {
        let line = line(1);
        let permit = line.limit().try_enter().unwrap();
        let ((_, gone), (woken, waker)) = (Woken::new(), Woken::new());
        let (mut head, mut next) = (line.turn(), line.turn());
        assert!(poll(&mut head, &gone).is_pending());
        assert!(poll(&mut next, &waker).is_pending());
        let ends = thread::spawn(move || drop(permit));
        drop(head);
        ends.join().unwrap();
        assert!(woken.is(), "it has moved up");
        assert!(matches!(poll(&mut next, &waker), Poll::Ready(Ok(_))));
    });
}
