//! Asking it.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use http::{Request, Response, Uri};
use orlop_core::CallContext;
use tonic::Status;
use tower_service::Service;

use super::proto::MayPlayRequest;
use super::proto::entitlement_client::EntitlementClient;
use crate::BoxError;
use crate::catalogue::TitleId;

/// Asks the entitlement service through any client: the stub needs no transport of its own.
#[derive(Clone)]
pub struct Entitlement<S> {
    stub: EntitlementClient<S>,
}

/// What the service said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Why the member may not play the title, if so: a word for programs.
    pub refused: Option<String>,
    /// Until when that holds, in seconds since 1970.
    pub until: u64,
}

/// There was no answer; the source says why.
#[derive(Debug)]
pub struct Unavailable {
    status: Status,
}

// ===== impl Entitlement =====

impl<S, B> Entitlement<S>
where
    S: Service<Request<tonic::body::Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + Send,
{
    /// Calls through `client`, which finds the instances.
    pub fn new(client: S) -> Self {
        // Clients that balance put the chosen endpoint's authority in its place.
        let origin = Uri::from_static("http://entitlement");
        Self { stub: EntitlementClient::with_origin(client, origin) }
    }

    /// Whether `member` may play `title`. Of `caller` the call inherits deadline and priority; asking twice does no harm.
    ///
    /// # Errors
    ///
    /// No answer, or one that is not understood.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call.
    pub fn may_play(
        &self,
        member: &str,
        title: TitleId,
        caller: &CallContext,
    ) -> impl Future<Output = Result<Asked, Unavailable>> + Send + use<S, B> {
        let message = MayPlayRequest { member: member.to_owned(), title: title.to_string() };
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(caller.child().idempotent(true));
        let mut stub = self.stub.clone();
        async move {
            let reply = stub.may_play(request).await.map_err(Unavailable::from)?.into_inner();
            let refused = (!reply.allowed).then_some(reply.reason);
            Ok(Asked { refused, until: reply.until })
        }
    }
}

impl<S> fmt::Debug for Entitlement<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entitlement(..)")
    }
}

// ===== impl Unavailable =====

impl From<Status> for Unavailable {
    fn from(status: Status) -> Self {
        Self { status }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entitlement did not answer")
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.status)
    }
}
