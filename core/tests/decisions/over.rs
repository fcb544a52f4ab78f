//! When a call is over.

use super::{Frames, Recorder, data, reset};
use crate::support::Heard;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use orlop_core::{
    AnyError, CallContext, Class, GuardLayer, Verdict,
    http::{BodyTime, BodyTimeLayer, BodyTimedOut},
};
use std::{convert::Infallible, error::Error, time::Duration};
use tower::{Layer, Service, ServiceExt, service_fn};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn stream(_: Request<()>) -> Result<Response<Frames>, Infallible> {
    Ok(Response::new(Frames::open([data("a"), data("b")])))
}

#[tokio::test]
async fn http_and_grpc_mean_the_bodys_end() {
    let (http, grpc) = (Recorder::new(), Recorder::new());
    let one = GuardLayer::http(http.clone()).layer(service_fn(stream));
    let two = GuardLayer::grpc(grpc.clone()).layer(service_fn(stream));
    let one = one.oneshot(Request::new(())).await.unwrap();
    let two = two.oneshot(Request::new(())).await.unwrap();
    for gate in [&http, &grpc] {
        assert!(gate.ends().is_empty(), "the body is still open: {:?}", gate.heard());
    }
    drop((one, two));
    http.assert_balanced();
    grpc.assert_balanced();
}

#[tokio::test]
async fn sixty_four_slots_let_sixty_four_streaming_downloads_through_and_no_more() {
    use orlop_core::{Again, End, Gate, Handle, Kind, Note, Now, Rejected, Settle};
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };
    #[derive(Clone, Default)]
    struct Slots(Arc<AtomicUsize>);
    impl Handle for Slots {}
    impl Settle for Slots {
        type Ticket = ();
        fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}
        fn end(&self, (): (), _: End<'_>, _: &Now) {
            self.0.fetch_sub(1, Relaxed);
        }
    }
    impl<Req: ?Sized> Gate<Req> for Slots {
        fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
            let taken = |held| (held < 64).then_some(held + 1);
            self.0
                .fetch_update(Relaxed, Relaxed, taken)
                .map(drop)
                .map_err(|_| Rejected::new(Kind::Limit))
        }
        fn refusing(&self, _: &Now) -> Option<Rejected> {
            None
        }
        fn wake(&self, _: &std::task::Waker, _: &Now) -> Again {
            Again::Never
        }
    }
    let guarded = GuardLayer::http(Slots::default()).layer(service_fn(stream));
    let mut open = Vec::new();
    for _ in 0..100 {
        open.extend(guarded.clone().oneshot(Request::new(())).await);
    }
    assert_eq!(open.len(), 64);
    open.pop();
    guarded.oneshot(Request::new(())).await.map(drop).expect("one has ended");
}

#[tokio::test]
async fn until_head_is_the_named_exception() {
    let gate = Recorder::new();
    let guarded = GuardLayer::http(gate.clone()).until_head().layer(service_fn(stream));
    let res = guarded.oneshot(Request::new(())).await.unwrap();
    assert_eq!(gate.ends(), [Verdict::SUCCESS], "with the body in hand");
    drop(res);
}

#[tokio::test]
async fn a_body_at_its_end_with_the_head_or_after_a_frame_is_complete_though_nobody_polls_again() {
    let gate = Recorder::new();
    let empty = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
    });
    let _held =
        GuardLayer::http(gate.clone()).layer(empty).oneshot(Request::new(())).await.unwrap();
    assert_eq!(gate.ends(), [Verdict::SUCCESS], "with the head");

    let gate = Recorder::new();
    let full = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from("a"))))
    });
    let mut held =
        GuardLayer::http(gate.clone()).layer(full).oneshot(Request::new(())).await.unwrap();
    assert!(gate.ends().is_empty());
    held.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(gate.ends(), [Verdict::SUCCESS], "after its only frame");
}

