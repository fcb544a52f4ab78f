use crate::{
    Keep, Policy, Protocol, TimedOut,
    course::{Course, Ended},
};
use orlop_core::{BoxError, Classify, Head, Lens, LensMut, Outcome, Rejected, Verdict};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

pin_project! {
    /// The response of a [`Retry`](crate::Retry).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the running attempt, or ends the wait for the next. Nothing goes on elsewhere.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, K, C, L>
    where
        K: Keep<Req>,
        S: Service<K::Sent>,
        C: Classify<K::Sent>,
    {
        #[pin]
        stage: Stage<S, Req, K::Sent, S::Future>,
        #[pin]
        timer: Option<Sleep>,
        judge: Option<C::Call>,
        // `None` until the first poll.
        course: Option<Course<K::Kept>>,
        inner: S,
        policy: Policy,
        keep: K,
        classify: C,
        lens: L,
    }
}

pin_project! {
    #[project = StageProject]
    enum Stage<S, Req, Sent, F> {
        Begin { req: Option<Req> },
        // A clone of the inner service gets ready.
        Readying { next: Option<(S, Sent)> },
        Running { #[pin] running: F },
        // Until the next attempt.
        Waiting { sent: Option<Sent> },
        Done,
    }
}

/// How far one poll got.
enum Step<Res> {
    /// To the next stage.
    On,
    /// To the end of an attempt.
    Ended(Result<Res, BoxError>, Ended),
    /// To the end of the call.
    Done(Result<Res, BoxError>),
}

impl<S, Req, K, C, L> ResponseFuture<S, Req, K, C, L>
where
    K: Keep<Req>,
    S: Service<K::Sent>,
    C: Classify<K::Sent>,
{
    pub(crate) fn new(req: Req, inner: S, policy: Policy, keep: K, classify: C, lens: L) -> Self {
        Self {
            stage: Stage::Begin { req: Some(req) },
            timer: None,
            judge: None,
            course: None,
            inner,
            policy,
            keep,
            classify,
            lens,
        }
    }
}

impl<S, Req, K, C, L> ResponseFuture<S, Req, K, C, L>
where
    K: Keep<Req>,
    S: Service<K::Sent> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<K::Sent>,
    C::Call: Outcome<S::Response>,
    L: Lens<Req> + LensMut<K::Sent> + Protocol<Req, S::Response>,
{
    fn poll_step(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Step<S::Response>> {
        let mut this = self.as_mut().project();
        match this.stage.as_mut().project() {
            StageProject::Begin { req } => {
                let Some(req) = req.take() else { unreachable!("only `begin` takes it") };
                Poll::Ready(self.begin(req))
            }
            StageProject::Readying { next } => {
                let Some((service, _)) = next else { unreachable!("taken when it is called") };
                match service.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        if let Some((mut service, sent)) = next.take() {
                            let running = service.call(sent);
                            this.stage.set(Stage::Running { running });
                        }
                        Poll::Ready(Step::On)
                    }
                    // Without `call` nothing was sent.
                    Poll::Ready(Err(error)) => Poll::Ready(self.failed(error.into(), true)),
                    Poll::Pending => {
                        ready!(self.as_mut().poll_timed_out(cx));
                        Poll::Ready(self.timed_out(true))
                    }
                }
            }
            StageProject::Running { running } => match running.poll(cx) {
                Poll::Ready(Ok(res)) => Poll::Ready(self.answered(res)),
                Poll::Ready(Err(error)) => Poll::Ready(self.failed(error.into(), false)),
                Poll::Pending => {
                    ready!(self.as_mut().poll_timed_out(cx));
                    Poll::Ready(self.timed_out(false))
                }
            },
            StageProject::Waiting { sent } => {
                if let Some(timer) = this.timer.as_mut().as_pin_mut() {
                    ready!(timer.poll(cx));
                }
                let Some(sent) = sent.take() else { unreachable!("only `start` takes it") };
                self.start(sent);
                Poll::Ready(Step::On)
            }
            StageProject::Done => panic!("a future must not be polled after it completed"),
        }
    }

    fn begin(mut self: Pin<&mut Self>, req: Req) -> Step<S::Response> {
        let this = self.as_mut().project();
        let context = this.lens.get(&req).cloned().unwrap_or_default();
        let idempotent = this.lens.is_idempotent(&req);
        let (policy, settings) = (this.policy.clone(), this.policy.settings());
        match Course::begin(policy, settings, context, idempotent) {
            Ok(course) => {
                let sent = this.course.insert(course).first(req, this.keep);
                self.start(sent);
                Step::On
            }
            Err(rejected) => Step::Done(Err(rejected.into())),
        }
    }

    /// Starts an attempt.
    fn start(self: Pin<&mut Self>, mut sent: K::Sent) {
        let mut this = self.project();
        if let Some(course) = this.course {
            this.lens.set(&mut sent, course.start());
        }
        *this.judge = Some(this.classify.begin(&sent));
        this.timer.set(None);
        this.stage.set(Stage::Readying { next: Some((this.inner.clone(), sent)) });
    }

    /// Ready when the attempt must be given up.
    fn poll_timed_out(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(until) = this.course.as_ref().and_then(Course::until) else {
            return Poll::Pending;
        };
        if this.timer.is_none() {
            this.timer.set(Some(sleep_until(until)));
        }
        match this.timer.as_pin_mut() {
            Some(timer) => timer.poll(cx),
            None => Poll::Pending,
        }
    }

    fn answered(self: Pin<&mut Self>, res: S::Response) -> Step<S::Response> {
        let this = self.project();
        let (Some(judge), Some(course)) = (this.judge.take(), this.course) else {
            return Step::Done(Ok(res));
        };
        // Where only the end decides, the answer has begun, and it is the caller's.
        let Head::Known(verdict) = judge.head(&res) else {
            return Step::Done(Ok(res));
        };
        let refusal = this.lens.refusal(&res);
        let unsent = refusal.is_some_and(|refusal| refusal.attempt() == Some(course.attempt_id()));
        let advice = refusal.and_then(Rejected::retry_after).or(verdict.retry_after());
        Step::Ended(Ok(res), Ended { verdict, unsent, advice })
    }

    fn failed(self: Pin<&mut Self>, error: BoxError, uncalled: bool) -> Step<S::Response> {
        let this = self.project();
        let (Some(judge), Some(course)) = (this.judge.take(), this.course) else {
            return Step::Done(Err(error));
        };
        let unsent = uncalled || Rejected::unsent(&*error, course.attempt_id());
        let advice = Rejected::find(&*error).and_then(Rejected::retry_after);
        let verdict = judge.error(&*error);
        let ended = Ended { verdict, unsent, advice: advice.or(verdict.retry_after()) };
        Step::Ended(Err(error), ended)
    }

    fn timed_out(self: Pin<&mut Self>, unsent: bool) -> Step<S::Response> {
        let mut this = self.project();
        let Some(course) = this.course else { unreachable!("no attempt without a course") };
        // At or after its deadline: so gates below see that it timed out.
        course.leave(|| this.stage.set(Stage::Done));
        let after = Instant::now().saturating_duration_since(course.since());
        let error = TimedOut::new(course.number(), after).into();
        Step::Ended(Err(error), Ended { verdict: Verdict::BROKEN, unsent, advice: None })
    }

    /// Goes on after an attempt: `None` if there is another.
    fn after(
        self: Pin<&mut Self>,
        result: Result<S::Response, BoxError>,
        ended: &Ended,
    ) -> Option<Result<S::Response, BoxError>> {
        let mut this = self.project();
        // What is left of the attempt must not outlive it into the wait.
        this.stage.set(Stage::Done);
        let Some(course) = this.course else { return Some(result) };
        let Some((sent, wait)) = course.next(this.keep, ended) else {
            return Some(result.map_err(|error| course.error(error)));
        };
        // The answer that we do not take gives its permits back before the next attempt asks for one.
        drop(result);
        this.timer.set((!wait.is_zero()).then(|| sleep_until(Instant::now() + wait)));
        this.stage.set(Stage::Waiting { sent: Some(sent) });
        None
    }
}

