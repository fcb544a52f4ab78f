//! Rejected; safe to retry.

use super::Recorder;
use http::{Request, Response};
use http_body_util::Empty;
use orlop_core::{
    Acted, AnyError, Attempt, AttemptId, BoxError, CallContext, GuardLayer, Kind, NotSent, Refused,
    Rejected, Verdict, by_result, http::unavailable, local_verdict,
};
use std::{convert::Infallible, error::Error, fmt, io, sync::Arc, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

const KINDS: [Kind; 8] = [
    Kind::Circuit,
    Kind::Limit,
    Kind::Queue,
    Kind::Throttle,
    Kind::RateLimit,
    Kind::NoEndpoints,
    Kind::AllRefused,
    Kind::Deadline,
];

/// An error of somebody else's, around another.
#[derive(Debug)]
struct Around(BoxError);

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("request failed")
    }
}

impl Error for Around {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

fn of(req: &CallContext) -> Option<&CallContext> {
    Some(req)
}

fn attempt(attempt: &Attempt) -> CallContext {
    CallContext::new().with_attempt(attempt.clone())
}

#[test]
fn one_type_for_every_local_refusal_and_itself_the_error() {
    let mut texts = std::collections::HashSet::new();
    for kind in KINDS {
        let wait = Duration::from_secs(2);
        let rejected = Rejected::new(kind).named("playback").with_retry_after(wait);
        assert_eq!((rejected.kind(), rejected.name()), (kind, Some("playback")));
        assert_eq!(rejected.retry_after(), Some(wait));
        let text = rejected.to_string();
        assert_eq!(text, format!("playback: {kind}, retry after 2s"));
        assert!(texts.insert(text), "{kind:?} says the same as another");
        let error: BoxError = rejected.clone().into();
        assert_eq!(error.downcast_ref(), Some(&rejected), "no wrapper");
    }
}

#[test]
fn a_clone_shares_the_name() {
    let rejected = Rejected::new(Kind::Circuit).named("playback");
    let (one, two) = (rejected.name().unwrap().as_ptr(), rejected.clone().name().unwrap().as_ptr());
    assert_eq!(one, two, "nothing is copied, nothing allocated");
}

#[test]
fn find_searches_the_whole_chain() {
    let mut error: BoxError = Rejected::new(Kind::Queue).into();
    for _ in 0..5 {
        error = io::Error::other(Around(Around(error).into())).into();
    }
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Queue));
    let other = Around(Around("reset".into()).into());
    assert!(Rejected::find(&other).is_none());
}

#[test]
fn unsent_is_true_for_the_same_id_only() {
    let (mine, other) = (AttemptId::next(), AttemptId::next());
    let refused = |stamp| Around(Rejected::new(Kind::Limit).stamped(stamp).into());
    let unconnected = |stamp| Around(NotSent::new(stamp, "connection refused").into());
    let proofs: [&dyn Fn(Option<AttemptId>) -> Around; 2] = [&refused, &unconnected];
    for proof in proofs {
        assert!(Rejected::unsent(&proof(Some(mine)), mine));
        assert!(!Rejected::unsent(&proof(Some(mine)), other));
        assert!(!Rejected::unsent(&proof(None), mine), "without an id it is never \"not sent\"");
    }
    assert!(!Rejected::unsent(&Around("reset".into()), mine));
}

#[test]
fn what_find_shows_unsent_need_not_prove() {
    let (mine, inner) = (AttemptId::next(), AttemptId::next());
    let error = Around(Rejected::new(Kind::Circuit).stamped(Some(inner)).into());
    assert!(Rejected::find(&error).is_some(), "to be reported");
    assert!(!Rejected::unsent(&error, mine), "not to be sent again");
    let since = Acted::new(Arc::new(Rejected::new(Kind::Circuit).stamped(Some(mine))));
    assert!(Rejected::find(&since).is_some() && !Rejected::unsent(&since, mine));
}

#[test]
fn the_first_stamp_stays() {
    let (inner, outer) = (AttemptId::next(), AttemptId::next());
    let rejected = Rejected::new(Kind::Limit).stamped(None).stamped(Some(inner));
    assert_eq!(rejected.stamped(Some(outer)).attempt(), Some(inner));
}

#[tokio::test]
async fn a_guard_that_refuses_stamps_the_attempts_id_into_the_error() {
    let gate = Recorder::new();
    let service = service_fn(async |_: CallContext| Ok::<_, Infallible>(()));
    let guarded = GuardLayer::new(gate.clone(), AnyError).context(of).layer(service);
    let first = Attempt::single();
    let second = first.following();
    // Refused in `call`, and refused as `poll_ready` has promised.
    for refuse in [Recorder::refuse, Recorder::refuse_early] {
        refuse(&gate, Kind::Circuit);
        let error = guarded.clone().oneshot(attempt(&second)).await.unwrap_err();
        assert!(Rejected::unsent(&*error, second.id()));
        assert!(!Rejected::unsent(&*error, first.id()));
        let error = guarded.clone().oneshot(CallContext::new()).await.unwrap_err();
        assert_eq!(Rejected::find(&*error).unwrap().attempt(), None);
    }
}

