use crate::{Fault, Injected, Mode};
use orlop_core::BoxError;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Puts a [`Fault`] in front of a service.
///
/// # Examples
///
/// ```
/// use orlop_testkit::{Fault, FaultLayer, Injected, Mode};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fault = Fault::seeded(1);
/// let echo = service_fn(async |text: &'static str| Ok::<_, std::io::Error>(text));
/// let service = FaultLayer::new(fault.clone()).layer(echo);
///
/// assert_eq!(service.clone().oneshot("fine").await.unwrap(), "fine");
/// fault.set(Mode::Error);
/// assert!(service.oneshot("lost").await.unwrap_err().is::<Injected>());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultLayer<A = Whole> {
    fault: Fault,
    answers: PhantomData<fn() -> A>,
}

/// A service with a [`Fault`] in front.
pub struct FaultService<S, A = Whole> {
    inner: S,
    fault: Fault,
    /// Present while this instance waits for an unready fault to end.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
    answers: PhantomData<fn() -> A>,
}

/// What a fault can do to an answer.
pub trait Answers<Res> {
    /// The answer as it leaves.
    type Answer;

    /// Passes it on, cut after so many bytes of body if asked.
    fn pass(res: Res, cut: Option<u64>) -> Self::Answer;
}

/// Answers pass as they are.
#[derive(Clone, Copy, Debug)]
pub struct Whole;

/// Answers are `http` responses whose bodies can be cut.
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
#[derive(Clone, Copy, Debug)]
pub struct Bodies;

impl FaultLayer {
    /// For any service.
    pub fn new(fault: Fault) -> Self {
        Self { fault, answers: PhantomData }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl FaultLayer<Bodies> {
    /// For HTTP services: bodies can be truncated as well.
    pub fn http(fault: Fault) -> Self {
        Self { fault, answers: PhantomData }
    }
}

impl<S, A> Layer<S> for FaultLayer<A> {
    type Service = FaultService<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService { inner, fault: self.fault.clone(), waiting: None, answers: PhantomData }
    }
}

impl<Res> Answers<Res> for Whole {
    type Answer = Res;

    fn pass(res: Res, _: Option<u64>) -> Res {
        res
    }
}

impl<S, A, Req> Service<Req> for FaultService<S, A>
where
    S: Service<Req, Error: Into<BoxError>, Future: Send + 'static>,
    A: Answers<S::Response, Answer: 'static>,
{
    type Response = A::Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<A::Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.fault.is_unready() {
            let fault = &self.fault;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(fault.clone().until_ready()));
            if waiting.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        self.waiting = None;
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        match self.fault.draw() {
            Mode::Error => Box::pin(async { Err(Injected.into()) }),
            Mode::Hang => Box::pin(std::future::pending()),
            mode => {
                let call = self.inner.call(req);
                Box::pin(async move {
                    if let Mode::Delay(delay) = mode {
                        tokio::time::sleep(delay).await;
                    }
                    let cut = match mode {
                        Mode::Truncate(bytes) => Some(bytes),
                        _ => None,
                    };
                    call.await.map(|res| A::pass(res, cut)).map_err(Into::into)
                })
            }
        }
    }
}

// A clone starts unready: it waits for itself.
impl<S: Clone, A> Clone for FaultService<S, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            fault: self.fault.clone(),
            waiting: None,
            answers: PhantomData,
        }
    }
}

impl<S: fmt::Debug, A> fmt::Debug for FaultService<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultService")
            .field("inner", &self.inner)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