impl<S, Req, K, C, L> Future for ResponseFuture<S, Req, K, C, L>
where
    K: Keep<Req>,
    S: Service<K::Sent> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<K::Sent>,
    C::Call: Outcome<S::Response>,
    L: Lens<Req> + LensMut<K::Sent> + Protocol<Req, S::Response>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let result = match ready!(self.as_mut().poll_step(cx)) {
                Step::On => continue,
                Step::Done(result) => {
                    self.as_mut().project().stage.set(Stage::Done);
                    result
                }
                Step::Ended(result, ended) => match self.as_mut().after(result, &ended) {
                    Some(result) => result,
                    None => continue,
                },
            };
            return Poll::Ready(result);
        }
    }
}

impl<S, Req, K, C, L> fmt::Debug for ResponseFuture<S, Req, K, C, L>
where
    K: Keep<Req>,
    S: Service<K::Sent>,
    C: Classify<K::Sent>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field(
                "stage",
                &match self.stage {
                    Stage::Begin { .. } => "begin",
                    Stage::Readying { .. } => "readying",
                    Stage::Running { .. } => "running",
                    Stage::Waiting { .. } => "waiting",
                    Stage::Done => "done",
                },
            )
            .field("attempt", &self.course.as_ref().map(Course::number))
            .finish_non_exhaustive()
    }
}
