//! Where the registries are, and which of them failed lately.

use std::{
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
};

use http::{Uri, uri::PathAndQuery};
use tokio::time::Instant;

/// The address of a registry that cannot be used.
#[derive(Debug)]
pub struct BadUrl {
    url: String,
    why: &'static str,
}

/// One registry: scheme, authority and the path under which it serves, without a slash at its end.
#[derive(Clone, Debug)]
pub(super) struct Base {
    scheme: String,
    authority: String,
    path: String,
}

/// The registries in the order of preference. One that failed goes to the back for a while.
#[derive(Debug)]
pub(super) struct Bases {
    list: Vec<Base>,
    /// Until when each is at the back. Guards nothing else; never held while waiting.
    failed_until: Mutex<Vec<Option<Instant>>>,
}

// ===== impl Base =====

impl Base {
    pub(super) fn parse(url: &str) -> Result<Self, BadUrl> {
        let bad = |why| BadUrl { url: url.to_owned(), why };
        let uri: Uri = url.parse().map_err(|_| bad("it is not a URL"))?;
        let scheme = uri.scheme_str().ok_or_else(|| bad("it has no scheme such as http://"))?;
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it has a password in it: set an Authorization header instead"));
        }
        if uri.query().is_some() {
            return Err(bad("it has a query"));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The address of `path`, which begins with a slash and is already encoded.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, http::Error> {
        let path: PathAndQuery = format!("{}{path}", self.path).parse()?;
        Uri::builder()
            .scheme(self.scheme.as_str())
            .authority(self.authority.as_str())
            .path_and_query(path)
            .build()
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

// ===== impl Bases =====

impl Bases {
    pub(super) fn new(list: Vec<Base>) -> Self {
        let failed_until = Mutex::new(vec![None; list.len()]);
        Self { list, failed_until }
    }

    pub(super) fn list(&self) -> &[Base] {
        &self.list
    }

    /// All of them, those that failed lately last.
    pub(super) fn in_turn(&self, now: Instant) -> Vec<usize> {
        let failed = self.failed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        // Stable, so preference decides among equals.
        order.sort_by_key(|&index| failed[index].is_some_and(|until| until > now));
        order
    }

    pub(super) fn failed(&self, index: usize, until: Instant) {
        self.failed_until.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(until);
    }

    pub(super) fn answered(&self, index: usize) {
        self.failed_until.lock().unwrap_or_else(PoisonError::into_inner)[index] = None;
    }
}

// ===== impl BadUrl =====

impl BadUrl {
    pub(super) fn none() -> Self {
        Self { url: String::new(), why: "at least one registry is needed" }
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.url.is_empty() {
            return f.write_str(self.why);
        }
        write!(f, "{:?} cannot be a registry's address: {}", self.url, self.why)
    }
}

impl Error for BadUrl {}
