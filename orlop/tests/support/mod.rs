//! What the tests share.
#![allow(dead_code, unreachable_pub)] // each test program uses its part

use axum::Router;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use orlop::{
    Body, BoxError, ClientSnapshot, Endpoint, Settings, Update,
    core::{EndpointId, Kind},
    retry,
};
use orlop_testkit::{MockPool, MockService};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
};
use tower::util::MapResponse;

pub type Mocked = MapResponse<MockService, fn(EndpointId) -> Response<Body>>;

/// Connects to mock endpoints, which answer with their name.
pub fn mocks(pool: &MockPool) -> impl Fn(&Endpoint) -> Result<Mocked, BoxError> + Send + 'static {
    let pool = pool.clone();
    move |endpoint| {
        let answer: fn(EndpointId) -> Response<Body> =
            |id| Response::new(Body::from(id.to_string()));
        Ok(MapResponse::new(pool.connect(endpoint)?, answer))
    }
}

/// Settings with these time-outs in milliseconds and no wait between attempts.
pub fn settings(timeout: Option<u64>, attempt_timeout: Option<u64>) -> Settings {
    let mut settings = Settings::default();
    settings.retry.timeout = timeout.map(Duration::from_millis);
    settings.retry.attempt_timeout = attempt_timeout.map(Duration::from_millis);
    settings.retry = settings.retry.with_backoff(Duration::ZERO, Duration::ZERO);
    settings
}

/// A budget that pays for nothing.
pub fn penniless(mut settings: Settings) -> Settings {
    let nothing = retry::BudgetSettings::default();
    let nothing = nothing.with_share(retry::Share::ZERO).with_min_per_second(0);
    settings.retry = settings.retry.with_budget(nothing);
    settings
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).unwrap()
}

pub async fn text<B>(res: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    String::from_utf8(res.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// Serves a router on a loopback address of its own.
pub async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    addr
}

/// An address at which nobody listens, and nobody else can while this lives.
pub struct Nobody {
    pub addr: SocketAddr,
    _bound: TcpSocket,
}

pub fn nobody() -> Nobody {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    Nobody { addr: socket.local_addr().unwrap(), _bound: socket }
}

/// Endpoints that a test adds and removes.
pub fn listing() -> (mpsc::UnboundedSender<Update>, impl Stream<Item = Update> + Send + 'static) {
    let (to, from) = mpsc::unbounded_channel();
    (to, stream::unfold(from, async |mut from| Some((from.recv().await?, from))))
}

pub fn in_flight(snapshot: &ClientSnapshot) -> u64 {
    snapshot.endpoints.iter().map(|endpoint| endpoint.in_flight).sum()
}

pub fn kind(error: &BoxError) -> Option<Kind> {
    orlop::Rejected::find(&**error).map(orlop::Rejected::kind)
}

/// Whether an error's chain holds a `T`.
pub fn has<T: std::error::Error + 'static>(error: &BoxError) -> bool {
    let first: &(dyn std::error::Error + 'static) = &**error;
    std::iter::successors(Some(first), |error| error.source()).any(|error| error.is::<T>())
}

/// Lets tasks run until what they wait for is not each other. Fails the test if `reached` never holds.
pub async fn until(what: &str, reached: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: not reached");
}
