//! Refuses requests that two parsers could read in two ways.

use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header, uri::Authority,
};

use crate::{Body, Category, Filter, FilterMeta, Phases, RequestCx, Step, answer::plain, order};

/// An access filter that answers 400 to ambiguous framing, hosts and paths.
///
/// Refused are: more than one `Host`, none at all in HTTP/1.1, or one that differs from the target's authority;
/// `Content-Length` together with `Transfer-Encoding`, differing or non-numeric lengths, a coding other than one
/// `chunked`, `Transfer-Encoding` outside HTTP/1.1, connection headers in HTTP/2; in the path a backslash, an encoded
/// slash, backslash or control character, broken or doubled percent-encoding, and segments that are `.` or `..` once
/// decoded.
///
/// Two things are put right instead: identical repeated lengths become one, and letters, digits, `-`, `.`, `_` and `~`
/// that are percent-encoded in the path are decoded (RFC 3986 6.2.2.2), so that `/%61dmin` is routed as `/admin`.
///
/// A server library may have settled some of this before a filter can see it: hyper drops a `Content-Length` beside a
/// `Transfer-Encoding` and closes the connection after the response.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Normalize {
    require_host: bool,
    empty_segments: bool,
}

// ===== impl Normalize =====

impl Normalize {
    /// Requires a host and refuses empty path segments (`//`).
    pub fn new() -> Self {
        Self { require_host: true, empty_segments: false }
    }

    /// Whether an HTTP/1.1 request must name its host, as RFC 9112 3.2 says. Defaults to true.
    #[must_use]
    pub fn require_host(mut self, require: bool) -> Self {
        self.require_host = require;
        self
    }

    /// Whether `//` may be in a path. Defaults to false: some upstreams merge slashes and some do not.
    #[must_use]
    pub fn empty_segments(mut self, allow: bool) -> Self {
        self.empty_segments = allow;
        self
    }

    fn check(&self, req: &mut Request<Body>) -> Result<(), &'static str> {
        if req.method() == Method::CONNECT {
            return Err("tunnels are not served");
        }
        host(req.uri(), req.version(), req.headers(), self.require_host)?;
        path(req.uri().path(), req.method(), self.empty_segments)?;
        if let Some(uri) = canonical(req.uri()) {
            *req.uri_mut() = uri;
        }
        let version = req.version();
        framing(version, req.headers_mut())
    }
}

impl Default for Normalize {
    fn default() -> Self {
        Self::new()
    }
}

impl Filter for Normalize {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("normalize", Category::Access)
            .order(order::NORMALIZE)
            .phases(Phases::Inbound)
    }

    fn on_request<'a>(&'a self, _: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        match self.check(req) {
            Ok(()) => Step::CONTINUE,
            Err(reason) => Step::respond(plain(StatusCode::BAD_REQUEST, reason)),
        }
    }
}

// ===== the rules =====

fn host(
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
    required: bool,
) -> Result<(), &'static str> {
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("user information in the target");
    }
    let mut values = headers.get_all(header::HOST).iter();
    let Some(value) = values.next() else {
        if required && uri.authority().is_none() && version == Version::HTTP_11 {
            return Err("missing host");
        }
        return Ok(());
    };
    if values.next().is_some() {
        return Err("more than one host");
    }
    let host = Authority::try_from(value.as_bytes()).map_err(|_| "invalid host")?;
    // A comma is allowed in a name, but what has one is two hosts that somebody has joined.
    if host.as_str().contains(['@', ',']) {
        return Err("invalid host");
    }
    // Authorities compare without case.
    if uri.authority().is_some_and(|authority| *authority != host) {
        return Err("host and target differ");
    }
    Ok(())
}

fn framing(version: Version, headers: &mut HeaderMap) -> Result<(), &'static str> {
    let coded = headers.contains_key(header::TRANSFER_ENCODING);
    if coded && headers.contains_key(header::CONTENT_LENGTH) {
        return Err("content-length and transfer-encoding");
    }
    if coded && version != Version::HTTP_11 {
        return Err("transfer-encoding outside http/1.1");
    }
    if coded {
        let mut values = headers.get_all(header::TRANSFER_ENCODING).iter();
        let one = values.next().filter(|_| values.next().is_none());
        if !one.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err("transfer-encoding other than chunked");
        }
    }
    if version > Version::HTTP_11
        && ["connection", "keep-alive", "proxy-connection", "upgrade"]
            .iter()
            .any(|name| headers.contains_key(*name))
    {
        return Err("connection headers in http/2");
    }
    if let Some(length) = length(headers)? {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    Ok(())
}

/// The one length to keep where several equal ones came.
fn length(headers: &HeaderMap) -> Result<Option<HeaderValue>, &'static str> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let digits = first.as_bytes();
    // 19 digits is the most that fits 64 bits for certain. A sign, a space or a list is not a number.
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return Err("invalid content-length");
    }
    let mut repeated = false;
    for other in values {
        if other != first {
            return Err("content-lengths differ");
        }
        repeated = true;
    }
    Ok(repeated.then(|| first.clone()))
}

fn path(path: &str, method: &Method, empty_segments: bool) -> Result<(), &'static str> {
    if path == "*" && method == Method::OPTIONS {
        return Ok(());
    }
    let Some(rest) = path.strip_prefix('/') else { return Err("path without a slash") };
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        // The last one is empty in "/" and in "/a/".
        if segment.is_empty() && segments.peek().is_some() && !empty_segments {
            return Err("empty path segment");
        }
        check_segment(segment.as_bytes())?;
    }
    Ok(())
}

fn check_segment(segment: &[u8]) -> Result<(), &'static str> {
    // What is before `;` of the decoded segment, as far as it can be `.` or `..`.
    let (mut dots, mut other, mut cut) = (0, false, false);
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let byte = if byte == b'%' {
            let (byte, after) = decode(rest).ok_or("invalid percent-encoding in the path")?;
            rest = after;
            if byte == b'%' && is_trick(rest) {
                return Err("doubled percent-encoding in the path");
            }
            if byte == b'/' {
                return Err("encoded slash in the path");
            }
            byte
        } else {
            byte
        };
        if byte == b'\\' || byte.is_ascii_control() {
            return Err("backslash or control character in the path");
        }
        match byte {
            b';' => cut = true,
            b'.' if !cut => dots += 1,
            _ if !cut => other = true,
            _ => {}
        }
    }
    if !other && (dots == 1 || dots == 2) {
        return Err("dot segment in the path");
    }
    Ok(())
}

/// The target with its unreserved characters decoded; `None` if there is nothing to decode.
fn canonical(uri: &Uri) -> Option<Uri> {
    let mut rest = uri.path();
    let mut path = String::new();
    while let Some((before, after)) = rest.split_once('%') {
        path.push_str(before);
        let (byte, _) = decode(after.as_bytes())?;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.push_str(&after[..2]);
        }
        rest = &after[2..];
    }
    path.push_str(rest);
    if path.len() == uri.path().len() {
        return None;
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.try_into().ok()?);
    Uri::from_parts(parts).ok()
}

/// The byte that two hexadecimal digits stand for, and what comes after them.
fn decode(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = digits.split_first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some(((digit(high)? * 16 + digit(low)?) as u8, rest))
}

/// Whether an upstream that decodes twice would find a dot, a slash, a backslash or another percent sign here.
fn is_trick(after_percent: &[u8]) -> bool {
    decode(after_percent).is_some_and(|(byte, _)| matches!(byte, b'.' | b'/' | b'\\' | b'%' | 0))
}
