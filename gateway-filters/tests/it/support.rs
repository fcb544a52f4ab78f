//! A filter that does as it is told and writes down what it meets, and small services.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use orlop_gateway_filters::{
    Body, Category, Completion, Endpoints, Filter, FilterMeta, Filters, Flow, Gateway, RequestCx,
    Step, core::BoxError,
};
use tower::{Service, ServiceExt, service_fn};

/// What a side of a [`Probe`] does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Continue,
    Respond(StatusCode),
    Stop,
    Fail,
    Panic,
    FailLater,
    PanicLater,
    Hang,
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Only what `on_complete` wrote.
    pub(crate) fn ends(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| line.starts_with("end ")).collect()
    }
}

pub(crate) struct Probe {
    pub(crate) meta: FilterMeta,
    pub(crate) log: Log,
    pub(crate) inbound: Act,
    pub(crate) outbound: Act,
    pub(crate) panics_at_end: bool,
}

impl Probe {
    pub(crate) fn new(name: &'static str, category: Category, order: i32, log: &Log) -> Self {
        Self {
            meta: FilterMeta::new(name, category).order(order),
            log: log.clone(),
            inbound: Act::Continue,
            outbound: Act::Continue,
            panics_at_end: false,
        }
    }

    pub(crate) fn inbound(mut self, act: Act) -> Self {
        self.inbound = act;
        self
    }

    pub(crate) fn outbound(mut self, act: Act) -> Self {
        self.outbound = act;
        self
    }

    fn act(&self, act: Act) -> Step<'_> {
        match act {
            Act::Continue => Step::CONTINUE,
            Act::Respond(status) => {
                let mut res = Response::new(Body::from(self.meta.name().to_owned()));
                *res.status_mut() = status;
                Step::respond(res)
            }
            Act::Stop => Step::STOP,
            Act::Fail => Step::fail("broken"),
            Act::Panic => panic!("told to"),
            Act::FailLater => Step::wait(async {
                tokio::task::yield_now().await;
                Err("broken later".into())
            }),
            Act::PanicLater => Step::wait(async {
                tokio::task::yield_now().await;
                panic!("told to, later")
            }),
            Act::Hang => Step::wait(pending::<Result<Flow, BoxError>>()),
        }
    }
}

impl Filter for Probe {
    fn meta(&self) -> FilterMeta {
        self.meta.clone()
    }

    fn on_request<'a>(&'a self, _: &'a mut RequestCx, _: &'a mut Request<Body>) -> Step<'a> {
        self.log.push(format!("in {}", self.meta.name()));
        self.act(self.inbound)
    }

    fn on_response<'a>(&'a self, _: &'a mut RequestCx, _: &'a mut Response<Body>) -> Step<'a> {
        self.log.push(format!("out {}", self.meta.name()));
        self.act(self.outbound)
    }

    fn on_complete(&self, done: &Completion<'_>) {
        let status = done.status().map_or(0, |status| status.as_u16());
        self.log.push(format!("end {} {:?} {status}", self.meta.name(), done.end()));
        if self.panics_at_end {
            panic!("told to, at the end");
        }
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "example.test").body(Body::Empty).unwrap()
}

/// An endpoint that answers 200 and this text.
pub(crate) fn says(
    text: &'static str,
) -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Send + use<>,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(move |_| async move { Ok(Response::new(Body::from(text))) })
}

/// An endpoint that answers 200 with this request's headers, one a line.
pub(crate) fn echo_headers() -> Endpoints {
    Endpoints::new().fallback(service_fn(|req: Request<Body>| async move {
        let lines = req.headers().iter().map(|(name, value)| {
            format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
        });
        Ok::<_, Infallible>(Response::new(Body::from(lines.collect::<String>())))
    }))
}

/// A gateway of this one filter in front of this endpoint.
pub(crate) fn behind(filter: impl Filter, endpoints: Endpoints) -> Gateway {
    Gateway::new(Filters::builder().filter(filter).build().unwrap(), endpoints).unwrap()
}

pub(crate) async fn send(gateway: &Gateway, req: Request<Body>) -> Response<Body> {
    let Ok(res) = gateway.clone().oneshot(req).await;
    res
}

pub(crate) async fn text(res: Response<Body>) -> String {
    let bytes = res.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A body that gives these frames, and panics where one is `None`.
#[derive(Debug)]
pub(crate) struct Frames(pub(crate) Vec<Option<Result<Frame<Bytes>, BoxError>>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        match self.0.remove(0) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => panic!("told to, in the body"),
        }
    }
}

pub(crate) fn data(text: &'static str) -> Option<Result<Frame<Bytes>, BoxError>> {
    Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
}

/// An endpoint that answers with these frames.
pub(crate) fn streams(
    frames: impl Fn() -> Vec<Option<Result<Frame<Bytes>, BoxError>>> + Clone + Send + Sync + 'static,
) -> Endpoints {
    Endpoints::new().fallback(service_fn(move |_| {
        let body = Frames(frames());
        async move { Ok::<_, Infallible>(Response::new(body)) }
    }))
}
