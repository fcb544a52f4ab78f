//! What a registry can be asked.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::HeaderName};
use http_body::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower_service::Service;

use super::{
    ask::Ask,
    base::{BadUrl, Base, Bases},
    error::Error,
    transport::{self, BoxError, Transport},
    wire::{
        Application, Applications, InstanceInfo, InstanceStatus, ReplicationList,
        ReplicationListResponse,
    },
};

/// Talks to the registries of one cluster. Cheap to clone; clones share what they know of registries that failed.
///
/// Registries are asked in the order they were given in; one that did not answer is asked last for a
/// while, its [quarantine](Client::quarantine). What
/// one answers counts: a 404 to a heartbeat is not asked for a second time elsewhere.
///
/// The request's URI is absolute, so the service decides by its authority where to connect. It must not follow
/// redirects or retry by itself: heartbeats are repeated soon anyway.
#[derive(Clone)]
pub struct Client {
    pub(super) transport: Transport,
    pub(super) bases: Arc<Bases>,
    pub(super) timeout: Duration,
    pub(super) quarantine: Duration,
    pub(super) max_body: usize,
    pub(super) headers: HeaderMap,
}

/// What a registry said to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Beat {
    /// The lease goes on.
    Renewed,
    /// The registry does not know this instance, or wants its newest state: register again.
    Unknown,
}

/// Everything but what RFC 3986 calls unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn segment(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, SEGMENT)
}

// ===== impl Client =====

impl Client {
    /// A client of the registries at `urls`, such as `http://127.0.1.1:8761/eureka/v2`, over `service`.
    ///
    /// The request body is made from [`Bytes`]; `http_body_util::Full<Bytes>` and axum's and reqwest's bodies are.
    ///
    /// # Errors
    ///
    /// When there are no URLs, or one of them is no absolute URL without user and query.
    pub fn new<S, B, R, U>(service: S, urls: U) -> Result<Self, BadUrl>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: From<Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
        U: IntoIterator,
        U::Item: AsRef<str>,
    {
        let bases: Vec<Base> =
            urls.into_iter().map(|url| Base::parse(url.as_ref())).collect::<Result<_, _>>()?;
        if bases.is_empty() {
            return Err(BadUrl::none());
        }
        Ok(Self {
            transport: transport::over(service),
            bases: Arc::new(Bases::new(bases)),
            timeout: Duration::from_secs(5),
            quarantine: Duration::from_secs(30),
            max_body: 64 << 20,
            headers: HeaderMap::new(),
        })
    }

    /// Sets how long one registry may take for one whole answer. Default 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a registry that did not answer is asked last. Default 30 s; an hour at most.
    #[must_use]
    pub fn quarantine(mut self, quarantine: Duration) -> Self {
        self.quarantine = quarantine.min(Duration::from_secs(3600));
        self
    }

