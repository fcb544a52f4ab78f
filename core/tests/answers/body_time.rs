use super::support::{Heard, Recorder};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use orlop_core::{
    BoxError, Class, GuardLayer, Verdict,
    http::{BodyTime, BodyTimeLayer, BodyTimedOut, TimedBody},
};
use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};
use tower::{Layer, ServiceExt, service_fn};

/// A frame each so often, so many of them; then trailers and the end, or silence.
struct Paced {
    every: Duration,
    left: u64,
    then: Then,
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Trailers,
    Ends,
    Silence,
}

fn paced(every: Duration, frames: u64, then: Then) -> Paced {
    Paced { every, left: frames, then, timer: None }
}

fn silent() -> Paced {
    paced(Duration::ZERO, 0, Then::Silence)
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return match std::mem::replace(&mut self.then, Then::Ends) {
                Then::Trailers => {
                    let mut map = HeaderMap::new();
                    map.insert("x-checksum", http::HeaderValue::from_static("1"));
                    Poll::Ready(Some(Ok(Frame::trailers(map))))
                }
                Then::Ends => Poll::Ready(None),
                Then::Silence => {
                    self.then = Then::Silence;
                    Poll::Pending
                }
            };
        }
        if !self.every.is_zero() {
            let every = self.every;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(every)));
            std::task::ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"frame")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left * 5)
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn idle(time: u64) -> BodyTime {
    BodyTime::new().idle(secs(time)).unwrap()
}

fn total(time: u64) -> BodyTime {
    BodyTime::new().total(secs(time)).unwrap()
}