#[tokio::test(start_paused = true)]
async fn the_gate_hears_of_the_head_when_it_comes_so_that_slow_call_time_ends_there() {
    let gate = Recorder::new();
    let guarded = GuardLayer::http(gate.clone()).layer(service_fn(stream));
    let res = guarded.oneshot(Request::new(())).await.unwrap();
    assert_eq!(gate.heard(), [Heard::Entered(0), Heard::Head(0, Some(Class::Success))]);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    drop(res);
    assert_eq!(gate.heard()[2], Heard::Ended(0, Verdict::SUCCESS));
}

#[tokio::test]
async fn a_verdict_known_at_the_head_survives_a_drop_of_the_body_and_with_none_known_a_drop_is_neutral()
 {
    for (code, known) in [(None, false), (Some("14"), true)] {
        let gate = Recorder::new();
        let service = service_fn(move |req: Request<()>| async move {
            let mut res = stream(req).await?;
            if let Some(code) = code {
                res.headers_mut().insert("grpc-status", http::HeaderValue::from_static(code));
            }
            Ok::<_, Infallible>(res)
        });
        drop(
            GuardLayer::grpc(gate.clone()).layer(service).oneshot(Request::new(())).await.unwrap(),
        );
        assert_eq!(gate.ends(), [if known { Verdict::FAILURE } else { Verdict::DROPPED }]);
    }
}

#[tokio::test]
async fn a_body_error_is_a_failure() {
    let gate = Recorder::new();
    let service = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Frames::open([data("a"), reset()])))
    });
    let res =
        GuardLayer::http(gate.clone()).layer(service).oneshot(Request::new(())).await.unwrap();
    assert_eq!(gate.heard()[1], Heard::Head(0, Some(Class::Success)));
    res.into_body().collect().await.map(drop).unwrap_err();
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}

#[tokio::test(start_paused = true)]
async fn a_drop_before_the_head_at_or_after_the_calls_deadline_is_a_failure_and_before_it_a_drop() {
    let hangs = service_fn(|_: CallContext| std::future::pending::<Result<(), Infallible>>());
    for (waited, verdict) in
        [(99, Verdict::DROPPED), (100, Verdict::TIMED_OUT), (101, Verdict::TIMED_OUT)]
    {
        let gate = Recorder::new();
        let layer =
            GuardLayer::new(gate.clone(), AnyError).context_by(|call: &CallContext| Some(call));
        let call = layer.layer(hangs).call(CallContext::new().timeout(ms(100)));
        tokio::time::advance(ms(waited)).await;
        drop(call);
        assert_eq!(gate.ends(), [verdict], "after {waited} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_reach_past_the_head_with_an_idle_time_and_a_total_for_the_body() {
    let idle = BodyTime::new().idle(ms(2_000)).unwrap();
    let total = BodyTime::new().total(ms(3_000)).unwrap();
    for (time, is_idle) in [(idle, true), (total, false)] {
        let gate = Recorder::new();
        let timed = BodyTimeLayer::new(time).layer(service_fn(stream));
        let res =
            GuardLayer::http(gate.clone()).layer(timed).oneshot(Request::new(())).await.unwrap();
        let error = res.into_body().collect().await.map(drop).unwrap_err();
        assert_eq!(error.downcast_ref().map(BodyTimedOut::is_idle), Some(is_idle));
        assert_eq!(gate.ends(), [Verdict::BROKEN]);
    }
}

#[tokio::test]
async fn a_panic_anywhere_is_a_failure() {
    let gate = Recorder::new();
    let service = service_fn(async |_: ()| -> Result<(), Infallible> { panic!("as asked") });
    let guarded = GuardLayer::new(gate.clone(), AnyError).layer(service);
    let panic: Box<dyn Error + Send + Sync> =
        tokio::spawn(guarded.oneshot(())).await.unwrap_err().into();
    assert!(panic.to_string().contains("panicked"));
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}