    /// Sets how many bytes an answer may have. Default 64 MiB, which is a registry of 70,000 instances.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets a header of every request, such as `Authorization`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The addresses of the registries, as they are used.
    pub fn registries(&self) -> impl Iterator<Item = String> + '_ {
        self.bases.list().iter().map(ToString::to_string)
    }

    // ----- instances -----

    /// Registers an instance, or its newest state.
    ///
    /// # Errors
    ///
    /// When no registry took it.
    pub async fn register(&self, instance: &InstanceInfo) -> Result<(), Error> {
        let what = format!("registration of {}/{}", instance.app, instance.instance_id);
        let ask = Ask {
            what,
            method: Method::POST,
            path: format!("/apps/{}", segment(&instance.app)),
            body: instance.to_json().into(),
        };
        self.send(ask, &[StatusCode::NO_CONTENT, StatusCode::OK]).await.map(drop)
    }

    /// Renews the lease of an instance. `dirty` is the `last_dirty_timestamp` it registered with.
    ///
    /// # Errors
    ///
    /// When no registry answered.
    pub async fn heartbeat(
        &self,
        app: &str,
        id: &str,
        status: InstanceStatus,
        dirty: u64,
    ) -> Result<Beat, Error> {
        let what = format!("heartbeat of {app}/{id}");
        let path = format!(
            "/apps/{}/{}?status={status}&lastDirtyTimestamp={dirty}",
            segment(app),
            segment(id)
        );
        let ask = Ask { what, method: Method::PUT, path, body: Bytes::new() };
        let status = self.send(ask, &[StatusCode::OK, StatusCode::NOT_FOUND]).await?;
        Ok(if status == StatusCode::OK { Beat::Renewed } else { Beat::Unknown })
    }

    /// Ends the lease of an instance. One that is gone already is no error.
    ///
    /// # Errors
    ///
    /// When no registry answered.
    pub async fn deregister(&self, app: &str, id: &str) -> Result<(), Error> {
        let what = format!("deregistration of {app}/{id}");
        let path = format!("/apps/{}/{}", segment(app), segment(id));
        let ask = Ask { what, method: Method::DELETE, path, body: Bytes::new() };
        self.send(ask, &[StatusCode::OK, StatusCode::NOT_FOUND]).await.map(drop)
    }

    /// Overrides the status of an instance, whatever it says of itself.
    ///
    /// # Errors
    ///
    /// When no registry did it; a 404 means that the instance is not there.
    pub async fn override_status(
        &self,
        app: &str,
        id: &str,
        status: InstanceStatus,
    ) -> Result<(), Error> {
        let what = format!("status {status} for {app}/{id}");
        let path = format!("/apps/{}/{}/status?value={status}", segment(app), segment(id));
        let ask = Ask { what, method: Method::PUT, path, body: Bytes::new() };
        self.send(ask, &[StatusCode::OK]).await.map(drop)
    }

    /// Takes back an override; until the instance's next heartbeat its status is `status`.
    ///
    /// # Errors
    ///
    /// When no registry did it; a 404 means that the instance is not there.
    pub async fn clear_override(
        &self,
        app: &str,
        id: &str,
        status: InstanceStatus,
    ) -> Result<(), Error> {
        let what = format!("end of the override of {app}/{id}");
        let path = format!("/apps/{}/{}/status?value={status}", segment(app), segment(id));
        let ask = Ask { what, method: Method::DELETE, path, body: Bytes::new() };
        self.send(ask, &[StatusCode::OK]).await.map(drop)
    }

    // ----- reading -----

    /// Everything that a registry knows.
    ///
    /// # Errors
    ///
    /// When no registry answered with a list.
    pub async fn fetch_all(&self) -> Result<Applications, Error> {
        self.read("full fetch".to_owned(), "/apps/", Applications::from_json).await
    }

    /// What changed in the last three minutes at the registry that answers, with the hash of all it knows.
    ///
    /// # Errors
    ///
    /// When no registry answered with a list. Some do not serve deltas (403): fetch all then.
    pub async fn fetch_delta(&self) -> Result<Applications, Error> {
        self.read("delta fetch".to_owned(), "/apps/delta", Applications::from_json).await
    }

    /// The instances of one application; `None` if there are none.
    ///
    /// # Errors
    ///
    /// When no registry answered.
    pub async fn fetch_app(&self, app: &str) -> Result<Option<Application>, Error> {
        let what = format!("instances of {app}");
        let path = format!("/apps/{}", segment(app));
        match self.read(what, &path, Application::from_json).await {
            Ok(app) => Ok(Some(app)),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    // ----- between registries -----

    /// Tells a peer what changed. For registries.
    ///
    /// # Errors
    ///
    /// When the peer did not answer with a list.
    pub async fn replicate(
        &self,
        changes: &ReplicationList,
    ) -> Result<ReplicationListResponse, Error> {
        let what = format!("replication of {} changes", changes.replication_list.len());
        let ask = Ask {
            what,
            method: Method::POST,
            path: "/peerreplication/batch/".to_owned(),
            body: changes.to_json().into(),
        };
        self.ask(ask, &[StatusCode::OK], ReplicationListResponse::from_json).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("registries", &self.bases.list())
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}