#[tokio::test]
async fn and_into_its_mark_on_a_response() {
    let gate = Recorder::new();
    gate.refuse(Kind::Limit);
    let service = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
    });
    let guarded = GuardLayer::http(gate).respond(unavailable).layer(service);
    let first = Attempt::single();
    let mut req = Request::new(());
    req.extensions_mut().insert(attempt(&first));
    let res = guarded.oneshot(req).await.unwrap();
    let mark = res.extensions().get::<Rejected>().expect("marked");
    assert!(Rejected::unsent(mark, first.id()));
}

#[tokio::test]
async fn a_refusal_of_a_second_call_made_inside_a_service_that_acted_does_not_look_unsent() {
    let (outer, inner) = (Recorder::new(), Recorder::new());
    inner.refuse(Kind::Limit);
    let second = GuardLayer::new(inner, AnyError)
        .context(of)
        .layer(service_fn(async |_: CallContext| Ok::<_, Infallible>(())));
    let acts = service_fn(move |call: CallContext| {
        let second = second.clone();
        // A call of its own, with an attempt of its own.
        async move { second.oneshot(attempt_of(call.child())).await.map_err(Around) }
    });
    let guarded = GuardLayer::new(outer.clone(), AnyError).context(of).layer(acts);
    let first = Attempt::single();
    let error = guarded.oneshot(attempt(&first)).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).map(Rejected::kind), Some(Kind::Limit));
    assert!(!Rejected::unsent(&*error, first.id()));
    assert_eq!(outer.ends(), [Verdict::NEUTRAL], "and says nothing to the gate outside");
}

fn attempt_of(call: CallContext) -> CallContext {
    call.with_attempt(Attempt::single())
}

#[tokio::test]
async fn without_an_id_a_refusal_is_neutral_for_circuits_and_never_unsent() {
    let refused = Rejected::new(Kind::Circuit);
    assert_eq!(local_verdict(&refused), Some(Verdict::NEUTRAL));
    assert!(!Rejected::unsent(&refused, AttemptId::next()));
}

#[tokio::test]
async fn a_classifier_of_ones_own_is_not_asked_about_refusals() {
    let (outer, inner) = (Recorder::new(), Recorder::new());
    inner.refuse(Kind::Circuit);
    let strict = by_result(|result: Result<&(), &(dyn Error + 'static)>| match result {
        Ok(()) => Verdict::SUCCESS,
        Err(_) => Verdict::FAILURE,
    });
    let service = service_fn(async |_: ()| Ok::<_, Infallible>(()));
    let guarded = GuardLayer::new(outer.clone(), strict)
        .layer(GuardLayer::new(inner, AnyError).typed().layer(service));
    let error = guarded.oneshot(()).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Refused::<Infallible>::Rejected(_))));
    assert_eq!(outer.ends(), [Verdict::NEUTRAL]);
}

#[test]
fn of_gates_in_a_tuple_those_that_admitted_are_refunded_when_a_later_one_refuses() {
    use super::support::Heard::{Entered, Refunded};
    use orlop_core::{Now, Permit};
    let gates: [Recorder; 4] = std::array::from_fn(|_| Recorder::new());
    let [a, b, c, d] = gates.clone();
    let enter =
        || Permit::enter(((a.clone(), b.clone()), (c.clone(), d.clone())), "", None, &Now::lazy());
    d.refuse(Kind::Limit);
    assert_eq!(enter().unwrap_err().kind(), Kind::Limit);
    for admitted in &gates[..3] {
        assert_eq!(
            admitted.heard(),
            [Entered(0), Refunded(0)],
            "no trace, and above all no verdict"
        );
    }
    assert!(d.heard().is_empty());

    // Refusing in the first, nobody else is asked; a permit that is refunded refunds all.
    a.refuse(Kind::Circuit);
    assert_eq!(enter().unwrap_err().kind(), Kind::Circuit);
    assert_eq!(b.heard().len(), 2);
    a.admit();
    d.admit();
    enter().unwrap().refund();
    for gate in &gates {
        assert!(matches!(gate.heard().last(), Some(Refunded(_))));
        gate.assert_balanced();
    }
}

#[test]
fn a_tuple_whose_second_gate_panics_refunds_the_first() {
    use orlop_core::{Again, End, Gate, Note, Now, Permit, Settle};
    #[derive(Clone, Copy, Debug)]
    struct Panics;
    impl Settle for Panics {
        type Ticket = ();
        fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}
        fn end(&self, (): (), _: End<'_>, _: &Now) {}
    }
    impl<Req: ?Sized> Gate<Req> for Panics {
        fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
            panic!("as asked")
        }
        fn refusing(&self, _: &Now) -> Option<Rejected> {
            None
        }
        fn wake(&self, _: &std::task::Waker, _: &Now) -> Again {
            Again::Never
        }
    }
    let first = Recorder::new();
    let gates = (first.clone(), Panics);
    let enter =
        std::panic::AssertUnwindSafe(|| Permit::enter(&gates, "", None, &Now::lazy()).map(drop));
    std::panic::catch_unwind(enter).unwrap_err();
    first.assert_balanced();
}

#[test]
fn the_context_of_a_child_call_carries_no_attempt_that_a_refusal_could_prove() {
    let parent = attempt(&Attempt::recorded());
    assert_eq!(parent.child().attempt_id(), None);
}
