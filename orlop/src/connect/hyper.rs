use crate::Body;
use http::{Request, Response, Uri, Version, header, uri};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::legacy::{
        Client, Error,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use orlop_core::{Addr, BoxError, CallContext, Endpoint, NotSent};
use std::{
    fmt,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tower_service::Service;

/// Which version of HTTP to speak. Without TLS there is no negotiation, so it is for the caller to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1: a connection for each call in flight, kept for the next.
    One,
    /// HTTP/2 with prior knowledge: one connection for all calls. What gRPC needs.
    Two,
}

type Dialled = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;
type Dial = dyn Fn(&Endpoint) -> Dialled + Send + Sync;

/// Connects by TCP, in the clear. Connections are made by the first call that needs one, and pooled.
///
/// The request goes to the endpoint's address, and carries the endpoint's
/// [authority](Endpoint::authority) in place of any host it came with. A connection that cannot be made fails the call with a
/// [`NotSent`] for its attempt, so it may be tried elsewhere, whatever it is.
pub fn hyper(http: Http) -> impl Fn(&Endpoint) -> Result<HyperConnection, BoxError> + Clone {
    hyper_over(http, |endpoint: &Endpoint| {
        let addr = endpoint.addr().clone();
        async move {
            let stream = match addr {
                Addr::Ip(addr) => TcpStream::connect(addr).await?,
                Addr::Name(host, port) => TcpStream::connect((&*host, port)).await?,
                other => {
                    let text = format!("cannot connect to {other} by TCP");
                    return Err(io::Error::new(io::ErrorKind::Unsupported, text));
                }
            };
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    })
}

/// Connects in your own way: over TLS, a Unix socket, a simulated network.
pub fn hyper_over<D, F, I>(
    http: Http,
    dial: D,
) -> impl Fn(&Endpoint) -> Result<HyperConnection, BoxError> + Clone
where
    D: Fn(&Endpoint) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<I>> + Send + 'static,
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let dial: Arc<Dial> = Arc::new(move |endpoint| {
        let stream = dial(endpoint);
        Box::pin(async move { Ok(Socket(TokioIo::new(Box::new(stream.await?) as Box<dyn Io>))) })
    });
    move |endpoint| Ok(HyperConnection::new(endpoint.clone(), http, dial.clone()))
}

/// The connections to one endpoint. Clones share them.
#[derive(Clone)]
pub struct HyperConnection {
    client: Client<Dialler, Body>,
    endpoint: Endpoint,
    authority: Option<uri::Authority>,
    version: Version,
}

impl HyperConnection {
    fn new(endpoint: Endpoint, http: Http, dial: Arc<Dial>) -> Self {
        let dialler = Dialler { dial, endpoint: endpoint.clone() };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .http2_only(http == Http::Two)
            .build(dialler);
        let authority = endpoint.authority().parse().ok();
        let version = match http {
            Http::One => Version::HTTP_11,
            Http::Two => Version::HTTP_2,
        };
        Self { client, endpoint, authority, version }
    }
}

impl Service<Request<Body>> for HyperConnection {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, BoxError>> + Send>>;

    // Connections are made in `call`: nothing is reserved by being ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut req: Request<Body>) -> Self::Future {
        let attempt = req.extensions().get().and_then(CallContext::attempt_id);
        *req.version_mut() = self.version;
        if let Err(error) = self.direct(&mut req) {
            return Box::pin(std::future::ready(Err(NotSent::new(attempt, error).into())));
        }
        let response = self.client.request(req);
        Box::pin(async move {
            response.await.map_err(|error: Error| {
                if error.is_connect() { NotSent::new(attempt, error).into() } else { error.into() }
            })
        })
    }
}

impl HyperConnection {
    /// Makes the request's URI absolute, with the endpoint's authority.
    fn direct<B>(&self, req: &mut Request<B>) -> Result<(), BoxError> {
        let Some(authority) = self.authority.clone() else {
            return Err(format!("{:?} is no authority", self.endpoint.authority()).into());
        };
        let mut parts = std::mem::take(req.uri_mut()).into_parts();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = Some(authority);
        if parts.path_and_query.is_none() {
            parts.path_and_query = Some(uri::PathAndQuery::from_static("/"));
        }
        *req.uri_mut() = Uri::from_parts(parts)?;
        // A host that the request came with, as through a gateway, would be sent in place of the endpoint's, or beside it.
        req.headers_mut().remove(header::HOST);
        Ok(())
    }
}

impl fmt::Debug for HyperConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HyperConnection").field(&self.endpoint).finish()
    }
}

/// What hyper's pool asks for a connection. The URI only names the pool's entry, of which there is one.
#[derive(Clone)]
struct Dialler {
    dial: Arc<Dial>,
    endpoint: Endpoint,
}

impl Service<Uri> for Dialler {
    type Response = Socket;
    type Error = io::Error;
    type Future = Dialled;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Dialled {
        (self.dial)(&self.endpoint)
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

struct Socket(TokioIo<Box<dyn Io>>);

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}
