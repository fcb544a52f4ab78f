//! Lists of endpoints in a TOML file.
//!
//! ```toml
//! [[endpoint]]
//! id = "playback-1"          # default: the address
//! addr = "127.0.1.1:9110"    # or "name:port", or "unix:/run/playback.sock"
//! zone = "a"                 # this and all below may be left out
//! weight = 1
//! authority = "playback.example"
//! [endpoint.meta]
//! version = "1.2.3"
//! ```

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    future::Future,
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use orlop_core::{Addr, Endpoint, Update};
use serde::Deserialize;
use tokio::time::sleep;

use crate::diff::{Set, diff};

/// The stream made by [`watch`].
///
/// Each pass reads the file again: its length and time can stay the same over a change, its text cannot.
#[must_use = "a stream does nothing until it is polled"]
pub struct Watch {
    path: Arc<PathBuf>,
    interval: Duration,
    read: Pin<Box<dyn Future<Output = io::Result<String>> + Send>>,
    /// The text or error of the last pass, to tell each only once.
    last: Option<Result<String, String>>,
    told: Option<Set>,
    queue: std::collections::VecDeque<Update>,
}

/// A file that is no list of endpoints. What it said before stays in force.
#[derive(Debug)]
pub struct BadFile {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Read(io::Error),
    Parse(toml::de::Error),
    Addr { id: String, addr: String },
    Twice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    endpoint: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Option<String>,
    addr: String,
    zone: Option<String>,
    weight: Option<NonZeroU32>,
    authority: Option<String>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

/// The endpoints listed in the file at `path`, read again every 5 s.
///
/// It yields [`Update::Reset`] with the first good list, then [`Update::Remove`] and [`Update::Upsert`] for what
/// changes. A file that is missing or bad yields [`Update::Failed`] with [`BadFile`], once; what was listed stays in
/// force. It reads only while it is polled.
///
/// # Cancel safety
///
/// A watch that is dropped has no effect elsewhere.
pub fn watch(path: impl Into<PathBuf>) -> Watch {
    let path = Arc::new(path.into());
    Watch {
        read: Box::pin(read(path.clone(), Duration::ZERO)),
        path,
        interval: Duration::from_secs(5),
        last: None,
        told: None,
        queue: std::collections::VecDeque::new(),
    }
}

async fn read(path: Arc<PathBuf>, after: Duration) -> io::Result<String> {
    if !after.is_zero() {
        sleep(after).await;
    }
    tokio::fs::read_to_string(&*path).await
}

// ===== impl Watch =====

impl Watch {
    /// Sets the time between two readings. Default 5 s. At least 10 ms.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(10));
        self
    }

    fn take(&mut self, read: io::Result<String>) {
        let this = read.as_ref().map(String::clone).map_err(ToString::to_string);
        if self.last.as_ref() == Some(&this) {
            return;
        }
        self.last = Some(this);
        let list = read.map_err(Why::Read).and_then(|text| parse(&text));
        match list {
            Ok(list) => {
                match &self.told {
                    Some(told) => self.queue.extend(diff(told, &list)),
                    None => self.queue.push_back(Update::Reset(list.values().cloned().collect())),
                }
                self.told = Some(list);
            }
            Err(why) => {
                let path = self.path.to_path_buf();
                self.queue.push_back(Update::Failed(Arc::new(BadFile { path, why })));
            }
        }
    }
}

impl Stream for Watch {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        loop {
            if let Some(update) = self.queue.pop_front() {
                return Poll::Ready(Some(update));
            }
            let text = ready!(self.read.as_mut().poll(cx));
            self.take(text);
            self.read = Box::pin(read(self.path.clone(), self.interval));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("path", &self.path)
            .field("interval", &self.interval)
            .field("told", &self.told.as_ref().map(BTreeMap::len))
            .finish_non_exhaustive()
    }
}

// ===== reading =====

fn parse(text: &str) -> Result<Set, Why> {
    let list: List = toml::from_str(text).map_err(Why::Parse)?;
    let mut set = Set::new();
    for entry in list.endpoint {
        let endpoint = entry.endpoint()?;
        let id = endpoint.id().clone();
        if set.insert(id.clone(), endpoint).is_some() {
            return Err(Why::Twice(id.to_string()));
        }
    }
    Ok(set)
}

impl Entry {
    fn endpoint(self) -> Result<Endpoint, Why> {
        let id = self.id.unwrap_or_else(|| self.addr.clone());
        let Some(addr) = addr(&self.addr) else {
            return Err(Why::Addr { id, addr: self.addr });
        };
        let mut endpoint =
            Endpoint::builder(id, addr).weight(self.weight.unwrap_or(NonZeroU32::MIN));
        if let Some(zone) = self.zone {
            endpoint = endpoint.zone(zone);
        }
        if let Some(authority) = self.authority {
            endpoint = endpoint.authority(authority);
        }
        for (key, value) in self.meta {
            endpoint = endpoint.meta(key, value);
        }
        Ok(endpoint.build())
    }
}

fn addr(text: &str) -> Option<Addr> {
    if let Some(path) = text.strip_prefix("unix:") {
        return (!path.is_empty()).then(|| Addr::Unix(Path::new(path).to_path_buf()));
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(Addr::Ip(socket));
    }
    let (host, port) = text.rsplit_once(':')?;
    let fine = !host.is_empty() && !host.contains([':', '/', ' ']);
    fine.then_some(Addr::Name(host.into(), port.parse().ok()?))
}

// ===== impl BadFile =====

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.why {
            Why::Read(_) => f.write_str("cannot be read"),
            Why::Parse(_) => f.write_str("not a list of endpoints"),
            Why::Addr { id, addr } => {
                write!(
                    f,
                    "addr of endpoint {id} must be ip:port, name:port or unix:path, got {addr:?}"
                )
            }
            Why::Twice(id) => write!(f, "endpoint {id} is listed twice"),
        }
    }
}

impl Error for BadFile {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.why {
            Why::Read(cause) => Some(cause),
            Why::Parse(cause) => Some(cause),
            Why::Addr { .. } | Why::Twice(_) => None,
        }
    }
}
