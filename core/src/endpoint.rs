//! Where calls can go: one address of a service, and what discovery says about the set of them.

use std::{
    collections::BTreeMap, error::Error, fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf,
    sync::Arc, time::Duration,
};

/// One address that serves calls. Cheap to clone: one reference count.
///
/// Two endpoints with the same [`id`](Endpoint::id) are the same instance; a balancer keeps connection, load
/// estimate and circuit for it when an update repeats the id with [equal](PartialEq) contents or changes only weight,
/// health or metadata.
///
/// # Examples
///
/// ```
/// use orlop_core::{Addr, Endpoint};
///
/// let endpoint = Endpoint::builder("playback-1", Addr::from(([127, 0, 0, 1], 9110)))
///     .zone("a")
///     .build();
/// assert_eq!(endpoint.id().as_str(), "playback-1");
/// assert_eq!(endpoint.zone(), Some("a"));
/// assert_eq!(endpoint.authority(), "127.0.0.1:9110");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

#[derive(PartialEq, Eq, Clone)]
struct Inner {
    id: EndpointId,
    addr: Addr,
    authority: Arc<str>,
    zone: Option<Arc<str>>,
    weight: NonZeroU32,
    health: Health,
    meta: BTreeMap<String, String>,
}

/// The name of an endpoint, unique within its service and stable while the instance lives.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(Arc<str>);

/// What a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addr {
    /// A resolved address.
    Ip(SocketAddr),
    /// A host name and port that the connector resolves.
    Name(Arc<str>, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// What discovery says of an endpoint's health. What calls say of it is the gates' business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// Takes calls.
    #[default]
    Healthy,
    /// Takes calls while nothing better is there.
    Degraded,
    /// Finishes what it has; new calls go elsewhere.
    Draining,
    /// Takes no calls.
    Unhealthy,
}

/// A change in the set of endpoints, as a discovery client tells it.
///
/// "Not resolved yet" is the absence of any update; "resolved to nothing" is `Reset` with an empty list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Update {
    /// The whole set. What is not in it is gone.
    Reset(Vec<Endpoint>),
    /// This endpoint is new or has changed.
    Upsert(Endpoint),
    /// This endpoint is gone.
    Remove(EndpointId),
    /// Discovery cannot be reached: the set is what it was this long ago.
    Stale(Duration),
    /// An attempt to learn the set failed; what is known stays in force.
    Failed(Arc<dyn Error + Send + Sync>),
}

/// Builds an [`Endpoint`].
#[derive(Debug)]
#[must_use = "call build() to get the endpoint"]
pub struct Builder {
    inner: Inner,
}

// ===== impl Endpoint =====

impl Endpoint {
    /// An endpoint with this identity and address, no zone, weight 1, healthy.
    pub fn new(id: impl Into<EndpointId>, addr: impl Into<Addr>) -> Self {
        Self::builder(id, addr).build()
    }

    /// Starts an endpoint with this identity and address.
    pub fn builder(id: impl Into<EndpointId>, addr: impl Into<Addr>) -> Builder {
        let addr = addr.into();
        let authority = addr.to_string().into();
        Builder {
            inner: Inner {
                id: id.into(),
                addr,
                authority,
                zone: None,
                weight: NonZeroU32::MIN,
                health: Health::Healthy,
                meta: BTreeMap::new(),
            },
        }
    }

    /// Who it is.
    pub fn id(&self) -> &EndpointId {
        &self.inner.id
    }

    /// Where to connect.
    pub fn addr(&self) -> &Addr {
        &self.inner.addr
    }

    /// The `Host` header or `:authority`, and the TLS name. Defaults to the address.
    pub fn authority(&self) -> &str {
        &self.inner.authority
    }

    /// The failure domain it is in, if known.
    pub fn zone(&self) -> Option<&str> {
        self.inner.zone.as_deref()
    }

    /// Its share relative to the others. Defaults to 1.
    pub fn weight(&self) -> NonZeroU32 {
        self.inner.weight
    }

    /// What discovery says of its health.
    pub fn health(&self) -> Health {
        self.inner.health
    }

    /// Anything else discovery knows.
    pub fn meta(&self) -> &BTreeMap<String, String> {
        &self.inner.meta
    }

    /// Whether a connection to `other` is a connection to this endpoint: same id, address and authority.
    pub fn same_connection(&self, other: &Endpoint) -> bool {
        self.inner.id == other.inner.id
            && self.inner.addr == other.inner.addr
            && self.inner.authority == other.inner.authority
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({} at {}", self.inner.id, self.inner.addr)?;
        if let Some(zone) = &self.inner.zone {
            write!(f, ", zone {zone}")?;
        }
        if self.inner.health != Health::Healthy {
            write!(f, ", {:?}", self.inner.health)?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.id, self.addr)
    }
}

// ===== impl Builder =====

impl Builder {
    /// Sets the `Host` header or `:authority`, and the TLS name.
    pub fn authority(mut self, authority: impl Into<Arc<str>>) -> Self {
        self.inner.authority = authority.into();
        self
    }

    /// Sets the failure domain.
    pub fn zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.inner.zone = Some(zone.into());
        self
    }

    /// Sets its share relative to the others.
    pub fn weight(mut self, weight: NonZeroU32) -> Self {
        self.inner.weight = weight;
        self
    }

    /// Sets what discovery says of its health.
    pub fn health(mut self, health: Health) -> Self {
        self.inner.health = health;
        self
    }

    /// Adds one entry of metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.inner.meta.insert(key.into(), value.into());
        self
    }

    /// The endpoint.
    pub fn build(self) -> Endpoint {
        Endpoint { inner: Arc::new(self.inner) }
    }
}

// ===== impl EndpointId =====

impl EndpointId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for EndpointId {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

// ===== impl Addr =====

impl<T: Into<SocketAddr>> From<T> for Addr {
    fn from(addr: T) -> Self {
        Self::Ip(addr.into())
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            Self::Name(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
