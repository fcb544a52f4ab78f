//! What counts as accepted, and what counts nowhere.

use crate::support::{book, calls, counts, pass, secs};
use orlop_breaker::{
    Accepts, Throttle, ThrottleSettings,
    core::{End, Gate, Note, Now, Settle, Verdict},
};

fn after(accepts: Accepts, verdict: Verdict) -> (u64, u64) {
    let throttle = Throttle::new(book().accepts(accepts));
    calls(&throttle, 1, verdict);
    counts(&throttle)
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_is_a_setting() {
    let cases = [
        (Verdict::SUCCESS, (1, 1), (1, 1)),
        (Verdict::THROTTLED, (1, 0), (1, 0)),
        (Verdict::FAILURE, (1, 0), (1, 1)),
        (Verdict::BROKEN, (1, 0), (1, 0)),
        (Verdict::TIMED_OUT, (1, 0), (1, 0)),
        (Verdict::UNCONNECTED, (1, 0), (1, 0)),
        (Verdict::NEUTRAL, (0, 0), (0, 0)),
        (Verdict::REFUSED, (0, 0), (0, 0)),
        (Verdict::DROPPED, (0, 0), (0, 0)),
    ];
    for (verdict, success, answered) in cases {
        assert_eq!(after(Accepts::Success, verdict), success, "{verdict:?}");
        assert_eq!(after(Accepts::Answered, verdict), answered, "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refunded_call_leaves_no_trace() {
    let throttle = Throttle::new(book());
    (0..100).for_each(|_| throttle.try_enter().unwrap().refund());
    let snapshot = throttle.snapshot();
    assert_eq!((snapshot.requests(), snapshot.accepts(), snapshot.rejection()), (0, 0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn callers_who_cancel_throttle_nobody() {
    for settings in [ThrottleSettings::default(), book()] {
        let throttle = Throttle::new(settings);
        for _ in 0..100 {
            let left = throttle.try_enter().expect("hedged calls that lose are no trouble");
            drop(left);
        }
        assert_eq!(counts(&throttle), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn callers_who_cancel_hide_no_trouble() {
    let throttle = Throttle::new(book().minimum_calls(200));
    for _ in 0..50 {
        drop(throttle.try_enter().unwrap());
        calls(&throttle, 1, Verdict::THROTTLED);
    }
    assert_eq!(throttle.snapshot().requests(), 50);
    let update = book();
    throttle.update(update);
    assert_eq!(throttle.snapshot().rejection(), 50.0 / 51.0, "as if only the others had called");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_after_the_grace_leaves_a_call_that_was_not_accepted() {
    let throttle = Throttle::new(ThrottleSettings::default());
    let (soon, late) = (throttle.try_enter().unwrap(), throttle.try_enter().unwrap());
    pass(secs(4)).await;
    drop(soon);
    assert_eq!(counts(&throttle), (1, 0));
    pass(secs(1)).await;
    drop(late);
    let snapshot = throttle.snapshot();
    assert_eq!((snapshot.requests(), snapshot.under_way()), (1, 0), "at once not accepted");
}

#[tokio::test(start_paused = true)]
async fn the_head_decides_and_what_follows_adds_nothing() {
    let throttle = Throttle::new(book());
    let now = Now::lazy();
    for (head, end, expected) in [
        (Verdict::SUCCESS, End::Verdict(&Verdict::BROKEN), (1, 1)),
        (Verdict::SUCCESS, End::Verdict(&Verdict::DROPPED), (1, 1)),
        (Verdict::THROTTLED, End::Verdict(&Verdict::SUCCESS), (1, 0)),
    ] {
        let throttle = throttle.fresh();
        let mut ticket = Gate::<()>::enter(&throttle, &(), None, &now).unwrap();
        throttle.note(Some(&mut ticket), Note::Head(None), &now);
        assert_eq!(counts(&throttle), (1, 0), "a head without a verdict decides nothing");
        throttle.note(Some(&mut ticket), Note::Head(Some(&head)), &now);
        assert_eq!(counts(&throttle), expected);
        throttle.end(ticket, end, &now);
        assert_eq!(counts(&throttle), expected);
    }
}
