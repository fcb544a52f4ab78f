//! Every interleaving of two callers of one budget. Run by `RUSTFLAGS="--cfg orlop_loom"`.
#![cfg(orlop_loom)]

use loom::thread;
use orlop_retry::{Budget, BudgetSettings, Share};

fn budget() -> Budget {
    Budget::new(BudgetSettings::default().with_share(Share::percent(100)).with_min_per_second(0))
}

#[test]
fn one_retry_is_paid_for_once() {
    loom::model(|| {
        let budget = budget();
        budget.deposit();
        let other = {
            let budget = budget.clone();
            thread::spawn(move || budget.withdraw())
        };
        let mine = budget.withdraw();
        assert!(mine != other.join().unwrap(), "exactly one of the two");
        assert_eq!(budget.balance(), 0);
    });
}

#[test]
fn a_deposit_is_not_lost() {
    loom::model(|| {
        let budget = budget();
        let other = {
            let budget = budget.clone();
            thread::spawn(move || budget.deposit())
        };
        let early = budget.withdraw();
        other.join().unwrap();
        assert!(early != budget.withdraw(), "now or later, once");
    });
}
