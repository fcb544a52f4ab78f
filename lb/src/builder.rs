//! How a balancer is made.

use crate::{
    Balance, Settings,
    follow::Follow,
    node::Meter,
    published::{Published, Publisher},
    shared::Shared,
    snapshot::Staleness,
};
use fastrand::Rng;
use futures_core::Stream;
use orlop_core::{BoxError, Endpoint, NoContext, OnHead, Update};
use std::{collections::BTreeMap, fmt, future::Future, marker::PhantomData, sync::Arc};
use tokio::{sync::oneshot, time::Instant};

/// Makes a [`Balance`].
#[must_use = "call build() or pair() to get the balancer"]
pub struct Builder<U, M, F, C, T, L> {
    updates: U,
    connect: M,
    gate: F,
    classify: C,
    lens: L,
    settings: Settings,
    name: Option<Arc<str>>,
    seed: Option<u64>,
    track: PhantomData<fn() -> T>,
}

/// What `gate` is until it is set: every endpoint admits all.
type NoGate = fn(&Endpoint);

impl<S, C> Balance<S, (), C, OnHead, NoContext> {
    /// A balancer for any calls. The classifier says what an answer is worth: [`AnyError`](orlop_core::AnyError), or
    /// [`by_result`](orlop_core::by_result) with a closure. A call is over when its response comes.
    ///
    /// `connect` makes an endpoint's service, once, without waiting: a service that connects when it is called, or
    /// behind a pool. Its errors and panics leave the endpoint out, and it is tried again.
    pub fn builder<U, M, E>(
        updates: U,
        connect: M,
        classify: C,
    ) -> Builder<U, M, NoGate, C, OnHead, NoContext>
    where
        U: Stream<Item = Update>,
        M: Fn(&Endpoint) -> Result<S, E>,
        E: Into<BoxError>,
    {
        Builder::new(updates, connect, classify, NoContext)
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<S>
    Balance<
        S,
        (),
        orlop_core::http::HttpStatus,
        orlop_core::OnBodyEnd,
        orlop_core::http::FromExtensions,
    >
{
    /// A balancer for HTTP calls: judged by status, over at the body's end, context in the request's extensions.
    ///
    /// `connect` is as for [`builder`](Balance::builder).
    pub fn http<U, M, E>(
        updates: U,
        connect: M,
    ) -> Builder<
        U,
        M,
        NoGate,
        orlop_core::http::HttpStatus,
        orlop_core::OnBodyEnd,
        orlop_core::http::FromExtensions,
    >
    where
        U: Stream<Item = Update>,
        M: Fn(&Endpoint) -> Result<S, E>,
        E: Into<BoxError>,
    {
        let classify = orlop_core::http::HttpStatus::new();
        Builder::new(updates, connect, classify, orlop_core::http::FromExtensions)
    }
}

#[cfg(feature = "grpc")]
#[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
impl<S>
    Balance<
        S,
        (),
        orlop_core::grpc::GrpcStatus,
        orlop_core::OnBodyEnd,
        orlop_core::http::FromExtensions,
    >
{
    /// A balancer for gRPC calls: judged by the status in head or trailers, over at the body's end, context in the
    /// request's extensions.
    ///
    /// `connect` is as for [`builder`](Balance::builder).
    pub fn grpc<U, M, E>(
        updates: U,
        connect: M,
    ) -> Builder<
        U,
        M,
        NoGate,
        orlop_core::grpc::GrpcStatus,
        orlop_core::OnBodyEnd,
        orlop_core::http::FromExtensions,
    >
    where
        U: Stream<Item = Update>,
        M: Fn(&Endpoint) -> Result<S, E>,
        E: Into<BoxError>,
    {
        let classify = orlop_core::grpc::GrpcStatus::new();
        Builder::new(updates, connect, classify, orlop_core::http::FromExtensions)
    }
}

impl<U, M, C, T, L> Builder<U, M, NoGate, C, T, L> {
    fn new(updates: U, connect: M, classify: C, lens: L) -> Self {
        Self {
            updates,
            connect,
            gate: |_| (),
            classify,
            lens,
            settings: Settings::new(),
            name: None,
            seed: None,
            track: PhantomData,
        }
    }
}

impl<U, M, F, C, T, L> Builder<U, M, F, C, T, L> {
    fn with<F2, C2, T2, L2>(
        self,
        parts: impl FnOnce(F, C, L) -> (F2, C2, L2),
    ) -> Builder<U, M, F2, C2, T2, L2> {
        let (gate, classify, lens) = parts(self.gate, self.classify, self.lens);
        Builder {
            updates: self.updates,
            connect: self.connect,
            gate,
            classify,
            lens,
            settings: self.settings,
            name: self.name,
            seed: self.seed,
            track: PhantomData,
        }
    }

    /// Puts a gate in front of each endpoint: a circuit, a limit, or a pair of them. It is asked while picking, so an
    /// endpoint that refuses is passed over.
    ///
    /// It is made when the endpoint's connection is, and lives as long. If `gate` panics, that counts as a failed `connect`.
    pub fn gate<F2, G>(self, gate: F2) -> Builder<U, M, F2, C, T, L>
    where
        F2: Fn(&Endpoint) -> G,
    {
        self.with(|_, classify, lens| (gate, classify, lens))
    }

    /// Judges answers in another way.
    pub fn classify<C2>(self, classify: C2) -> Builder<U, M, F, C2, T, L> {
        self.with(|gate, _, lens| (gate, classify, lens))
    }

    /// Ends a call with the head of its response, not with its body.
    pub fn until_head(self) -> Builder<U, M, F, C, OnHead, L> {
        self.with(|gate, classify, lens| (gate, classify, lens))
    }

    /// Finds the call's context in another way: a closure `Fn(&Req) -> Option<&CallContext>` will do.
    pub fn context<L2>(self, lens: L2) -> Builder<U, M, F, C, T, L2> {
        self.with(|gate, classify, _| (gate, classify, lens))
    }

    /// How to pick, wait and reconnect. Default: [`Settings::new`].
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The name in refusals. Default: none.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where its random numbers begin, to repeat a run. Default: a random seed.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The balancer. Its task runs on the current runtime, until the last clone is dropped.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime; use [`pair`](Self::pair) there.
    #[must_use]
    pub fn build<S, G, E>(self) -> Balance<S, G, C, T, L>
    where
        U: Stream<Item = Update> + Send + 'static,
        M: Fn(&Endpoint) -> Result<S, E> + Send + 'static,
        E: Into<BoxError> + 'static,
        F: Fn(&Endpoint) -> G + Send + 'static,
        S: Clone + Send + Sync + 'static,
        G: Send + Sync + 'static,
    {
        let (balance, task) = self.pair();
        tokio::spawn(task);
        balance
    }

    /// The balancer and its task, to be spawned or polled by the caller. Calls are refused once the task is dropped
    /// before the stream of updates has ended.
    pub fn pair<S, G, E>(
        self,
    ) -> (Balance<S, G, C, T, L>, impl Future<Output = ()> + Send + 'static)
    where
        U: Stream<Item = Update> + Send + 'static,
        M: Fn(&Endpoint) -> Result<S, E> + Send + 'static,
        E: Into<BoxError> + 'static,
        F: Fn(&Endpoint) -> G + Send + 'static,
        S: Clone + Send + Sync + 'static,
        G: Send + Sync + 'static,
    {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let published = Published::new();
        let (open, closed) = oneshot::channel();
        let follow = Follow {
            connect: self.connect,
            gate: self.gate,
            meter: Meter::new(&self.settings, Instant::now()),
            // Not the balancer's own numbers: reconnecting must not change where calls go.
            rng: Rng::with_seed(!seed),
            settings: self.settings.clone(),
            publisher: Publisher::new(Arc::clone(&published)),
            known: BTreeMap::new(),
            staleness: Staleness::default(),
        };
        let shared = Shared {
            published,
            classify: self.classify,
            lens: self.lens,
            settings: self.settings,
            name: self.name,
            _open: open,
        };
        (Balance::new(shared, seed), follow.run(self.updates, closed))
    }
}

impl<U, M, F, C, T, L> fmt::Debug for Builder<U, M, F, C, T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
