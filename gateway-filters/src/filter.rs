//! What a filter is: a name, a place in the order, and up to three things it does.

use std::{borrow::Cow, fmt, future::Future, pin::Pin, sync::Arc};

use http::{Request, Response, StatusCode};
use orlop_core::BoxError;

use crate::{Body, Completion, RequestCx};

/// One step of a gateway: looks at a request on its way in, at the response on its way out, and learns how it ended.
///
/// Override what the filter needs and say so in its [`Phases`]; the others are never called.
pub trait Filter: Send + Sync + 'static {
    /// Name, place and policies. Read once, when the chain is built.
    fn meta(&self) -> FilterMeta;

    /// The inbound side. Runs before the endpoint.
    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let _ = (cx, req);
        Step::CONTINUE
    }

    /// The outbound side. Runs on every response: the endpoint's, a filter's and the chain's own.
    fn on_response<'a>(&'a self, cx: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        let _ = (cx, res);
        Step::CONTINUE
    }

    /// Runs exactly once for each request whose inbound turn at this filter came, however it ended. See the crate's page.
    ///
    /// It runs where the end was seen: in the poll that saw the body's end or error, or in the drop of the response future
    /// or of the body. It must not block. No lock of the chain is held; a panic is caught and counted.
    fn on_complete(&self, done: &Completion<'_>) {
        let _ = done;
    }

    /// The endpoints this filter may choose, so that a name that does not exist is found when the gateway is built.
    fn endpoints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The name of a filter, its place and its policies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a filter returns this from meta()"]
pub struct FilterMeta {
    name: Cow<'static, str>,
    category: Category,
    order: i32,
    outbound_order: Option<i32>,
    phases: Phases,
    on_error: Option<OnError>,
}

/// What a filter is for. Decides what its failure means, unless [`FilterMeta::on_error`] says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Who may do what. Fails closed; [`Flow::Stop`] of another filter does not skip it.
    Access,
    /// How much one caller may do. Fails closed; [`Flow::Stop`] of another filter does not skip it.
    Abuse,
    /// Where a request goes. Fails closed.
    Routing,
    /// Facts added to the request's context. Fails open.
    Context,
    /// Logs and counters. Fails open.
    Observability,
    /// Headers and encodings. Fails open.
    Http,
}

/// Which sides of a filter exist. `on_complete` exists always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phases {
    /// `on_request`.
    Inbound,
    /// `on_response`.
    Outbound,
    /// `on_request` and `on_response`.
    #[default]
    Both,
    /// Neither: only `on_complete`.
    Neither,
}

/// What happens when a filter returns an error or panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnError {
    /// The caller gets this status. Inbound the endpoint is not called; outbound the response is replaced.
    FailClosed(StatusCode),
    /// The failure is recorded and the next filter runs, with what the failed one left behind.
    FailOpen,
}

/// What a filter's side returns: its result, or a future of it.
///
/// A filter that has its answer at once returns `Ready` and allocates nothing; only one that waits boxes a future.
#[must_use]
pub enum Step<'a> {
    /// Decided.
    Ready(Result<Flow, BoxError>),
    /// To be awaited. Dropped where it stands when the caller goes away.
    Pending(Pin<Box<dyn Future<Output = Result<Flow, BoxError>> + Send + 'a>>),
}

/// What happens next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flow {
    /// The next filter.
    Continue,
    /// Inbound: this is the answer, the endpoint is not called, the outbound sides run on it. Outbound: this response
    /// takes the place of the other.
    Respond(Response<Body>),
    /// No further filter of this pass, except those of [`Category::Access`] and [`Category::Abuse`].
    Stop,
}

// ===== forwarders =====

/// For whoever keeps a handle on a filter of their own.
impl<F: Filter + ?Sized> Filter for Arc<F> {
    fn meta(&self) -> FilterMeta {
        (**self).meta()
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        (**self).on_request(cx, req)
    }

    fn on_response<'a>(&'a self, cx: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        (**self).on_response(cx, res)
    }

    fn on_complete(&self, done: &Completion<'_>) {
        (**self).on_complete(done);
    }

    fn endpoints(&self) -> Vec<String> {
        (**self).endpoints()
    }
}

// ===== impl FilterMeta =====

impl FilterMeta {
    /// Names a filter. Order 0, both phases, the category's error policy.
    ///
    /// The name is what the filter is switched off by; it must be unique in a chain.
    pub fn new(name: impl Into<Cow<'static, str>>, category: Category) -> Self {
        Self {
            name: name.into(),
            category,
            order: 0,
            outbound_order: None,
            phases: Phases::Both,
            on_error: None,
        }
    }

    /// Sets the place in the order: lower runs earlier, equal ones run by name. Defaults to 0.
    pub fn order(mut self, order: i32) -> Self {
        self.order = order;
        self
    }

    /// Sets the place of the outbound side, where it differs. Outbound runs ascending too, as in Zuul.
    pub fn outbound_order(mut self, order: i32) -> Self {
        self.outbound_order = Some(order);
        self
    }

    /// Says which sides exist. Defaults to both.
    pub fn phases(mut self, phases: Phases) -> Self {
        self.phases = phases;
        self
    }

    /// Sets what an error or a panic means. Defaults by category.
    pub fn on_error(mut self, policy: OnError) -> Self {
        self.on_error = Some(policy);
        self
    }

    /// Gives it another name, for a chain that holds two filters of one kind.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Place of the inbound side.
    pub fn inbound_place(&self) -> i32 {
        self.order
    }

    /// Place of the outbound side.
    pub fn outbound_place(&self) -> i32 {
        self.outbound_order.unwrap_or(self.order)
    }

    /// The error policy in force.
    pub fn policy(&self) -> OnError {
        self.on_error.unwrap_or(self.category.policy())
    }

    pub(crate) fn runs_inbound(&self) -> bool {
        matches!(self.phases, Phases::Inbound | Phases::Both)
    }

    pub(crate) fn runs_outbound(&self) -> bool {
        matches!(self.phases, Phases::Outbound | Phases::Both)
    }

    /// Whether it runs although another filter said [`Flow::Stop`].
    pub(crate) fn unstoppable(&self) -> bool {
        matches!(self.category, Category::Access | Category::Abuse)
    }
}

// ===== impl Category =====

impl Category {
    /// What a failure means by default: 500 for access, abuse and routing; open for the rest.
    pub const fn policy(self) -> OnError {
        match self {
            Self::Access | Self::Abuse | Self::Routing => {
                OnError::FailClosed(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::Context | Self::Observability | Self::Http => OnError::FailOpen,
        }
    }
}

// ===== impl Step =====

impl<'a> Step<'a> {
    /// Goes on with the next filter.
    pub const CONTINUE: Self = Self::Ready(Ok(Flow::Continue));

    /// Ends the pass.
    pub const STOP: Self = Self::Ready(Ok(Flow::Stop));

    /// Answers with this response.
    pub fn respond(res: Response<Body>) -> Self {
        Self::Ready(Ok(Flow::Respond(res)))
    }

    /// Fails; the filter's [`OnError`] decides what that means.
    pub fn fail(error: impl Into<BoxError>) -> Self {
        Self::Ready(Err(error.into()))
    }

    /// Waits for this future.
    pub fn wait(future: impl Future<Output = Result<Flow, BoxError>> + Send + 'a) -> Self {
        Self::Pending(Box::pin(future))
    }
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(result) => f.debug_tuple("Ready").field(result).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}
