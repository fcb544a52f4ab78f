//! A server that does as the test says, and what it saw.
// Each test file uses its part.
#![allow(dead_code)]

use orlop_retry::core::{
    Addr, Again, BoxError, CallContext, End, Endpoint, Gate, Handle, Note, Now, Rejected, Settle,
    Verdict,
};
use std::{
    future::{Ready, pending, ready},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use tower::{Service, util::BoxCloneService};

pub type Call = (&'static str, CallContext);

pub type Log = Arc<Mutex<Vec<CallContext>>>;

type Get = for<'a> fn(&'a Call) -> Option<&'a CallContext>;

/// Where the context of a [`Call`] is.
pub const LENS: (Get, fn(&mut Call, CallContext)) = (lens, |call, context| call.1 = context);

pub fn lens(call: &Call) -> Option<&CallContext> {
    Some(&call.1)
}

pub fn call(context: CallContext) -> Call {
    ("call", context)
}

/// One call as the server saw it.
pub struct Seen {
    pub name: &'static str,
    /// Of the attempt, from 1.
    pub number: u32,
    pub context: CallContext,
}

pub enum Answer {
    Ok(&'static str),
    Err(BoxError),
    Hang,
}

impl Answer {
    pub fn error(error: impl Into<BoxError>) -> Self {
        Self::Err(error.into())
    }

    pub fn fails(text: &'static str) -> Self {
        Self::error(io::Error::other(text))
    }
}

impl Seen {
    /// What a balancer does with a call if it has endpoints enough.
    pub fn pick(&self) {
        self.pick_from(u32::MAX);
    }

    /// What a balancer over `n` endpoints does with a call.
    pub fn pick_from(&self, n: u32) {
        self.record((self.number - 1) % n + 1, self.number < n);
    }

    /// Records one pick, and whether an untried endpoint is left.
    pub fn record(&self, endpoint: u32, others: bool) {
        let id = format!("endpoint-{endpoint}");
        let endpoint = Endpoint::new(id.as_str(), Addr::from(([127, 0, 0, 1], 80)));
        let picks = self.context.attempt().and_then(|attempt| attempt.picks()).unwrap();
        picks.record(&endpoint);
        picks.set_others(others);
    }
}

pub fn server(
    answer: impl Fn(&Seen) -> Answer + Clone + Send + 'static,
) -> (BoxCloneService<Call, &'static str, BoxError>, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let service = tower::service_fn(move |(name, context): Call| {
        let (answer, log) = (answer.clone(), Arc::clone(&log));
        async move {
            log.lock().unwrap().push(context.clone());
            let number = context.attempt().map_or(0, |attempt| attempt.number());
            match answer(&Seen { name, number, context }) {
                Answer::Ok(text) => Ok(text),
                Answer::Err(error) => Err(error),
                Answer::Hang => pending().await,
            }
        }
    });
    (BoxCloneService::new(service), seen)
}

/// A service of which the first two clones fail to become ready.
#[derive(Default)]
pub struct Unready {
    clones: Arc<AtomicUsize>,
    number: usize,
}

impl Clone for Unready {
    fn clone(&self) -> Self {
        // The first three clones are those of the test, the layer and the call.
        Self { clones: Arc::clone(&self.clones), number: self.clones.fetch_add(1, SeqCst) + 1 }
    }
}

impl Service<Call> for Unready {
    type Response = &'static str;
    type Error = io::Error;
    type Future = Ready<io::Result<&'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.number {
            0..5 => Err(io::Error::other("no connection")),
            _ => Ok(()),
        })
    }

    fn call(&mut self, _: Call) -> Self::Future {
        ready(Ok("third clone is ready"))
    }
}

/// A gate that remembers how calls ended.
#[derive(Clone, Default)]
pub struct Ends(Arc<Mutex<Vec<Verdict>>>);

impl Ends {
    pub fn list(&self) -> Vec<Verdict> {
        self.0.lock().unwrap().clone()
    }
}

impl Handle for Ends {}

impl Settle for Ends {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), end: End<'_>, _: &Now) {
        if let End::Verdict(verdict) = end {
            self.0.lock().unwrap().push(*verdict);
        }
    }
}

impl<Req: ?Sized> Gate<Req> for Ends {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<(), Rejected> {
        Ok(())
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}
