//! The call's context.

use orlop_core::{Addr, Attempt, AttemptId, CallContext, Endpoint, Priority, Ratio};
use std::{collections::HashSet, thread, time::Duration};
use tokio::time::Instant;

#[test]
fn attempt_ids_are_unique_across_threads() {
    let take = || (0..3_000).map(|_| AttemptId::next()).collect::<Vec<_>>();
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(take)).collect();
    let ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[test]
fn the_earlier_deadline_counts() {
    let now = Instant::now();
    let early = now + Duration::from_secs(1);
    let late = now + Duration::from_secs(2);
    assert_eq!(CallContext::new().deadline_at(early).deadline_at(late).deadline(), Some(early));
    assert_eq!(CallContext::new().deadline_at(late).deadline_at(early).deadline(), Some(early));
    assert_eq!(CallContext::new().timeout(Duration::MAX).deadline(), None);
}

#[test]
fn a_child_inherits_deadline_and_priority_only() {
    let parent = CallContext::new()
        .timeout(Duration::from_secs(1))
        .with_priority(Priority(7))
        .idempotent(true)
        .without_retry()
        .with_attempt(Attempt::single());
    let child = parent.child();
    assert_eq!(child.deadline(), parent.deadline());
    assert_eq!(child.priority(), Priority(7));
    assert_eq!(child.is_idempotent(), None);
    assert!(child.may_retry());
    assert!(child.attempt().is_none());
}

#[test]
fn attempts_of_one_call_share_their_picks() {
    let first = Attempt::recorded();
    let second = first.following();
    let endpoint = Endpoint::builder("a", Addr::from(([127, 0, 0, 1], 80))).zone("z").build();
    first.picks().unwrap().record(&endpoint);
    assert!(second.picks().unwrap().tried(endpoint.id()));
    assert!(second.picks().unwrap().tried_zone("z"));
    assert_eq!((second.number(), second.id() == first.id()), (2, false));
    assert!(Attempt::single().picks().is_none());
}

#[test]
fn ratios_outside_their_range_are_refused() {
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(Ratio::new(bad).is_err(), "{bad}");
    }
    assert_eq!(Ratio::percent(50), Ratio::HALF);
    assert_eq!(Ratio::percent(200), Ratio::ONE);
}

#[cfg(feature = "serde")]
#[test]
fn durations_and_ratios_name_the_value_and_what_is_allowed() {
    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        #[serde(with = "orlop_core::duration")]
        wait: Duration,
        share: Ratio,
    }
    let read = serde_json::from_str::<Settings>;
    let good = read(r#"{"wait": "1m 250ms", "share": 0.25}"#).unwrap();
    assert_eq!(good.wait, Duration::from_millis(60_250));
    assert_eq!(good.share.get(), 0.25);
    let error = read(r#"{"wait": "soon", "share": 0.25}"#).unwrap_err().to_string();
    assert!(error.contains("got \"soon\"") && error.contains("250ms"), "{error}");
    let error = read(r#"{"wait": "1s", "share": 2.0}"#).unwrap_err().to_string();
    assert!(error.contains("within 0..=1, got 2"), "{error}");
}

#[test]
fn a_refusal_is_found_through_an_io_error() {
    use orlop_core::{Kind, Rejected};
    let id = AttemptId::next();
    let refused = Rejected::new(Kind::Limit).stamped(Some(id));
    let wrapped = std::io::Error::other(std::io::Error::other(refused));
    assert_eq!(Rejected::find(&wrapped).map(Rejected::kind), Some(Kind::Limit));
    assert!(Rejected::unsent(&wrapped, id));
    assert!(Rejected::find(&std::io::Error::from_raw_os_error(2)).is_none());
}

#[test]
fn what_was_met_before_something_was_done_proves_nothing() {
    use orlop_core::{Acted, BoxError, Kind, Rejected};
    use std::sync::Arc;
    let id = AttemptId::next();
    let refused = Rejected::new(Kind::Circuit).stamped(Some(id));
    let since: BoxError = Acted::new(Arc::new(refused.clone())).into();
    assert!(!Rejected::unsent(&*since, id));
    assert_eq!(
        Rejected::find(&*since).map(Rejected::kind),
        Some(Kind::Circuit),
        "still to be told"
    );
    // In front of the mark it counts: that is the refusal of this attempt.
    let again: BoxError = orlop_core::NotSent::new(Some(id), since).into();
    assert!(Rejected::unsent(&*again, id));
}
