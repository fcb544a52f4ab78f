//! Connections: TCP, or turmoil's network in a simulation. The only place that opens a socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Where connections come from and go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Net {
    /// The machine's own TCP.
    #[default]
    Tcp,
    /// Turmoil's network: only usable on a simulated host.
    #[cfg(feature = "sim")]
    Simulated,
}

/// Accepts connections on one address.
pub struct Listener(Accept);

enum Accept {
    Tcp(tokio::net::TcpListener),
    #[cfg(feature = "sim")]
    Simulated(turmoil::net::TcpListener),
}

/// One connection, with Nagle's algorithm off.
#[derive(Debug)]
pub struct Stream(Io);

#[derive(Debug)]
enum Io {
    Tcp(tokio::net::TcpStream),
    #[cfg(feature = "sim")]
    Simulated(turmoil::net::TcpStream),
}

// ===== impl Net =====

impl Net {
    /// Whether it is turmoil's.
    pub const fn is_simulated(self) -> bool {
        match self {
            Self::Tcp => false,
            #[cfg(feature = "sim")]
            Self::Simulated => true,
        }
    }

    /// Listens on `addr`; port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours.
    pub async fn listen(&self, addr: SocketAddr) -> io::Result<Listener> {
        match self {
            Self::Tcp => bind(addr).await,
            #[cfg(feature = "sim")]
            Self::Simulated => {
                // A simulated host has one address and binds by port only.
                let any = SocketAddr::from(([0, 0, 0, 0], addr.port()));
                let listener = turmoil::net::TcpListener::bind(any).await?;
                Ok(Listener(Accept::Simulated(listener)))
            }
        }
    }

    /// Connects to `addr`. There is no time-out here: the caller's deadline covers connecting.
    ///
    /// # Errors
    ///
    /// When the peer refuses or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the half-open connection.
    pub async fn dial(&self, addr: SocketAddr) -> io::Result<Stream> {
        match self {
            Self::Tcp => connect(addr).await,
            #[cfg(feature = "sim")]
            Self::Simulated => {
                let stream = turmoil::net::TcpStream::connect(addr).await?;
                Ok(Stream(Io::Simulated(stream)))
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that listens")]
async fn bind(addr: SocketAddr) -> io::Result<Listener> {
    let listener = tokio::net::TcpListener::bind(addr).await?;
    Ok(Listener(Accept::Tcp(listener)))
}

#[expect(clippy::disallowed_methods, reason = "the one place that connects")]
async fn connect(addr: SocketAddr) -> io::Result<Stream> {
    let stream = tokio::net::TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(Stream(Io::Tcp(stream)))
}

// ===== impl Listener =====

impl Listener {
    /// The next connection and who opened it.
    ///
    /// # Errors
    ///
    /// Errors of a single connection (it went away before it was accepted) and of the process (no file descriptors
    /// left) both end up here; see [`crate::http::serve`] for how to go on.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when the future is dropped.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match &self.0 {
            Accept::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Stream(Io::Tcp(stream)), peer))
            }
            #[cfg(feature = "sim")]
            Accept::Simulated(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream(Io::Simulated(stream)), peer))
            }
        }
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// When the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Accept::Tcp(listener) => listener.local_addr(),
            #[cfg(feature = "sim")]
            Accept::Simulated(listener) => listener.local_addr(),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: turmoil's has no `Debug`.
        f.debug_tuple("Listener").field(&self.local_addr()).finish()
    }
}

// ===== impl Stream =====

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Io::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            #[cfg(feature = "sim")]
            Io::Simulated(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Io::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            #[cfg(feature = "sim")]
            Io::Simulated(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Io::Tcp(io) => Pin::new(io).poll_flush(cx),
            #[cfg(feature = "sim")]
            Io::Simulated(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Io::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            #[cfg(feature = "sim")]
            Io::Simulated(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Io::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            #[cfg(feature = "sim")]
            Io::Simulated(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Io::Tcp(io) => io.is_write_vectored(),
            #[cfg(feature = "sim")]
            Io::Simulated(io) => io.is_write_vectored(),
        }
    }
}
