use crate::{Answer, Cause, FallbackFailed, Handle, Protocol, Rescue};
use orlop_core::{BoxError, Head, Outcome};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// The response of a [`Fallback`](crate::Fallback).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the call, or the fallback's answer. A call that is dropped is not rescued.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, A, O, P, M, W>
    where
        S: Service<Req>,
        A: Answer<M>,
    {
        #[pin]
        stage: Stage<S, Req, S::Future, A::Future>,
        // Both until the call has ended.
        judge: Option<O>,
        memo: Option<M>,
        answer: A,
        protocol: P,
        when: W,
        handle: Handle,
    }
}

pin_project! {
    #[project = StageProject]
    enum Stage<S, Req, F, AF> {
        Readying { next: Option<(S, Req)> },
        Running { #[pin] running: F },
        Answering { #[pin] answering: AF, cause: Arc<Cause> },
        Done,
    }
}

impl<S, Req, A, O, P, M, W> ResponseFuture<S, Req, A, O, P, M, W>
where
    S: Service<Req>,
    A: Answer<M>,
{
    pub(crate) fn new(
        memo: M,
        judge: O,
        next: (S, Req),
        answer: A,
        protocol: P,
        when: W,
        handle: Handle,
    ) -> Self {
        Self {
            stage: Stage::Readying { next: Some(next) },
            judge: Some(judge),
            memo: Some(memo),
            answer,
            protocol,
            when,
            handle,
        }
    }
}

impl<S, Req, A, O, P, M, W> ResponseFuture<S, Req, A, O, P, M, W>
where
    S: Service<Req, Error: Into<BoxError>>,
    A: Answer<M, Response = S::Response>,
    O: Outcome<S::Response>,
    P: Protocol<S::Response>,
    W: Rescue,
{
    /// The call has ended. `None` if the fallback is to answer.
    fn ended(
        self: Pin<&mut Self>,
        result: Result<S::Response, BoxError>,
    ) -> Option<Result<S::Response, BoxError>> {
        let mut this = self.project();
        let Some(judge) = this.judge.take() else {
            unreachable!("a call ends once");
        };
        let (res, cause) = match result {
            Ok(res) => {
                // Where only the end decides, the answer has begun, and it is the caller's.
                let Head::Known(verdict) = judge.head(&res) else {
                    return Some(Ok(res));
                };
                if verdict.is_success() {
                    return Some(Ok(res));
                }
                let cause = Cause::of_response(verdict, this.protocol.refusal(&res));
                (Some(res), cause)
            }
            Err(error) => (None, Cause::of_error(judge.error(&*error), error)),
        };
        let rescues = this.when.rescue(&cause);
        let memo = this.memo.take().filter(|_| rescues);
        let Some(memo) = memo else {
            return match (res, cause.into_error()) {
                (Some(res), _) => Some(Ok(res)),
                (None, Some(error)) => Some(Err(error)),
                (None, None) => unreachable!("a call ends with a response or an error"),
            };
        };
        // What is left of the call gives its permits back before the fallback may need one.
        this.stage.set(Stage::Done);
        drop(res);
        let cause = Arc::new(cause);
        let answering = this.answer.answer(memo, &cause);
        this.stage.set(Stage::Answering { answering, cause });
        None
    }
}

impl<S, Req, A, O, P, M, W> Future for ResponseFuture<S, Req, A, O, P, M, W>
where
    S: Service<Req, Error: Into<BoxError>>,
    A: Answer<M, Response = S::Response>,
    O: Outcome<S::Response>,
    P: Protocol<S::Response>,
    W: Rescue,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let result = match this.stage.as_mut().project() {
                StageProject::Readying { next } => {
                    let Some((service, _)) = next else { unreachable!("taken when it is called") };
                    match ready!(service.poll_ready(cx)) {
                        Ok(()) => {
                            if let Some((mut service, req)) = next.take() {
                                let running = service.call(req);
                                this.stage.set(Stage::Running { running });
                            }
                            continue;
                        }
                        Err(error) => Err(error.into()),
                    }
                }
                StageProject::Running { running } => ready!(running.poll(cx)).map_err(Into::into),
                StageProject::Answering { answering, cause } => {
                    let result = match ready!(answering.poll(cx)) {
                        Ok(mut res) => {
                            this.protocol.mark(&mut res, cause);
                            Ok(res)
                        }
                        Err(error) => Err(FallbackFailed::new(Arc::clone(cause), error).into()),
                    };
                    this.handle.count(result.is_ok());
                    this.stage.set(Stage::Done);
                    return Poll::Ready(result);
                }
                StageProject::Done => panic!("a future must not be polled after it completed"),
            };
            if let Some(result) = self.as_mut().ended(result) {
                self.project().stage.set(Stage::Done);
                return Poll::Ready(result);
            }
        }
    }
}

impl<S, Req, A, O, P, M, W> fmt::Debug for ResponseFuture<S, Req, A, O, P, M, W>
where
    S: Service<Req>,
    A: Answer<M>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field(
                "stage",
                &match self.stage {
                    Stage::Readying { .. } => "readying",
                    Stage::Running { .. } => "running",
                    Stage::Answering { .. } => "answering",
                    Stage::Done => "done",
                },
            )
            .finish_non_exhaustive()
    }
}
