//! One call through a breaker, held by hand: begun, kept in flight, ended or dropped when the script says.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::oneshot;

/// What the backend of a call answers, and when. It is the request, too: the backend returns it.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<(), Down>> + Send>>;

/// A call on its way.
pub(crate) type Going = Pin<Box<dyn Future<Output = Went>>>;

pub(crate) const GOOD: Result<(), Down> = Ok(());
pub(crate) const BAD: Result<(), Down> = Err(Down);

/// The backend's only error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl Error for Down {}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    Well,
    Badly,
    /// By the breaker.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Open,
    HalfOpen,
}

/// A breaker in front of a backend that answers as each call says.
pub(crate) trait Breaker {
    fn call(&self, answer: Answer) -> Going;

    /// Begins a call and leaves it in flight; none if the breaker refuses it.
    fn begin(&self) -> Option<Call> {
        let (answer, told) = oneshot::channel();
        let mut going =
            self.call(Box::pin(async { told.await.expect("a call is ended or dropped") }));
        match poll_once(&mut going) {
            Poll::Pending => Some(Call { going, answer }),
            Poll::Ready(Went::Refused) => None,
            Poll::Ready(went) => panic!("went {went:?} without an answer"),
        }
    }

    /// A whole call.
    fn one(&self, answer: Result<(), Down>) -> Went {
        let Poll::Ready(went) = poll_once(&mut self.call(Box::pin(ready(answer)))) else {
            panic!("the backend answers at once");
        };
        went
    }

    /// So many bad calls, all of which are let through.
    fn fail(&self, calls: usize) {
        (0..calls).for_each(|_| assert_eq!(self.one(BAD), Went::Badly));
    }

    /// Bad calls until it refuses one; how many that took. `at_most` so many.
    fn failures_to_open(&self, at_most: usize) -> usize {
        let failures = (0..at_most).take_while(|_| self.one(BAD) == Went::Badly).count();
        assert!(failures < at_most, "{at_most} failures, and none refused");
        failures
    }
}

/// A breaker that tells its state.
pub(crate) trait Shown: Breaker {
    fn state(&self) -> State;
}

/// A call in flight. Dropping it is a caller who leaves.
pub(crate) struct Call {
    // Before the answer, so that a dropped call is gone before its backend could hear of it.
    going: Going,
    answer: oneshot::Sender<Result<(), Down>>,
}

impl Call {
    pub(crate) fn end(mut self, answer: Result<(), Down>) -> Went {
        self.answer.send(answer).expect("the backend waits for it");
        let Poll::Ready(went) = poll_once(&mut self.going) else {
            panic!("the backend has answered");
        };
        went
    }
}

/// Asks until the open time is over and a call is admitted. On the paused clock that takes no time; for a peer it takes a
/// few milliseconds of the real one.
pub(crate) async fn admitted(breaker: &impl Breaker) -> Call {
    // Above the longest open time of the scripts, 1 s.
    for _ in 0..2_000 {
        if let Some(call) = breaker.begin() {
            return call;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never admitted again");
}

pub(crate) fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
