//! Gates in front of a reqwest client, as middleware of the crate [reqwest-middleware](::reqwest_middleware).
//!
//! A circuit, a limit, a pair of them, or one of each for every host: any gate is a middleware.
//!
//! # Examples
//!
//! ```
//! use orlop::{breaker::{Circuit, Settings}, bulkhead::Limit, reqwest_middleware::GateMiddleware};
//! use reqwest_middleware::ClientBuilder;
//!
//! let (circuit, limit) = (Circuit::new(Settings::default()).named("titles"), Limit::new(64));
//! let client = ClientBuilder::new(reqwest::Client::new())
//!     .with(GateMiddleware::new((circuit.clone(), limit)))
//!     .build();
//! # let _ = client;
//! ```
//!
//! A circuit for each host:
//!
//! ```
//! use orlop::{breaker::{Circuits, Settings}, reqwest_middleware::GateMiddleware};
//!
//! let hosts: Circuits<String> = Circuits::new(Settings::default());
//! let gate = hosts.keyed(|req: &reqwest::Request| req.url().authority().to_owned());
//! let middleware = GateMiddleware::new(gate);
//! # let _ = middleware;
//! ```
//!
//! # What happens to a call
//!
//! A gate that refuses fails the call before anything is sent, with an error in which
//! [`Rejected::find`](orlop_core::Rejected::find) finds the refusal. Answers are judged by status, or in
//! [another way](GateMiddleware::classify). A call is over when its body has ended, failed, or been dropped;
//! [`until_head`](GateMiddleware::until_head) ends it with the head of the answer.
//!
//! The call's context, its deadline say, is an extension: `client.get(url).with_extension(CallContext::new()..)`.
//!
//! # Where to put it
//!
//! A middleware that retries belongs in front of it (added before it), so that each attempt is admitted by itself. What
//! follows redirects is reqwest, behind it: the call is the first request's, whichever answers.

use crate::sync_body::SyncBody;
use orlop_core::{
    AtEnd, CallContext, Classify, Flight, Gate, Handle, Now, OnBodyEnd, OnHead, Outcome, Permit,
    Refused, Settle, http::HttpStatus,
};
use reqwest::{Body, Request, Response, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next};
use std::{convert::Infallible, fmt, future::poll_fn, pin::pin};

/// A gate as a middleware.
#[derive(Clone)]
#[must_use = "a middleware does nothing until a client has it"]
pub struct GateMiddleware<G, C = HttpStatus> {
    gate: G,
    classify: C,
    until_head: bool,
}

impl<G> GateMiddleware<G> {
    /// Puts the gate in front of calls: judged by status, over at the body's end.
    pub fn new(gate: G) -> Self {
        Self { gate, classify: HttpStatus::new(), until_head: false }
    }
}

impl<G, C> GateMiddleware<G, C> {
    /// Judges answers in another way.
    pub fn classify<C2>(self, classify: C2) -> GateMiddleware<G, C2> {
        GateMiddleware { gate: self.gate, classify, until_head: self.until_head }
    }

    /// Ends a call with the head of its answer: a download that streams for an hour holds its slot for an instant.
    pub fn until_head(mut self) -> Self {
        self.until_head = true;
        self
    }

    /// The gate.
    pub fn gate(&self) -> &G {
        &self.gate
    }
}

#[async_trait::async_trait]
impl<G, C, K, N> Middleware for GateMiddleware<G, C>
where
    G: Gate<Request> + Handle + Send + Sync + 'static,
    <G as Settle>::Ticket: Send,
    C: Classify<Request, Call = K> + Send + Sync + 'static,
    K: Outcome<http::Response<Body>, AtEnd = N> + Send,
    N: AtEnd + Send + 'static,
{
    async fn handle(
        &self,
        req: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let call = extensions.get::<CallContext>();
        let entered = Permit::enter(self.gate.lend(), &req, call, &Now::lazy());
        // Behind an error of its own: this crate's error passes over what it holds, and shows that one's source.
        let permit = entered
            .map_err(|rejected| Error::middleware(Refused::<Infallible>::Rejected(rejected)))?;
        let mut flight = Flight::new(permit, &self.classify, &req, call);
        let result = {
            let mut running = pin!(next.run(req, extensions));
            poll_fn(|cx| flight.run(|| running.as_mut().poll(cx))).await
        };
        match result {
            Ok(res) => {
                let url = res.url().clone();
                let res = http::Response::from(res);
                Ok(if self.until_head {
                    with_url(flight.head::<OnHead, _>(res), url)
                } else {
                    let res = flight.head::<OnBodyEnd, _>(res);
                    with_url(res.map(|body| Body::wrap(SyncBody::new(body))), url)
                })
            }
            Err(error) => {
                flight.error::<http::Response<Body>>(&error);
                Err(error)
            }
        }
    }
}

/// The response with the URL that answered: the way through an `http::Response` loses it.
fn with_url(mut res: http::Response<Body>, url: reqwest::Url) -> Response {
    if let Ok(named) = http::Response::builder().url(url).body(()) {
        res.extensions_mut().extend(named.into_parts().0.extensions);
    }
    res.into()
}

impl<G: fmt::Debug, C> fmt::Debug for GateMiddleware<G, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateMiddleware")
            .field("gate", &self.gate)
            .field("until_head", &self.until_head)
            .finish_non_exhaustive()
    }
}
