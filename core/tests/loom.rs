//! Every interleaving of permits that end on two threads. Run with
//!
//! ```text
//! RUSTFLAGS="--cfg orlop_loom" CARGO_TARGET_DIR=target/loom cargo test -p orlop-core --test loom
//! ```
#![cfg(orlop_loom)]
#![allow(missing_docs)]

use loom::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use orlop_core::{
    Again, CallContext, End, Gate, Handle, Note, Now, Permit, Rejected, Settle, Verdict,
};
use std::task::Waker;

/// Hands out tickets that loom knows of, so that one that is lost or comes twice is found out.
#[derive(Clone)]
struct Counting(Arc<Counts>);

#[derive(Default)]
struct Counts {
    out: AtomicUsize,
    ended: AtomicUsize,
    refunded: AtomicUsize,
}

impl Handle for Counting {}

impl Settle for Counting {
    type Ticket = Arc<AtomicUsize>;

    fn note(&self, ticket: Option<&mut Self::Ticket>, _: Note<'_>, _: &Now) {
        let ticket = ticket.expect("these calls have been admitted");
        assert_eq!(ticket.load(Relaxed), 0, "no note after the end");
    }

    fn end(&self, ticket: Self::Ticket, end: End<'_>, _: &Now) {
        assert_eq!(ticket.fetch_add(1, Relaxed), 0, "a ticket ends once");
        let count = if matches!(end, End::Refund) { &self.0.refunded } else { &self.0.ended };
        count.fetch_add(1, Relaxed);
    }
}

impl Gate<()> for Counting {
    fn enter(&self, (): &(), _: Option<&CallContext>, _: &Now) -> Result<Self::Ticket, Rejected> {
        self.0.out.fetch_add(1, Relaxed);
        Ok(Arc::new(AtomicUsize::new(0)))
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

fn permit(gate: &Counting) -> Permit<Counting> {
    Permit::enter(gate.lend(), &(), None, &Now::lazy()).expect("it admits all")
}

fn ways() -> [(fn(Permit<Counting>), usize); 3] {
    [(|permit| permit.settle(Verdict::SUCCESS), 0), (Permit::refund, 1), (drop, 0)]
}

#[test]
fn a_permit_carried_to_another_thread_ends_once_there() {
    for (end, refunds) in ways() {
        loom::model(move || {
            let gate = Counting(Arc::new(Counts::default()));
            let mut carried = permit(&gate);
            let there = thread::spawn(move || {
                carried.note(Note::Head(None), &Now::lazy());
                end(carried);
            });
            permit(&gate).settle(Verdict::FAILURE);
            there.join().unwrap();
            assert_eq!(gate.0.out.load(Relaxed), 2);
            assert_eq!(gate.0.refunded.load(Relaxed), refunds);
            assert_eq!(gate.0.ended.load(Relaxed), 2 - refunds);
        });
    }
}

#[test]
fn the_last_permit_may_outlive_every_other_handle_of_its_gate() {
    for (end, _) in ways() {
        loom::model(move || {
            let gate = Counting(Arc::new(Counts::default()));
            let (counts, last) = (Arc::clone(&gate.0), permit(&gate));
            let there = thread::spawn(move || end(last));
            drop(gate);
            there.join().unwrap();
            assert_eq!(counts.ended.load(Relaxed) + counts.refunded.load(Relaxed), 1);
            // Loom fails the model if an `Arc`, and the ticket's with it, is still held at its end.
        });
    }
}

#[test]
fn a_pair_whose_second_gate_refuses_gives_the_first_ticket_back() {
    struct Full;

    impl Settle for Full {
        type Ticket = ();
        fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}
        fn end(&self, (): (), _: End<'_>, _: &Now) {}
    }

    impl Gate<()> for Full {
        fn enter(&self, (): &(), _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
            Err(Rejected::new(orlop_core::Kind::Limit))
        }
        fn refusing(&self, _: &Now) -> Option<Rejected> {
            None
        }
        fn wake(&self, _: &Waker, _: &Now) -> Again {
            Again::Never
        }
    }

    loom::model(|| {
        let gate = Counting(Arc::new(Counts::default()));
        let there = {
            let gate = gate.clone();
            thread::spawn(move || permit(&gate).settle(Verdict::SUCCESS))
        };
        let pair = (gate.lend(), &Full);
        assert!(Permit::enter(pair, &(), None, &Now::lazy()).is_err());
        there.join().unwrap();
        assert_eq!(gate.0.refunded.load(Relaxed), 1);
        assert_eq!(gate.0.ended.load(Relaxed), 1);
    });
}
