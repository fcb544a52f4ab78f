//! The call's context; attempts; endpoints.

use http::Request;
use orlop_core::{
    Addr, Attempt, CallContext, Endpoint, Health, Lens, LensMut, NoContext, Priority, Update,
    http::FromExtensions,
};
use std::{io, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

#[test]
fn the_context_is_reached_through_a_lens_and_nothing_bounds_the_request() {
    let call = CallContext::new().with_priority(Priority(7));
    assert!(NoContext.get("a plain string").is_none());

    let mut req = Request::new(());
    FromExtensions.set(&mut req, call.clone());
    assert_eq!(FromExtensions.get(&req).map(CallContext::priority), Some(Priority(7)));

    struct Job(CallContext);
    fn read(job: &Job) -> Option<&CallContext> {
        Some(&job.0)
    }
    let lens = (read as fn(&Job) -> Option<&CallContext>, |job: &mut Job, call| job.0 = call);
    let mut job = Job(CallContext::new());
    lens.set(&mut job, call);
    assert_eq!(lens.get(&job).map(CallContext::priority), Some(Priority(7)));
}

#[test]
fn a_child_carries_deadline_and_priority_from_an_inbound_to_an_outbound_call_and_nothing_else() {
    let inbound = CallContext::new()
        .timeout(Duration::from_secs(1))
        .with_priority(Priority(7))
        .idempotent(true)
        .without_retry()
        .with_attempt(Attempt::recorded());
    let outbound = inbound.child();
    assert_eq!(outbound.deadline(), inbound.deadline());
    assert_eq!(outbound.priority(), Priority(7));
    assert_eq!((outbound.is_idempotent(), outbound.may_retry()), (None, true));
    assert!(outbound.attempt().is_none());
}

#[test]
fn each_attempt_has_its_own_id_and_all_of_a_call_share_their_record() {
    let first = Attempt::recorded();
    let second = first.following();
    assert_ne!(first.id(), second.id());
    assert_eq!((first.number(), second.number()), (1, 2));
    let endpoint = Endpoint::builder("a", ([127, 0, 0, 1], 80)).zone("z").build();
    first.picks().unwrap().record(&endpoint);
    let picks = second.picks().unwrap();
    assert!(picks.tried(endpoint.id()) && picks.tried_zone("z"), "to be passed over");
}

#[test]
fn the_record_exists_only_where_picking_again_is_on() {
    assert!(Attempt::single().picks().is_none());
    assert!(Attempt::single().following().picks().is_none());
}

#[test]
fn an_endpoint_is_id_address_authority_zone_weight_health_and_meta() {
    let weight = NonZeroU32::new(3).unwrap();
    let endpoint = Endpoint::builder("a", Addr::Name("playback.internal".into(), 8080))
        .authority("playback")
        .zone("eu-1a")
        .weight(weight)
        .health(Health::Unhealthy)
        .meta("version", "7")
        .build();
    assert_eq!(endpoint.id().as_str(), "a");
    assert_eq!((endpoint.authority(), endpoint.zone()), ("playback", Some("eu-1a")));
    assert_eq!((endpoint.weight(), endpoint.health()), (weight, Health::Unhealthy));
    assert_eq!(endpoint.meta()["version"], "7");
    for addr in [
        Addr::from(([127, 0, 0, 1], 80)),
        Addr::Name("playback.internal".into(), 80),
        Addr::Unix(PathBuf::from("/run/playback.sock")),
    ] {
        assert_eq!(*Endpoint::new("a", addr.clone()).addr(), addr);
    }
}

#[test]
fn not_resolved_yet_is_not_empty() {
    let empty = Update::Reset(Vec::new());
    assert!(matches!(&empty, Update::Reset(all) if all.is_empty()), "known, and nobody is there");
    for other in [
        Update::Stale(Duration::from_secs(9)),
        Update::Failed(Arc::new(io::Error::other("no registry"))),
    ] {
        assert!(!matches!(other, Update::Reset(_)), "{other:?} takes nobody away");
    }
}
