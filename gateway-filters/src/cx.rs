//! What the chain knows of one request.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{Extensions, Method, Request, Uri};
use tokio::time::Instant;

use crate::Body;

/// What filters tell each other about one request. Typed fields for what every gateway has, [`Extensions`] for the rest.
#[derive(Debug)]
pub struct RequestCx {
    method: Method,
    uri: Uri,
    started: Instant,
    route: Option<Arc<str>>,
    endpoint: Option<Arc<str>>,
    params: Vec<(String, String)>,
    subject: Option<Arc<Subject>>,
    answered_by: Option<AnsweredBy>,
    failures: Vec<FilterFailure>,
    extensions: Extensions,
    trusted: bool,
    degraded: bool,
    /// Set by the compression filter's inbound side for its outbound side.
    #[cfg(feature = "gzip")]
    pub(crate) accepts_gzip: bool,
}

/// Who a request is made for, as a token said that was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    id: String,
    claims: BTreeMap<String, Vec<String>>,
}

/// Where a response comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnsweredBy {
    /// The endpoint.
    Endpoint,
    /// The chain, because the endpoint returned an error: its text.
    EndpointError(String),
    /// The chain, because the endpoint panicked.
    EndpointPanic,
    /// The chain, because no endpoint was chosen or the chosen one does not exist.
    NoEndpoint,
    /// A filter of this name.
    Filter(Arc<str>),
    /// The chain, because a filter of this name failed and fails closed.
    FilterFailed(Arc<str>),
}

/// An error or a panic of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFailure {
    filter: Arc<str>,
    reason: String,
}

// ===== impl RequestCx =====

impl RequestCx {
    pub(crate) fn new(req: &Request<Body>) -> Self {
        Self {
            method: req.method().clone(),
            uri: req.uri().clone(),
            started: Instant::now(),
            route: None,
            endpoint: None,
            params: Vec::new(),
            subject: None,
            answered_by: None,
            failures: Vec::new(),
            extensions: Extensions::new(),
            trusted: false,
            degraded: false,
            #[cfg(feature = "gzip")]
            accepts_gzip: false,
        }
    }

    /// The method the request came with.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The target the request came with, before any filter changed it.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// How long ago the request entered the chain.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The name of the route that matched.
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// Names the route.
    pub fn set_route(&mut self, route: impl Into<Arc<str>>) {
        self.route = Some(route.into());
    }

    /// The endpoint that will answer.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Chooses the endpoint by name.
    pub fn set_endpoint(&mut self, endpoint: impl Into<Arc<str>>) {
        self.endpoint = Some(endpoint.into());
    }

    /// A parameter of the path, as it was written: percent-encoding is not undone.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All parameters of the path in their order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Adds a parameter of the path.
    pub fn push_param(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.params.push((name.into(), value.into()));
    }

    /// Who the request is made for; `None` is nobody we know.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_deref()
    }

    /// Says who the request is made for. For access filters, after they have verified it.
    pub fn set_subject(&mut self, subject: impl Into<Arc<Subject>>) {
        self.subject = Some(subject.into());
    }

    /// Whether the sender may use the headers that are otherwise stripped at the edge. Defaults to false.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Says whether the sender is trusted.
    pub fn set_trusted(&mut self, trusted: bool) {
        self.trusted = trusted;
    }

    /// Whether the answer is less than was asked for. Defaults to false.
    pub fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// Says that the answer is less than was asked for.
    pub fn set_degraded(&mut self, degraded: bool) {
        self.degraded = degraded;
    }

    /// Who answered; `None` until there is a response.
    pub fn answered_by(&self) -> Option<&AnsweredBy> {
        self.answered_by.as_ref()
    }

    /// Errors and panics of filters so far, those that failed open included.
    pub fn failures(&self) -> &[FilterFailure] {
        &self.failures
    }

    /// Anything else that filters pass to each other.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Anything else that filters pass to each other.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    pub(crate) fn set_answered_by(&mut self, by: AnsweredBy) {
        self.answered_by = Some(by);
    }

    pub(crate) fn push_failure(&mut self, filter: Arc<str>, reason: String) {
        self.failures.push(FilterFailure { filter, reason });
    }
}

// ===== impl Subject =====

impl Subject {
    /// Somebody with this identifier.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), claims: BTreeMap::new() }
    }

    /// Adds a value of a claim.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.entry(name.into()).or_default().push(value.into());
        self
    }

    /// The identifier: a token's `sub`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The first value of a claim, as text.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims(name).first().map(String::as_str)
    }

    /// All values of a claim, as text. A claim that is an object is left out.
    pub fn claims(&self, name: &str) -> &[String] {
        self.claims.get(name).map_or(&[], Vec::as_slice)
    }
}

// ===== impl FilterFailure =====

impl FilterFailure {
    /// Which filter.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// The error's text, or that it panicked.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
