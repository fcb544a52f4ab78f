//! What the tests share: a stream that is fed by hand, endpoints that answer as told, a gate that does as told.
#![allow(dead_code, unreachable_pub)]

use futures_core::Stream;
use orlop_lb::core::{
    Addr, Again, BoxError, CallContext, End, Endpoint, Gate, Handle, Health, Kind, Note, Now,
    Rejected, Settle, Update,
};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};
use tower::Service;

/// A stream of updates that a test feeds.
pub struct Feed(mpsc::UnboundedReceiver<Update>);

pub fn feed() -> (mpsc::UnboundedSender<Update>, Feed) {
    let (tx, rx) = mpsc::unbounded_channel();
    (tx, Feed(rx))
}

impl Stream for Feed {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        self.0.poll_recv(cx)
    }
}

pub fn endpoint(id: &str) -> Endpoint {
    Endpoint::new(id, Addr::from(([127, 0, 0, 1], 9000)))
}

pub fn in_zone(id: &str, zone: &str) -> Endpoint {
    Endpoint::builder(id, Addr::from(([127, 0, 0, 1], 9000))).zone(zone).build()
}

pub fn with_health(id: &str, health: Health) -> Endpoint {
    Endpoint::builder(id, Addr::from(([127, 0, 0, 1], 9000))).health(health).build()
}

pub fn reset(ids: &[&str]) -> Update {
    Update::Reset(ids.iter().map(|id| endpoint(id)).collect())
}

/// Lets spawned tasks run until they have nothing to do.
pub async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

// ===== endpoints that answer as told =====

/// What an endpoint does with the calls that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Answer,
    Fail,
    Hang,
    /// `poll_ready` fails, once.
    Unready,
    /// `poll_ready` waits until the act changes and somebody polls again.
    Pending,
    Panic,
}

/// All endpoints of a test: how they act, and what came.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    acts: BTreeMap<String, Act>,
    took: BTreeMap<String, Duration>,
    calls: BTreeMap<String, u64>,
    connects: BTreeMap<String, u64>,
    refuse_connects: bool,
    held: Vec<(String, oneshot::Sender<()>)>,
}

/// One endpoint's service.
#[derive(Clone)]
pub struct Host {
    id: String,
    world: World,
}

impl World {
    pub fn connect(&self) -> impl Fn(&Endpoint) -> Result<Host, BoxError> + Send + 'static + use<> {
        let world = self.clone();
        move |endpoint| {
            let id = endpoint.id().to_string();
            let mut inner = world.0.lock().unwrap();
            *inner.connects.entry(id.clone()).or_default() += 1;
            if inner.refuse_connects {
                return Err("no route".into());
            }
            Ok(Host { id, world: world.clone() })
        }
    }

    pub fn set(&self, id: &str, act: Act) {
        self.0.lock().unwrap().acts.insert(id.to_owned(), act);
    }

    pub fn takes(&self, id: &str, time: Duration) {
        self.0.lock().unwrap().took.insert(id.to_owned(), time);
    }

    pub fn refuse_connects(&self, refuse: bool) {
        self.0.lock().unwrap().refuse_connects = refuse;
    }

    pub fn calls(&self, id: &str) -> u64 {
        self.0.lock().unwrap().calls.get(id).copied().unwrap_or(0)
    }

    pub fn connects(&self, id: &str) -> u64 {
        self.0.lock().unwrap().connects.get(id).copied().unwrap_or(0)
    }

    /// Lets the calls that hang at `id` go.
    pub fn release(&self, id: &str) {
        let mut inner = self.0.lock().unwrap();
        let (go, stay) = std::mem::take(&mut inner.held).into_iter().partition(|(at, _)| at == id);
        inner.held = stay;
        for (_, tx) in go as Vec<(String, oneshot::Sender<()>)> {
            let _ = tx.send(());
        }
    }

    fn act(&self, id: &str) -> Act {
        self.0.lock().unwrap().acts.get(id).copied().unwrap_or(Act::Answer)
    }
}

impl<Req> Service<Req> for Host {
    type Response = String;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.world.act(&self.id) {
            Act::Unready => {
                self.world.set(&self.id, Act::Answer);
                Poll::Ready(Err("connection refused".into()))
            }
            Act::Pending => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: Req) -> Self::Future {
        let (id, act) = (self.id.clone(), self.world.act(&self.id));
        let mut inner = self.world.0.lock().unwrap();
        *inner.calls.entry(id.clone()).or_default() += 1;
        let took = inner.took.get(&id).copied().unwrap_or_default();
        let held = (act == Act::Hang).then(|| {
            let (tx, rx) = oneshot::channel();
            inner.held.push((id.clone(), tx));
            rx
        });
        Box::pin(async move {
            if let Some(held) = held {
                let _ = held.await;
            }
            if !took.is_zero() {
                tokio::time::sleep(took).await;
            }
            match act {
                Act::Fail => Err("broken".into()),
                Act::Panic => panic!("the endpoint's own"),
                _ => Ok(id),
            }
        })
    }
}

// ===== a gate that does as told =====

#[derive(Clone, Default)]
pub struct Switch(Arc<SwitchInner>);

#[derive(Default)]
struct SwitchInner {
    refuses: AtomicBool,
    retry_after_ms: AtomicU64,
    pub entered: AtomicU64,
    pub ended: AtomicU64,
    pub refunded: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Switch {
    pub fn refuse(&self, retry_after: Duration) {
        self.0.retry_after_ms.store(retry_after.as_millis() as u64, Ordering::Relaxed);
        self.0.refuses.store(true, Ordering::Relaxed);
    }

    pub fn admit(&self) {
        self.0.refuses.store(false, Ordering::Relaxed);
        if let Some(waker) = self.0.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    pub fn entered(&self) -> u64 {
        self.0.entered.load(Ordering::Relaxed)
    }

    pub fn inside(&self) -> u64 {
        self.entered() - self.0.ended.load(Ordering::Relaxed)
    }

    pub fn refunded(&self) -> u64 {
        self.0.refunded.load(Ordering::Relaxed)
    }
}

impl Handle for Switch {}

impl Settle for Switch {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), end: End<'_>, _: &Now) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        if let End::Refund = end {
            self.0.refunded.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<Req: ?Sized> Gate<Req> for Switch {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
        if self.0.refuses.load(Ordering::Relaxed) {
            let wait = Duration::from_millis(self.0.retry_after_ms.load(Ordering::Relaxed));
            return Err(Rejected::new(Kind::Circuit).with_retry_after(wait));
        }
        self.0.entered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, waker: &Waker, _: &Now) -> Again {
        *self.0.waker.lock().unwrap() = Some(waker.clone());
        Again::Registered
    }
}

/// A switch per endpoint id.
#[derive(Clone, Default)]
pub struct Switches(Arc<Mutex<BTreeMap<String, Switch>>>);

impl Switches {
    pub fn of(&self, id: &str) -> Switch {
        self.0.lock().unwrap().entry(id.to_owned()).or_default().clone()
    }

    pub fn factory(&self) -> impl Fn(&Endpoint) -> Switch + Send + 'static + use<> {
        let switches = self.clone();
        move |endpoint| switches.of(endpoint.id().as_str())
    }
}