/// Reads until the end or an error: how many frames, how it ended, how long it took.
async fn read<B>(body: TimedBody<B>) -> (u64, Option<BodyTimedOut>, Duration)
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let begun = Instant::now();
    let mut body = pin!(body);
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(_) => frames += 1,
            Err(error) => {
                let timed_out = *error.downcast_ref::<BodyTimedOut>().expect("typed");
                return (frames, Some(timed_out), begun.elapsed());
            }
        }
    }
    (frames, None, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_sends_ends_the_body_after_the_idle_time() {
    let (frames, ended, after) = read(TimedBody::new(silent(), idle(2))).await;
    let timed_out = ended.expect("timed out");
    assert_eq!((frames, after), (0, secs(2)));
    assert!(timed_out.is_idle());
    assert_eq!(timed_out.allowed(), secs(2));
    assert_eq!(timed_out.to_string(), "no frame of the body within 2s");
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_counts_from_the_last_frame() {
    let body = paced(secs(1), 5, Then::Silence);
    let (frames, ended, after) = read(TimedBody::new(body, idle(2))).await;
    assert_eq!((frames, after), (5, secs(7)));
    assert!(ended.expect("timed out").is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_body_of_an_hour_with_a_frame_each_second_passes_an_idle_time_of_two_seconds() {
    let body = paced(secs(1), 3_600, Then::Ends);
    assert_eq!(read(TimedBody::new(body, idle(2))).await, (3_600, None, secs(3_600)));
}

#[tokio::test(start_paused = true)]
async fn the_total_ends_a_body_whose_frames_keep_coming() {
    let body = paced(Duration::from_millis(300), u64::MAX, Then::Ends);
    let (frames, ended, after) = read(TimedBody::new(body, total(10))).await;
    let timed_out = ended.expect("timed out");
    assert_eq!((frames, after), (33, secs(10)));
    assert!(!timed_out.is_idle());
    assert_eq!(timed_out.to_string(), "body not at its end within 10s");
}

#[tokio::test(start_paused = true)]
async fn the_total_ends_a_body_that_never_keeps_anyone_waiting() {
    let mut body = pin!(TimedBody::new(paced(Duration::ZERO, u64::MAX, Then::Ends), total(10)));
    for second in 0..10 {
        assert!(body.frame().await.unwrap().is_ok(), "at {second} s");
        tokio::time::advance(secs(1)).await;
    }
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_the_two_ends_it() {
    for (idle_secs, total_secs, after) in [(2, 10, 2), (10, 2, 2), (2, 2, 2)] {
        let time = idle(idle_secs).total(secs(total_secs)).unwrap();
        let (_, ended, took) = read(TimedBody::new(silent(), time)).await;
        let timed_out = ended.expect("timed out");
        assert_eq!((took, timed_out.is_idle()), (secs(after), idle_secs < total_secs));
    }
    // The total comes while the idle time, moved by frames, is still far off.
    let time = idle(4).total(secs(10)).unwrap();
    let (frames, ended, took) = read(TimedBody::new(paced(secs(3), 9, Then::Ends), time)).await;
    assert_eq!((frames, took), (3, secs(10)));
    assert!(!ended.expect("timed out").is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_its_time_is_no_idle_peer() {
    let mut body = pin!(TimedBody::new(paced(secs(1), 3, Then::Ends), idle(2)));
    body.frame().await.unwrap().unwrap();
    tokio::time::advance(secs(3_600)).await;
    body.frame().await.unwrap().unwrap();
    // Asked once, then left alone for an hour, in which the frame comes.
    assert!(tokio::time::timeout(Duration::from_millis(1), body.frame()).await.is_err());
    tokio::time::advance(secs(3_600)).await;
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn askers_that_go_lose_no_frame_and_do_not_start_the_time_anew() {
    let mut body = pin!(TimedBody::new(paced(secs(3), 1, Then::Silence), idle(5)));
    for _ in 0..5 {
        assert!(tokio::time::timeout(Duration::from_millis(500), body.frame()).await.is_err());
    }
    body.frame().await.unwrap().unwrap();
    let begun = Instant::now();
    for _ in 0..4 {
        assert!(tokio::time::timeout(secs(1), body.frame()).await.is_err());
    }
    body.frame().await.unwrap().unwrap_err();
    assert_eq!(begun.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn after_its_time_a_body_is_at_its_end() {
    let mut body = pin!(TimedBody::new(paced(secs(9), 1, Then::Ends), idle(2)));
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(5));
    body.frame().await.unwrap().unwrap_err();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    tokio::time::advance(secs(60)).await;
    assert!(body.frame().await.is_none(), "said once");
}

#[tokio::test(start_paused = true)]
async fn data_trailers_size_and_end_pass() {
    let body = TimedBody::new(paced(secs(1), 2, Then::Trailers), idle(2).total(secs(60)).unwrap());
    assert_eq!(body.size_hint().exact(), Some(10));
    let all = body.collect().await.unwrap();
    assert_eq!(all.trailers().unwrap()["x-checksum"], "1");
    assert_eq!(all.to_bytes(), "frameframe");

    let full = TimedBody::new(Full::new(Bytes::new()), idle(2));
    assert!(full.is_end_stream(), "of a body that is at its end with the head");
}

#[test]
fn a_body_that_keeps_nobody_waiting_needs_no_timer() {
    // No runtime here: a timer could not even be made.
    let mut body = pin!(TimedBody::new(paced(Duration::ZERO, 3, Then::Ends), idle(2)));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(matches!(body.as_mut().poll_frame(&mut cx), Poll::Ready(Some(Ok(_)))));
    }
    assert!(matches!(body.as_mut().poll_frame(&mut cx), Poll::Ready(None)));
    let mut unlimited = pin!(TimedBody::new(silent(), BodyTime::new()));
    assert!(unlimited.as_mut().poll_frame(&mut cx).is_pending(), "no limit, no timer either");
}

#[tokio::test(start_paused = true)]
async fn under_a_guard_a_body_out_of_time_is_a_failure_of_the_call() {
    let gate = Recorder::new();
    let service = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(silent())));
    let timed = BodyTimeLayer::new(idle(2)).layer(service);
    let guarded = GuardLayer::http(gate.clone()).layer(timed);
    let res = guarded.oneshot(Request::new(())).await.unwrap();
    assert_eq!(gate.heard(), [Heard::Entered(0), Heard::Head(0, Some(Class::Success))]);
    let error = res.into_body().collect().await.map(drop).unwrap_err();
    assert!(error.is::<BodyTimedOut>());
    assert_eq!(gate.ends(), [Verdict::BROKEN]);
}

#[tokio::test(start_paused = true)]
async fn outside_of_the_guard_it_is_only_a_reader_that_left() {
    let gate = Recorder::new();
    let service = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(silent())));
    let guarded = GuardLayer::http(gate.clone()).layer(service);
    let timed = BodyTimeLayer::new(idle(2)).layer(guarded);
    let res = timed.oneshot(Request::new(())).await.unwrap();
    res.into_body().collect().await.map(drop).unwrap_err();
    assert_eq!(gate.ends(), [Verdict::SUCCESS], "the head's verdict stands");
}

#[test]
fn times_out_of_range_name_their_path_themselves_and_what_is_allowed() {
    let ms = Duration::from_millis(1);
    let (day, month) = (secs(86_400), secs(30 * 86_400));
    let time = BodyTime::new().idle(ms).unwrap().total(month).unwrap();
    assert_eq!((time.idle_time(), time.total_time()), (Some(ms), Some(month)));
    for (error, text) in [
        (time.idle(Duration::ZERO).unwrap_err(), "idle must be within 1ms..=1d, got 0ns"),
        (time.idle(day + ms).unwrap_err(), "idle must be within 1ms..=1d, got 86400.001s"),
        (time.total(month + ms).unwrap_err(), "total must be within 1ms..=30d, got 2592000.001s"),
    ] {
        assert_eq!(error.to_string(), text);
        assert!(text.starts_with(error.path()));
    }
}

#[cfg(feature = "serde")]
#[test]
fn times_in_files_have_units_and_unknown_settings_are_refused() {
    let read = |text: &str| serde_json::from_str::<BodyTime>(text);
    assert_eq!(read(r#"{"idle": "30s"}"#).unwrap(), idle(30));
    assert_eq!(read("{}").unwrap(), BodyTime::new());
    let both = idle(30).total(secs(600)).unwrap();
    assert_eq!(read(&serde_json::to_string(&both).unwrap()).unwrap(), both);
    for (text, told) in [
        (r#"{"idle": "soon"}"#, r#"idle must be within 1ms..=1d, got "soon""#),
        (r#"{"idle": "30"}"#, r#"idle must be within 1ms..=1d, got "30""#),
        (r#"{"total": "31d"}"#, "total must be within 1ms..=30d, got 2678400s"),
        (r#"{"idel": "30s"}"#, "unknown field `idel`, expected `idle` or `total`"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
